"""Paragraphs of many questions in one memory, each once, a page each, for HotpotQA and MuSiQue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...stores.records import Session
from .benchmark_records import Question, Sample


@dataclass(frozen=True, slots=True)
class ParagraphQuestion:
    """A question with its paragraphs, gold ones and distractors: session id to text."""

    paragraphs: Mapping[str, str]
    question: Question


def paragraph_key(title: str, text: str) -> str:
    """A paragraph's session id: two paragraphs may share a title."""
    return f"{title}\n{text[:40]}"


def pool_paragraphs(name: str, questions: Iterable[ParagraphQuestion], *, pool: bool) -> tuple[Sample, ...]:
    """One sample over the paragraphs of all questions; without `pool`, one for each question over its own."""
    rows = list(questions)
    groups = [(name, rows)] if pool else [(row.question.id, [row]) for row in rows]
    return tuple(_sample(label, group) for label, group in groups)


def _sample(name: str, rows: list[ParagraphQuestion]) -> Sample:
    sessions: dict[str, Session] = {}
    for row in rows:
        for id, text in row.paragraphs.items():
            sessions.setdefault(id, Session(text=text, id=id, metadata={"title": id.split("\n")[0]}))
    return Sample(name, tuple(sessions.values()), tuple(row.question for row in rows))
