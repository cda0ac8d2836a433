"""LangChain's documents as sessions.

memory.memorize_many(as_sessions(TextLoader("notes.txt").load()))
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from langchain_core.documents import Document

from ..stores.records import Session


def as_sessions(documents: Iterable[Document]) -> Iterator[Session]:
    """A session for each document with text in it, for `memorize_many`.

    Its id is the document's, or `id` of the metadata, or `source`, numbered where several documents have one source
    (`notes.pdf#1`); its time is `time`. All metadata stays with the session, what is no JSON as text.
    """
    given = list(documents)
    shared = Counter(_name(document) for document in given)
    seen: Counter[str | None] = Counter()
    for document in given:
        name = _name(document)
        seen[name] += 1
        if document.page_content.strip():
            time = document.metadata.get("time")
            yield Session(
                text=document.page_content,
                id=f"{name}#{seen[name]}" if name and shared[name] > 1 else name,
                time=time if isinstance(time, str | datetime) and time else None,
                metadata=_plain(document.metadata),
            )


def _name(document: Document) -> str | None:
    names = (document.id, document.metadata.get("id"), document.metadata.get("source"))
    return next((str(name) for name in names if name is not None and str(name).strip()), None)


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(dict(metadata), default=str, skipkeys=True)
    plain: dict[str, Any] = json.loads(text, parse_constant=str)  # NaN is common in what comes from tables
    return plain
