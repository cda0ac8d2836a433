"""Gemini: `My Activity.html` of Google Takeout."""

from __future__ import annotations

import re

from ..stores.records import Session
from .chat_turns import Chat, ChatTurn, chat_sessions
from .gemini_activity import PROMPTED
from .html_page import html_text
from .source_file import SourceFile
from .stamped_lines import is_stamp
from .written_times import order_of, read_times

_ZONE_NAME = re.compile(r"(?<=[\dMm.])\s+(?!AM|PM)[A-Z]{2,5}\s*$")
_CELL = re.compile(r'<div class="outer-cell')
_BODY = re.compile(r'<div class="content-cell[^"]*mdl-typography--body-1">(.*?)(?=<div class="content-cell|\Z)', re.S)


def recognise(file: SourceFile) -> bool:
    """The cells of My Activity, with this product's name."""
    head = file.text[:200_000]
    return "outer-cell" in head and "mdl-typography" in head and re.search(r"Gemini Apps|Bard", head) is not None


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day, or several where hours lie between."""
    entries: list[tuple[str, str, str]] = []
    for cell in _CELL.split(file.text)[1:]:
        body = _BODY.search(cell)
        lines = html_text(body[1]).split("\n") if body else []
        at = next((number for number, line in enumerate(lines) if _stamp(line)), None)
        if at is not None:
            asked = PROMPTED.sub("", "\n".join(lines[:at]).strip())
            entries.append((_stamp(lines[at]), asked, "\n".join(lines[at + 1 :]).strip()))
    entries.reverse()  # the newest comes first
    times = read_times([stamp for stamp, _, _ in entries], file.label, file.day_first, in_order=True)
    said = zip(entries, times, strict=True)
    turns = [one for (_, *words), time in said for one in map(ChatTurn, ("user", "assistant"), words, (time, time))]
    turns.sort(key=lambda turn: order_of(turn.time))
    return chat_sessions(Chat(turns=turns, id="gemini", dated=True, metadata={"source": "gemini"}))


def _stamp(line: str) -> str:
    """The time that a line is, else "". The clock is that of the person's own place, whose zone is named by letters that may
    mean several: it is left out."""
    if len(line) >= 60 or not re.search(r"\d{4}.*\d:\d\d", line):
        return ""
    return next((form for form in (line, _ZONE_NAME.sub("", line)) if is_stamp(form)), "")
