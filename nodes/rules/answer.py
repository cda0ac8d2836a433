"""An answer without a model: the sentence of the statements that shares most with the question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...stores.analyzer import SENTENCE, stems
from ...stores.index.snapshot import Snapshot
from ..answer import Answer, AnswerQuestion
from ..evidence import record_id
from .question_terms import question_terms, weigh_terms


def answer(snapshot: Snapshot, question: AnswerQuestion) -> Answer:
    """Word for word, the first of equals; empty without a statement. It finds the words, and draws no conclusion."""
    weights = weigh_terms(snapshot, question_terms(snapshot, question.question))
    best, most = "", -1.0
    source: Mapping[str, Any] | None = None
    for statement in question.statements:
        for sentence in SENTENCE.findall(statement["text"]):
            there = frozenset(stems(sentence))
            worth = sum(weight for term, weight in weights.items() if term.is_in(there))
            if worth > most and sentence.strip():
                best, most, source = sentence.strip(), worth, statement["citations"][0]
    marks = [n for n, citation in enumerate(question.citations, start=1) if _covers(citation, source)]
    return Answer(answer=best, citations=marks[:1])


def _covers(citation: Mapping[str, Any], source: Mapping[str, Any] | None) -> bool:
    """Whether the cited span holds the statement's: passages beside each other are cited as one."""
    if source is None or record_id(citation) != record_id(source):
        return False
    return bool(citation["start"] <= source["start"] and source["end"] <= citation["end"])
