"""Recall by language: each paragraph of a language is a page, and each question looks for the page of its paragraph."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import Memory
from ..stores.errors import BadInput

_FOUND = 60  # passages of a recall: enough for five pages


@dataclass(frozen=True, slots=True)
class LanguageScores:
    """Of one language, without a model: shares from 0 to 1; those of `research` are None where only recall ran."""

    language: str
    questions: int
    recall_at_1: float
    recall_at_5: float
    enough: float | None
    not_in_memory: float | None


def score_languages(file: Path, only: Sequence[str] = (), *, research: bool = True) -> Iterator[LanguageScores]:
    """One language after the other. The file is `{language: {"paragraphs": [text], "questions": [{"q", "paragraph"}]}}`,
    a question's paragraph being its number; `BadInput` for another file or an unknown language."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        known = {code: (list(one["paragraphs"]), list(one["questions"])) for code, one in data.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{file} is no file of paragraphs and questions by language: {error}") from error
    if unknown := sorted(set(only) - set(known)):
        raise BadInput(f"{file} has no language {unknown[0]!r}; it has {', '.join(known)}.")
    for code in only or known:
        yield _score(code, *known[code], research=research)


def _score(
    code: str, paragraphs: Sequence[str], questions: Sequence[dict[str, object]], *, research: bool
) -> LanguageScores:
    first = fifth = enough = absent = 0
    with tempfile.TemporaryDirectory(prefix="jitmem-eval-") as folder, Memory.open(Path(folder) / "memory") as memory:
        filed = memory.memorize_many(paragraphs)
        for question in questions:
            gold = set(filed[int(str(question["paragraph"]))].page_ids)
            text = str(question["q"])
            pages = list(dict.fromkeys(hit.page_id for hit in memory.recall(text, _FOUND)))
            first += not gold.isdisjoint(pages[:1])
            fifth += not gold.isdisjoint(pages[:5])
            if research:
                stopped = memory.research(text).stopped
                enough += stopped == "enough"
                absent += stopped == "no_evidence"
    count = len(questions)
    shares = (enough / count, absent / count) if research else (None, None)
    return LanguageScores(code, count, first / count, fifth / count, *shares)
