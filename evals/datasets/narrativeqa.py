"""NarrativeQA (Kočiský et al. 2018): questions on whole books and film scripts, or on their summaries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from .benchmark_records import DataSet, DataSource, Question, Sample
from .row_files import Row, read_rows
from .sample_layouts import document_question, document_sample, group_by_document

SOURCE = DataSource(
    title="NarrativeQA",
    address="https://github.com/google-deepmind/narrativeqa",
    files=(
        "the repository, with tmp/ID.content from its download_stories.sh",
        "a Parquet file of deepmind/narrativeqa",
    ),
    licence="Apache 2.0 (questions); the stories under their own terms",
    paper="arXiv:1712.07040",
)
_SUMMARIES = "third_party/wikipedia/summaries.csv"


def load(path: Path, *, split: str = "test", of: Literal["story", "summary"] = "story") -> DataSet:
    """The repository's folder, rows with `document`, `question` and `answers`, or LongBench's JSON lines.

    A sample a document; both answers are right; there is no evidence. `split` ("train", "valid", "test") applies to the
    folder; `of` chooses the text. Stories are taken as downloaded, with licence headers and the like.
    """
    if path.is_dir():
        samples: tuple[Sample, ...] = tuple(_folder_samples(path, split, of))
    else:
        samples = group_by_document("narrativeqa", (_row_question(row, of) for row in read_rows(path)))
    return DataSet("narrativeqa", "document", samples, SOURCE)


def _row_question(row: Row, of: str) -> tuple[str, Question]:
    if "document" not in row.values:
        return document_question(row, "narrativeqa", of)
    about = row.inner(row.get("document", dict), "document")
    holder = about.inner(about.get("summary", dict), "summary") if of == "summary" else about
    text = holder.get("text", str)
    question = row.inner(row.get("question", dict), "question").get("text", str)
    answers = tuple(answer.get("text", str) for answer in row.rows("answers"))
    return text, Question(f"{about.text('id')}/{row.number - 1}", question, answers, about.get("kind", str, ""))


def _folder_samples(path: Path, split: str, of: str) -> Iterator[Sample]:
    rows_by_document: dict[str, list[Row]] = {}
    for row in read_rows(SOURCE.require(path / "qaps.csv")):
        rows_by_document.setdefault(row.get("document_id", str), []).append(row)
    summary_rows = read_rows(SOURCE.require(path / _SUMMARIES)) if of == "summary" else ()
    summaries = {row.get("document_id", str): row.get("summary", str) for row in summary_rows}
    for row in read_rows(SOURCE.require(path / "documents.csv")):
        id = row.get("document_id", str)
        if row.get("set", str) != split:
            continue
        if of == "summary" and id not in summaries:
            raise row.error("document_id", f"{id} has no summary in {_SUMMARIES}")
        text = summaries[id] if of == "summary" else _story(SOURCE.require(path / "tmp" / f"{id}.content"))
        questions = []
        for at, qa in enumerate(rows_by_document.get(id, [])):
            answers = (qa.get("answer1", str), qa.get("answer2", str))
            questions.append(Question(f"{id}/{at}", qa.get("question", str), answers, row.get("kind", str)))
        yield document_sample(id, text, questions)


def _story(file: Path) -> str:
    """Old texts of Project Gutenberg and film scripts are not all UTF-8; Latin-1 decodes any bytes."""
    content = file.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
