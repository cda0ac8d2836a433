"""HotpotQA (Yang et al. 2018): questions over two Wikipedia paragraphs among ten, or among thousands in one long text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .benchmark_records import DataSet, DataSource, Question
from .row_files import Row, read_rows
from .sample_layouts import document_question, group_by_document, paragraph_key, pool_paragraphs

SOURCE = DataSource(
    title="HotpotQA",
    address="https://hotpotqa.github.io/",
    files=("hotpot_dev_distractor_v1.json",),
    licence="CC BY-SA 4.0",
    paper="arXiv:1809.09600",
    sha256={"hotpot_dev_distractor_v1.json": "4e9ecb5c8d3b719f624d66b60f8d56bf227f03914f5f0753d6fa1b359d7104ea"},
)
LONG = DataSource(
    title="HotpotQA in long texts, from the release of MemAgent",
    address="https://huggingface.co/datasets/BytedTsinghua-SIA/hotpotqa",
    files=("eval_400.json (56K)", "eval_1600.json (224K)", "eval_3200.json (448K)"),
    licence="CC BY-SA 4.0, as HotpotQA's",
    paper="arXiv:2507.02259",
)


def load(path: Path, *, pool: bool = True) -> DataSet:
    """The original layout, or the long texts, recognized by the first row.

    Original: evidence are the session ids of the gold paragraphs; `pool` puts the paragraphs of all questions into one
    memory, else each question has its own ten. Long texts: a sample a text, without evidence.
    """
    first = next(read_rows(path), None)
    if first is not None and "supporting_facts" not in first.values and "input" in first.values:
        rows = (document_question(row, "hotpotqa", row.get("type", str, "")) for row in read_rows(path))
        return DataSet("hotpotqa", "document", group_by_document("hotpotqa", rows), LONG)
    return DataSet("hotpotqa", "paragraphs", pool_paragraphs("hotpotqa", _questions(path), pool=pool), SOURCE)


def _questions(path: Path) -> Iterator[tuple[dict[str, str], Question]]:
    for row in read_rows(path):
        paragraphs = dict(_paragraph(row, at, entry) for at, entry in enumerate(row.get("context", list)))
        facts = enumerate(row.get("supporting_facts", list))
        titles = {_pair(row, "supporting_facts", at, fact)[0] for at, fact in facts}
        question = Question(
            row.values.get("_id") or str(row.number),
            row.get("question", str),
            row.texts("answer") if "answer" in row.values else (),
            row.get("type", str, ""),
            tuple(id for id, (title, _) in paragraphs.items() if title in titles),
            {"level": row.values.get("level", "")},
        )
        yield {id: f"{title}\n\n{text}" for id, (title, text) in paragraphs.items()}, question


def _paragraph(row: Row, at: int, entry: object) -> tuple[str, tuple[str, str]]:
    title, sentences = _pair(row, "context", at, entry)
    if not isinstance(sentences, list):
        raise row.error(f"context[{at}]", "should be [title, [sentence, ...]]")
    text = "".join(sentences)
    return paragraph_key(title, text), (title, text)


def _pair(row: Row, name: str, at: int, entry: object) -> tuple[str, object]:
    if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
        raise row.error(f"{name}[{at}]", "should be a list of a title and what belongs to it")
    return entry[0], entry[1]
