"""MuSiQue (Trivedi et al. 2022): questions of two to four hops over twenty Wikipedia paragraphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .benchmark_records import DataSet, DataSource, Question
from .paragraph_pool import ParagraphQuestion, paragraph_key, pool_paragraphs
from .row_files import read_rows

SOURCE = DataSource(
    title="MuSiQue",
    address="https://github.com/StonyBrookNLP/musique",
    files=("musique_ans_v1.0_dev.jsonl",),
    licence="CC BY 4.0",
    paper="arXiv:2108.00573",
)


def load(path: Path, *, pool: bool = True) -> DataSet:
    """Evidence are the session ids of the gold paragraphs; the category is the number of hops; aliases are answers."""
    return DataSet("musique", "paragraphs", pool_paragraphs("musique", _questions(path), pool=pool), SOURCE)


def _questions(path: Path) -> Iterator[ParagraphQuestion]:
    for row in read_rows(path):
        entries = row.rows("paragraphs")
        keys = [paragraph_key(entry.text("title"), entry.text("paragraph_text")) for entry in entries]
        gold = tuple(id for id, entry in zip(keys, entries, strict=True) if entry.get("is_supporting", bool))
        hops = len(row.get("question_decomposition", list, [])) or len(gold)
        yield ParagraphQuestion(
            {id: f"{e.text('title')}\n\n{e.text('paragraph_text')}" for id, e in zip(keys, entries, strict=True)},
            Question(
                row.text("id"),
                row.get("question", str),
                (row.text("answer"), *row.get("answer_aliases", list, [])) if "answer" in row.values else (),
                f"{hops} hops",
                gold,
                {"answerable": row.get("answerable", bool, True)},
            ),
        )
