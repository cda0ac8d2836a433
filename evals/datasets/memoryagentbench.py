"""MemoryAgentBench (Hu et al. 2025): one long text, filed once, and many questions about it."""

from __future__ import annotations

from pathlib import Path

from .benchmark_records import DataSet, DataSource, Question, Sample
from .row_files import Row, read_rows
from .sample_layouts import document_sample

SOURCE = DataSource(
    title="MemoryAgentBench",
    address="https://huggingface.co/datasets/ai-hyz/MemoryAgentBench",
    files=(
        "Accurate_Retrieval-00000-of-00001.parquet",
        "Test_Time_Learning-00000-of-00001.parquet",
        "Long_Range_Understanding-00000-of-00001.parquet",
        "Conflict_Resolution-00000-of-00001.parquet",
    ),
    licence="MIT",
    paper="arXiv:2507.05257",
)
_PER_QUESTION = {"question_dates": "time", "question_types": "type", "previous_events": "previous_events"}


def load(path: Path, *, source: str = "") -> DataSet:
    """A split as Parquet, JSON or JSON lines: a sample a row; the category is the row's source, such as `eventqa_full`.

    `source` keeps only rows whose source starts with it. Any of a question's answers is right; there is no evidence.
    """
    rows = (row for row in read_rows(path) if _source(row).startswith(source))
    return DataSet("memoryagentbench", "document", tuple(_sample(row) for row in rows), SOURCE)


def _sample(row: Row) -> Sample:
    name = f"{_source(row) or 'row'}/{row.number - 1}"
    lists = {field: values for field, values in _metadata(row).values.items() if isinstance(values, list)}
    questions = []
    for at, text in enumerate(row.texts("questions")):
        own = {field: values[at] for field, values in lists.items() if at < len(values)}
        id = str(own.get("qa_pair_ids", f"{name}/{at}"))
        metadata = {label: own[field] for field, label in _PER_QUESTION.items() if field in own}
        questions.append(Question(id, text, _answers(row, at), _source(row), (), metadata))
    return document_sample(name, row.get("context", str), questions)


def _answers(row: Row, at: int) -> tuple[str, ...]:
    """Aligned with the questions; a row of one question may have its answers in a plain list."""
    answers, count = row.get("answers", list), len(row.texts("questions"))
    if count == 1 and not any(isinstance(answer, list) for answer in answers):
        return row.texts("answers")
    if len(answers) != count:
        raise row.error("answers", f"has {len(answers)} entries for {count} questions")
    return row.inner({"answer": answers[at]}, f"answers[{at}]").texts("answer")


def _metadata(row: Row) -> Row:
    return row.inner(row.get("metadata", dict, {}), "metadata")


def _source(row: Row) -> str:
    return _metadata(row).get("source", str, "")
