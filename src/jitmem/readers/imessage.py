"""iMessage: a chat as imessage-exporter writes it in text: the time, the name, the words, an empty line."""

from __future__ import annotations

import re

from ..stores.records import Session
from .block_text import mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .source_file import SourceFile
from .written_times import read_times

_STAMP = re.compile(
    r"([A-Z][a-z]{2} \d{1,2}, \d{4} {1,2}\d{1,2}:\d\d:\d\d [AP]M)(?: \((?:Read|Delivered|Edited).*\))?$"
)
_NOTES = re.compile(r"(?:Tapbacks:|This message responded to|Edited \d+ |Expressive|Sent with )")
_EDITED = re.compile(r"Edited \d.{0,60}? later: (.*)")
_PATH = re.compile(r"^(?:/|~/|attachments/)\S.*\.(\w{2,5})$", re.M)


def recognise(file: SourceFile) -> bool:
    """The first line is the time alone on its line, and a name follows."""
    lines = [line for line in file.lines[:20] if line.strip()]
    return len(lines) >= 3 and _STAMP.match(lines[0]) is not None and _STAMP.match(lines[1]) is None


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day; replies that are shown again, indented under what they answer, are left out."""
    blocks: list[tuple[str, list[str]]] = []
    for line in file.lines:
        if match := _STAMP.match(line):
            blocks.append((re.sub(r"\s+", " ", match[1]), []))
        elif blocks:
            blocks[-1][1].append(line)
    times = read_times([stamp for stamp, _ in blocks], file.label)
    turns = [
        ChatTurn(lines[0].strip(), _words(lines[1:]), time)
        for (_, lines), time in zip(blocks, times, strict=True)
        if lines and lines[0].strip()
    ]
    return chat_sessions(Chat(turns=turns, id=file.stem, dated=True, title=file.title, metadata={"source": "imessage"}))


def _words(lines: list[str]) -> str:
    own = []
    for line in lines:
        if edited := _EDITED.match(line):
            own.append(edited[1])
            continue
        if _NOTES.match(line):
            break
        if not line.startswith("    "):
            own.append(line)
    return _PATH.sub(lambda path: mark("file", path[0].rpartition("/")[2]), "\n".join(own)).strip()
