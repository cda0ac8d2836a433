"""Signal: a chat as signal-export writes it in Markdown, or sigtop in text."""

from __future__ import annotations

import re

from ..stores.records import Session
from .block_text import mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .source_file import SourceFile
from .stamped_lines import StampedLine, begins_with, find_messages, timed_turns
from .written_times import read_times

_MARKDOWN = re.compile(r"\[(?P<stamp>\d{4}-\d\d-\d\d,? \d\d:\d\d(?::\d\d)?)\] (?P<speaker>[^:\n]{1,80}): ?(?P<text>.*)")
_MEDIA = re.compile(r"!?\[[^\]]*\]\((?:\./)?media/([^)]+)\)")
_REACTIONS = re.compile(r"\n?\(- .*? -\)$", re.S)
_FIELD = re.compile(r"(From|Type|Sent|Received|Edited|Attachment|Quote|Reaction): (.*)")


def recognise(file: SourceFile) -> bool:
    """Markdown with the stamp of signal-export in brackets, which WhatsApp writes in text; or the head of sigtop."""
    return (file.suffix == ".md" and begins_with(file.lines, _MARKDOWN)) or _is_sigtop(file)


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day; ids begin with the chat's name, which is the folder's where the file is `chat.md` or `index.md`."""
    turns = (
        _sigtop_turns(file)
        if _is_sigtop(file)
        else timed_turns(list(find_messages(file.lines, _MARKDOWN)), file.label, file.day_first, _clean)
    )
    generic = file.title in ("chat", "index") and len(file.path.parts) > 1
    name = file.path.parent.as_posix() if generic else file.stem
    return chat_sessions(
        Chat(turns=turns, id=name, dated=True, title=name.rpartition("/")[2], metadata={"source": "signal"})
    )


def _clean(one: StampedLine) -> str:
    text = _REACTIONS.sub("", one.text)
    return _MEDIA.sub(lambda media: mark("file", media[1]), text).strip()


def _is_sigtop(file: SourceFile) -> bool:
    head = [line for line in file.lines[:12] if line.strip()]
    return len(head) > 3 and head[0].startswith("Conversation: ") and any(line.startswith("Sent: ") for line in head)


def _sigtop_turns(file: SourceFile) -> list[ChatTurn]:
    """Blocks of fields, an empty line, then the words."""
    found: list[dict[str, str]] = []
    words: list[list[str]] = []
    in_fields = False
    for line in file.lines:
        match = _FIELD.match(line)
        if match and match[1] == "From":
            found.append({})
            words.append([])
            in_fields = True
        if not found:
            continue
        if in_fields and match:
            if match[1] == "Attachment":
                words[-1].append(mark("file", match[2]))
            found[-1].setdefault(match[1], match[2])
        else:
            in_fields = in_fields and bool(line.strip())
            words[-1].append(line)
    times = read_times([one.get("Sent") for one in found], file.label, file.day_first, in_order=True)
    return [
        ChatTurn(re.sub(r" \(\+?[\w-]+\)$", "", one["From"]).strip(), "\n".join(said).strip(), time)
        for one, said, time in zip(found, words, times, strict=True)
    ]
