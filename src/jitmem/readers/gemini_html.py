"""Gemini: `My Activity.html` of Google Takeout."""

from __future__ import annotations

import re
from datetime import datetime

from ..stores.records import Session
from .chat_turns import Chat, ChatTurn, chat_sessions
from .gemini_activity import PROMPTED
from .html_page import html_text
from .source_file import SourceFile
from .written_times import order_of, try_time

_CELL = re.compile(r'<div class="outer-cell')
_BODY = re.compile(r'<div class="content-cell[^"]*mdl-typography--body-1">(.*?)(?=<div class="content-cell|\Z)', re.S)


def recognise(file: SourceFile) -> bool:
    """The cells of My Activity, with this product's name."""
    head = file.text[:200_000]
    return "outer-cell" in head and "mdl-typography" in head and re.search(r"Gemini Apps|Bard", head) is not None


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day, or several where hours lie between."""
    turns = []
    for cell in _CELL.split(file.text)[1:]:
        body = _BODY.search(cell)
        lines = html_text(body[1]).split("\n") if body else []
        at = next((number for number, line in enumerate(lines) if _stamp(line)), None)
        if at is None:
            continue
        time = _stamp(lines[at])
        turns.append(ChatTurn("user", PROMPTED.sub("", "\n".join(lines[:at]).strip()), time))
        turns.append(ChatTurn("assistant", "\n".join(lines[at + 1 :]).strip(), time))
    turns.sort(key=lambda turn: order_of(turn.time))
    return chat_sessions(Chat(turns=turns, id="gemini", dated=True, metadata={"source": "gemini"}))


def _stamp(line: str) -> datetime | None:
    return try_time(line) if re.search(r"\d{4}.*\d:\d\d", line) and len(line) < 60 else None
