"""MuSiQue (Trivedi et al. 2022): questions of two to four hops over twenty Wikipedia paragraphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .benchmark_records import DataSet, DataSource, Question
from .row_files import read_rows
from .sample_layouts import paragraph_key, pool_paragraphs

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


def _questions(path: Path) -> Iterator[tuple[dict[str, str], Question]]:
    for row in read_rows(path):
        paragraphs, gold = {}, []
        for entry in row.rows("paragraphs"):
            title, text = entry.text("title"), entry.text("paragraph_text")
            paragraphs[key := paragraph_key(title, text)] = f"{title}\n\n{text}"
            if entry.get("is_supporting", bool):
                gold.append(key)
        hops = len(row.get("question_decomposition", list, [])) or len(gold)
        answers = (row.text("answer"), *row.get("answer_aliases", list, [])) if "answer" in row.values else ()
        answerable = {"answerable": row.get("answerable", bool, True)}
        yield (
            paragraphs,
            Question(row.text("id"), row.get("question", str), answers, f"{hops} hops", tuple(gold), answerable),
        )
