"""What an answer and its context are worth: text, evidence, and the verdict of a judge."""

from .evidence_metrics import (
    citation_accuracy,
    citation_support,
    context_tokens,
    evidence_precision,
    evidence_recall,
    holds_gold,
    page_recall,
)
from .judge import Judge, Judged, accuracy, rubric
from .text_metrics import (
    bleu1,
    exact_match,
    locomo_f1,
    rouge_l,
    substring_exact_match,
    substring_match,
    token_f1,
    word_f1,
)

__all__ = [
    "Judge",
    "Judged",
    "accuracy",
    "bleu1",
    "citation_accuracy",
    "citation_support",
    "context_tokens",
    "evidence_precision",
    "evidence_recall",
    "exact_match",
    "holds_gold",
    "locomo_f1",
    "page_recall",
    "rouge_l",
    "rubric",
    "substring_exact_match",
    "substring_match",
    "token_f1",
    "word_f1",
]
