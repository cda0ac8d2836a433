"""Gemini: `MyActivity.json` of Google Takeout, a prompt with its reply an entry, newest first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .block_text import mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .html_page import html_text
from .source_file import SourceFile
from .written_times import order_of, read_time

_PRODUCTS = ("gemini", "bard")
# The word before the prompt, in the languages of the product: a prompt may begin with any other.
PROMPTED = re.compile(
    r"^(?:Prompted|Asked|Eingegebener Prompt:|Prompt:|Preguntaste:|Petición:|Solicitud:|Requête\s?:|Prompt saisi\s?:"
    r"|Comando:|Prompt inserito:|Solicitado:|Prompt enviado:|Запрос:|プロンプト:?|프롬프트:?|提示:?)\s+"
)


def recognise(file: SourceFile) -> bool:
    """Entries have a title and a time, and are of this product."""
    rows = file.rows[:20]
    return bool(rows) and all("title" in one and "time" in one for one in rows) and any(_is_gemini(one) for one in rows)


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day, or several where hours lie between; each entry is the user's turn and the assistant's."""
    turns = [turn for one in file.rows if _is_gemini(one) for turn in _turns(one, file.label)]
    turns.sort(key=lambda turn: order_of(turn.time))
    return chat_sessions(Chat(turns=turns, id="gemini", dated=True, metadata={"source": "gemini"}))


def _is_gemini(row: Mapping[str, Any]) -> bool:
    said = f"{row.get('header')} {row.get('products')}".lower()
    return any(word in said for word in _PRODUCTS)


def _turns(row: Mapping[str, Any], shown: str) -> list[ChatTurn]:
    time = read_time(row.get("time"), shown)
    asked = PROMPTED.sub("", str(row.get("title") or ""))
    files = [mark("file", one) for one in row.get("attachedFiles") or [] if isinstance(one, str)]
    files += [mark("image", one) for one in [row.get("imageFile")] if isinstance(one, str)]
    items = row.get("safeHtmlItem") or row.get("subtitles") or []
    replies = [html_text(str(one.get("html") or one.get("name") or "")) for one in items if isinstance(one, dict)]
    said = [ChatTurn("user", "\n".join([asked, *files]), time)]
    return said + [ChatTurn("assistant", text, time) for text in replies if text.strip()]
