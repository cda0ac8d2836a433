"""Every score of one answer, by name: those that apply to the question, its data set and the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress

from .datasets.benchmark_records import Question
from .metrics.text_metrics import (
    bleu1,
    context_tokens,
    evidence_recall,
    exact_match,
    holds_gold,
    is_abstention,
    locomo_f1,
    messages_touched,
    page_recall,
    right_days,
    rouge_l,
    substring_match,
    token_f1,
)
from .systems.setups import CitedText, SystemAnswer

TOP_PAGES = 5
ADVERSARIAL = "adversarial"
"""The category of questions without an answer; means are reported with and without it, as papers leave it out."""

METRICS: Mapping[str, str] = {
    "evidence_recall": "share of the gold texts that stand word for word in the context",
    "messages_touched": "share of the gold messages of which a passage stands in the context",
    "right_day": "share of the gold messages that stand in the context with the day of which they tell beside them",
    "page_recall": f"share of the gold pages among the first {TOP_PAGES} that the system would read",
    "evidence_precision": "share of the context's characters that lie in passages with gold evidence (longer passages score higher)",
    "citation_correctness": "share of the passages that the reader names which hold gold evidence",
    "context_tokens": "length of the context, 4 characters a token",
    "f1": "token F1 of SQuAD",
    "locomo_f1": "token F1 of LoCoMo: stemmed, by category",
    "bleu1": "BLEU-1",
    "exact_match": "equal after SQuAD's normalisation",
    "substring_match": "a right answer stands in the given one; where several are asked for, the share of them",
    "rouge_l": "ROUGE-L",
    "false_abstention": "share of the questions with an answer to which the answer is that there is none",
    "false_answer": "share of the adversarial questions that were answered all the same",
    "judge": "a language model says that the answer is right",
}
AMOUNTS = ("context_tokens",)
"""Amounts, not shares: never shown as percent."""


def score_answer(kind: str, question: Question, answer: SystemAnswer) -> dict[str, float]:
    """By name; scores that do not apply (no gold, no reader, nothing cited) are left out."""
    scores: dict[str, float | None] = {
        "context_tokens": float(context_tokens(answer.context)) if answer.context else 0.0
    }
    gold = question.evidence
    if kind == "paragraphs":
        scores["page_recall"] = page_recall(gold, answer.sources[:TOP_PAGES])
    else:
        scores["evidence_recall"] = evidence_recall(gold, answer.context)
    if kind == "conversation":
        scores["messages_touched"] = messages_touched(gold, [one.text for one in answer.marks] or [answer.context])
        if days := question.metadata.get("days"):
            scores["right_day"] = right_days(gold, days, answer.context)
    scores["evidence_precision"] = evidence_precision(kind, gold, answer.marks)
    scores["citation_correctness"] = _citation_correctness(kind, gold, answer)
    if answer.text is not None and question.answers:
        scores |= _text_scores(question, answer.text)
    scores |= abstention_scores(question.category, answer.text)
    return {name: value for name, value in scores.items() if value is not None}


def _text_scores(question: Question, text: str) -> dict[str, float | None]:
    answers, number = question.answers, question.metadata.get("number")
    found = substring_match(text, answers, all_needed=question.all_needed)
    if question.all_needed:  # the others compare with one answer of several
        return {"substring_match": found}
    return {
        "f1": token_f1(text, answers),
        "locomo_f1": locomo_f1(text, question.answer, number) if isinstance(number, int) else None,
        "bleu1": bleu1(text, answers),
        "exact_match": exact_match(text, answers),
        "substring_match": found,
        "rouge_l": rouge_l(text, answers),
    }


def abstention_scores(category: str, text: str | None) -> dict[str, float]:
    """`false_answer` for a question without an answer, else `false_abstention`; {} without a reader."""
    if text is None:
        return {}
    abstained = is_abstention(text) or not text
    if category == ADVERSARIAL:
        return {"false_answer": float(not abstained)}
    return {"false_abstention": float(abstained)}


def _marks_with_gold(kind: str, gold: Sequence[str], marks: Sequence[CitedText]) -> list[bool]:
    return [mark.source in gold if kind == "paragraphs" else holds_gold(mark.text, gold) for mark in marks]


def evidence_precision(kind: str, gold: Sequence[str], marks: Sequence[CitedText]) -> float | None:
    """The share of the context's characters that lie in passages with gold evidence; None without gold or marks."""
    sizes = [len(mark.text) for mark in marks]
    right = _marks_with_gold(kind, gold, marks)
    return sum(compress(sizes, right)) / sum(sizes) if gold and sum(sizes) else None


def _citation_correctness(kind: str, gold: Sequence[str], answer: SystemAnswer) -> float | None:
    """None where nothing is cited: an answer without a citation is not a wrong one."""
    right = _marks_with_gold(kind, gold, answer.citations)
    return sum(right) / len(right) if gold and right else None
