"""Questions over one long text each, in the layout of LongBench: `context`, `input`, `answers`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...stores.records import Session
from .benchmark_records import Question, Sample
from .row_files import Row


@dataclass(frozen=True, slots=True)
class DocumentQuestion:
    """A question about a text, which other questions may share."""

    text: str
    question: Question


def document_question(
    row: Row, name: str, category: str, *, input: str = "input", answers: str = "answers"
) -> DocumentQuestion:
    """A row's question; its id is `index` or `_id`, else the row number."""
    id = row.values.get("_id") or row.values.get("index")
    label = f"{name}/{row.number - 1 if id is None else id}"
    return DocumentQuestion(row.get("context", str), Question(label, row.get(input, str), row.texts(answers), category))


def group_by_document(name: str, rows: Iterable[DocumentQuestion]) -> tuple[Sample, ...]:
    """A sample for each text, in order of first appearance, with all questions about it."""
    texts: dict[str, list[Question]] = {}
    for row in rows:
        texts.setdefault(row.text, []).append(row.question)
    return tuple(document_sample(f"{name}/{at}", text, questions) for at, (text, questions) in enumerate(texts.items()))


def document_sample(name: str, text: str, questions: Sequence[Question]) -> Sample:
    """One text as one session, which the memory splits into pages."""
    return Sample(name, (Session(text=text, id="document"),), tuple(questions))
