"""Discord: a channel as DiscordChatExporter writes it in text."""

from __future__ import annotations

import re

from ..stores.records import Session
from .block_text import mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .source_file import SourceFile
from .stamped_lines import is_stamp
from .written_times import read_times

_HEAD = re.compile(r"={20,}\n(?:Guild: (?P<guild>.*)\n)?Channel: (?P<channel>.*)\n")
_MESSAGE = re.compile(r"\[(?P<stamp>[^\[\]\n]{6,40})\] (?P<speaker>[^\n]{1,80}?)(?: \(pinned\))?$")
_SECTION = re.compile(r"\{(Attachments|Embed|Embeds|Stickers|Reactions)\}$")


def recognise(file: SourceFile) -> bool:
    """The head of the export: a rule, then the server and the channel."""
    return _HEAD.match(file.text.replace("\r\n", "\n")) is not None


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day; reactions are left out."""
    head = _HEAD.match("\n".join(file.lines))
    found: list[tuple[str, str, list[str]]] = []
    section = ""
    for line in file.lines[4:]:
        match = _MESSAGE.match(line)
        if match and is_stamp(match["stamp"]):
            found.append((match["stamp"], match["speaker"], []))
            section = ""
        elif line.startswith("=" * 20):
            section = "rule"
        elif part := _SECTION.match(line):
            section = part[1]
        elif found and section in ("", "Embed", "Embeds"):
            found[-1][2].append(line)
        elif found and section in ("Attachments", "Stickers") and line.strip():
            found[-1][2].append(mark("file", line.strip().rpartition("/")[2].partition("?")[0]))
    times = read_times([stamp for stamp, _, _ in found], file.label, file.day_first, in_order=True)
    turns = [
        ChatTurn(speaker, re.sub(r"\n{2,}(?=\[)", "\n", "\n".join(words).strip()), time)
        for (_, speaker, words), time in zip(found, times, strict=True)
    ]
    channel = head["channel"].rpartition(" / ")[2].strip() if head else ""
    chat = Chat(
        turns=turns, id=file.stem, title=channel, dated=True, metadata={"source": "discord", "channel": channel}
    )
    return chat_sessions(chat)
