"""Two layouts of samples that several data sets share: questions over one long text, and over a pool of paragraphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...stores.records import Session
from .benchmark_records import Question, Sample
from .row_files import Row


def document_question(
    row: Row, name: str, category: str, *, input: str = "input", answers: str = "answers"
) -> tuple[str, Question]:
    """The text of a row and its question, in the layout of LongBench; the id is `index` or `_id`, else the row number."""
    id = row.values.get("_id") or row.values.get("index")
    label = f"{name}/{row.number - 1 if id is None else id}"
    return row.get("context", str), Question(label, row.get(input, str), row.texts(answers), category)


def group_by_document(name: str, rows: Iterable[tuple[str, Question]]) -> tuple[Sample, ...]:
    """A sample for each text, in order of first appearance, with all questions about it."""
    texts: dict[str, list[Question]] = {}
    for text, question in rows:
        texts.setdefault(text, []).append(question)
    return tuple(document_sample(f"{name}/{at}", text, questions) for at, (text, questions) in enumerate(texts.items()))


def document_sample(name: str, text: str, questions: Sequence[Question]) -> Sample:
    """One text as one session, which the memory splits into pages."""
    return Sample(name, (Session(text=text, id="document"),), tuple(questions))


def paragraph_key(title: str, text: str) -> str:
    """A paragraph's session id: two paragraphs may share a title."""
    return f"{title}\n{text[:40]}"


def pool_paragraphs(
    name: str, questions: Iterable[tuple[Mapping[str, str], Question]], *, pool: bool
) -> tuple[Sample, ...]:
    """One sample over the paragraphs (session id to text) of all questions, each once; without `pool`, one for each
    question over its own."""
    rows = list(questions)
    groups = [(name, rows)] if pool else [(question.id, [(texts, question)]) for texts, question in rows]
    samples = []
    for label, group in groups:
        texts: dict[str, str] = {}
        for paragraphs, _ in group:
            texts |= {id: text for id, text in paragraphs.items() if id not in texts}
        sessions = [Session(text=text, id=id, metadata={"title": id.split("\n")[0]}) for id, text in texts.items()]
        samples.append(Sample(label, tuple(sessions), tuple(question for _, question in group)))
    return tuple(samples)
