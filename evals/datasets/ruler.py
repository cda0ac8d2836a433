"""RULER (Hsieh et al. 2024): synthetic questions over texts of any length, generated or read from files."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

from ...stores.errors import BadInput
from ...stores.records import Session
from .benchmark_records import DataSet, DataSource, Question, Sample
from .row_files import Row, read_rows
from .ruler_tasks import TASKS, SyntheticText, TaskMaker, qa_over
from .sample_layouts import document_question, group_by_document

SOURCE = DataSource(
    title="RULER",
    address="https://github.com/NVIDIA/RULER",
    files=("a file of rows with context, question and outputs",),
    licence="Apache 2.0 (the original); what is generated here needs none",
    paper="arXiv:2404.06654",
)
SHORTEST = 2000


def load(
    path: Path | None = None,
    *,
    tokens: int | Sequence[int] = 4000,
    count: int = 1,
    tasks: Sequence[str] = tuple(TASKS),
    sessions: int = 1,
    seed: int = 0,
    paragraphs: DataSet | None = None,
) -> DataSet:
    """Without a path, `count` samples of each of the `tasks`, generated on access; where `tokens` are several lengths,
    the first length first.

    Each is a text of `tokens` tokens (`count_tokens_approximately`, within 2 %) in one session, or split into
    `sessions`, with one question: the category is the task, `metadata["family"]` its family, evidence the sentences
    that support the answer (none for the aggregation tasks, which need the whole text). The same seed gives the same
    samples on every machine. The task `qa` asks about invented people, or, with `paragraphs` (such as
    `load_data_set("hotpotqa", path)`), that data set's questions over its paragraphs, filled up with invented ones.
    With a path, rows of `context`, `question`, `outputs`, as GAM's evaluation reads them.

    The tasks and their sizes are RULER's. The haystack is text of a small grammar, not essays, and words are made up.
    """
    if path is not None:
        rows = (_row_question(row) for row in read_rows(path))
        return DataSet("ruler", "document", group_by_document("ruler", rows), SOURCE)
    unknown = [task for task in tasks if task not in TASKS]
    if unknown or not tasks:
        raise BadInput(f"RULER has no tasks {', '.join(unknown) or '(none given)'}; it has: {', '.join(TASKS)}.")
    lengths = [tokens] if isinstance(tokens, int) else list(tokens)
    if not lengths or min(lengths) < SHORTEST or count < 1 or sessions < 1:
        raise BadInput(
            f"RULER takes tokens of {SHORTEST} or more, count and sessions of 1 or more; "
            f"got tokens={tokens}, count={count}, sessions={sessions}."
        )
    names = list(tasks)
    makers = {name: TASKS[name] for name in names}
    if paragraphs is not None:
        makers["qa"] = (TASKS["qa"][0], qa_over(paragraphs))

    def make_sample(at: int) -> Sample:
        number, task = divmod(at % (len(names) * count), len(names))
        return _sample(names[task], *makers[names[task]], number, lengths[at // (len(names) * count)], sessions, seed)

    return DataSet("ruler", "document", GeneratedSamples(len(lengths) * len(names) * count, make_sample), SOURCE)


class GeneratedSamples(Sequence[Sample]):
    """Samples that are generated on each access, so that none stays in memory."""

    def __init__(self, count: int | range, make_sample: Callable[[int], Sample]) -> None:
        self._places = range(count) if isinstance(count, int) else count
        self._make_sample = make_sample

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Sample: ...
    @overload
    def __getitem__(self, at: slice) -> GeneratedSamples: ...

    def __getitem__(self, at: int | slice) -> Sample | GeneratedSamples:
        if isinstance(at, slice):
            return GeneratedSamples(self._places[at], self._make_sample)
        return self._make_sample(self._places[at])


def _sample(task: str, family: str, make: TaskMaker, number: int, tokens: int, sessions: int, seed: int) -> Sample:
    # A text as seed is hashed by SHA-512: the same on every machine, unlike a tuple.
    text = make(random.Random(f"{seed}/{task}/{number}/{tokens}"), tokens)
    name = f"{task}-{tokens}-{seed}-{number}"
    metadata = {"family": family, "tokens": tokens, "seed": seed, "match": "all" if text.all_needed else "any"}
    question = Question(name, text.question, text.answers, task, text.evidence, metadata)
    return Sample(name, tuple(_split_sessions(text, sessions)), (question,))


def _split_sessions(text: SyntheticText, sessions: int) -> Iterator[Session]:
    """Sessions of about as many paragraphs each; joined, they are the whole text."""
    each = -(-len(text.parts) // sessions)
    for number, start in enumerate(range(0, len(text.parts), each), start=1):
        yield Session(text=text.joint.join(text.parts[start : start + each]), id=f"part-{number:03}")


def _row_question(row: Row) -> tuple[str, Question]:
    name = row.file.stem
    text, question = document_question(row, name, name, input="question", answers="outputs")
    example = row.get("example", str, "")
    whole = f"{question.text}\n\nHere is the example:\n{example}" if example.strip() else question.text
    return text, replace(question, text=whole, metadata={"match": "any" if name.startswith("qa") else "all"})
