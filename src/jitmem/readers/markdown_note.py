"""A note in Markdown: front matter, or what Obsidian and Notion write instead; its date may be in its name or heading."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from ..stores.records import Session
from .file_dates import date_in_heading, date_in_name
from .session_markdown import session_of_markdown
from .source_file import SourceFile
from .written_times import try_time

_INLINE = re.compile(r"(?:[-*] )?\[?(?:date|created|day)::\s*([^\]\n]+|\[\[[^\]]+\]\])", re.I)
_QUERY = re.compile(r"^(`{3,}|~{3,})(?:dataview|dataviewjs|tasks|query)\b.*?^\1[ \t]*(?:\n|\Z)", re.M | re.S)
_NOTION = re.compile(r"(.*\S) (?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_PROPERTY = re.compile(
    r"(?:Created(?: time| at)?|Date(?: Created)?|생성 ?일시?|날짜|작성 ?일시?|作成日時?|日付|创建时间|日期|Erstellt(?: am)?|Datum"
    r"|Créé(?: le)?|Fecha(?: de creación)?|Creado|Data(?: de criação)?|Criado(?: em)?|Дата(?: создания)?): (.+)$"
)


def read_note(file: SourceFile) -> Session:
    """One session, word for word but for the front matter and the queries of a plugin, which are not words of a note."""
    session = session_of_markdown(_QUERY.sub("", file.text), file.label)
    notion = _NOTION.fullmatch(file.title)
    if notion and "title" not in session.metadata:
        session = replace(session, metadata={"title": notion[1], **session.metadata})
    if session.time is None:
        text = session.text or ""
        time = (_notion_time(text) if notion else _inline_time(text)) or date_in_name(file) or date_in_heading(text)
        session = replace(session, time=time)
    return session


def _inline_time(text: str) -> datetime | None:
    """In a field of the Dataview plugin near the top: `date:: 2025-05-20`."""
    found = (match for line in text.split("\n")[:20] if (match := _INLINE.match(line)))
    return next((time for match in found if (time := try_time(match[1].strip("[] ")))), None)


def _notion_time(text: str) -> datetime | None:
    """In a property below the title of a page out of a database."""
    for line in text.split("\n")[:20]:
        if (match := _PROPERTY.match(line.strip())) and (time := try_time(match[1])):
            return time
    return None
