"""Compare an answer and its context with the right ones as the benchmarks do: pure functions, scores from 0 to 1."""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from langchain_core.messages import HumanMessage
from langchain_core.messages.utils import count_tokens_approximately
from snowballstemmer import stemmer

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_SPACED_ARTICLES = re.compile(r"(?:^|\s)(?:a|an|the)(?:\s|$)")
_LOCOMO_ARTICLES = re.compile(r"\b(?:a|an|the|and)\b")
_WORD = re.compile(r"[a-z0-9]+")
_SPEAKER = re.compile(r"^[^:\n]{1,40}: ")
_TELLING = 20  # characters of a line that tell of which message it is
_REFUSALS = ("no information available", "not mentioned")
_PORTER = stemmer("porter")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation and the articles a, an, the, white space as single spaces.

    SQuAD's `normalize_answer` (Rajpurkar et al. 2016, evaluate-v1.1.py), as HotpotQA, MuSiQue and LongBench use it.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, answers: Iterable[str]) -> float:
    """1 when the normalized answer equals a normalized right one (SQuAD)."""
    predicted = normalize_answer(prediction)
    return float(any(predicted == normalize_answer(answer) for answer in answers))


def token_f1(prediction: str, answers: Iterable[str]) -> float:
    """The best F1 over words shared with a right answer, each counted as often as both have it (SQuAD's `f1_score`)."""
    predicted = normalize_answer(prediction).split()
    return max((bag_f1(predicted, normalize_answer(answer).split()) for answer in answers), default=0.0)


def bag_f1(predicted: Sequence[str], right: Sequence[str]) -> float:
    """The harmonic mean of precision and recall over two bags of words; 0 where they share none, or one is empty."""
    shared = _overlap(predicted, right)
    return 2 * shared / (len(predicted) + len(right)) if shared else 0.0


def gam_words(text: str) -> list[str]:
    """As GAM's evaluation of LoCoMo splits an answer: lower case, punctuation as blanks, without articles.

    As in its source, an article directly after another stays, since the blank between them is consumed.
    """
    text = " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())
    return _SPACED_ARTICLES.sub(" ", text).split()


def locomo_f1(prediction: str, answer: str, category: str | int) -> float:
    """LoCoMo's F1 over stems, by category, after its `task_eval/evaluation.py` (Maharana et al. 2024).

    `category` is LoCoMo's number or our name for it. 1, multi-hop: both sides are lists separated by commas; for each
    right part the best F1 of any predicted part, then the mean. 3, open-domain: of the right answer only the part
    before the first semicolon counts. 5, adversarial: 1 for saying that it is not mentioned, whatever else is said,
    else 0. Any other: F1 over the whole. The stems are Porter's as in Snowball; NLTK's differ for a few words.
    """
    if category in (5, "adversarial"):
        return float(is_abstention(prediction))
    if category in (3, "open-domain"):
        answer = answer.split(";")[0].strip()
    if category in (1, "multi-hop"):
        predicted = [locomo_stems(part) for part in prediction.split(",")]
        right = [locomo_stems(part) for part in answer.split(",")]
        return sum(max(bag_f1(one, part) for one in predicted) for part in right) / len(right)
    return bag_f1(locomo_stems(prediction), locomo_stems(answer))


def is_abstention(prediction: str) -> bool:
    """Whether it says that there is no answer, in the words that LoCoMo's evaluation looks for."""
    return any(refusal in prediction.lower() for refusal in _REFUSALS)


def locomo_stems(text: str) -> list[str]:
    """As LoCoMo compares: lower case, no punctuation, without a, an, the, and; stemmed."""
    return [_porter_stem(word) for word in _LOCOMO_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()]


@lru_cache(maxsize=50_000)
def _porter_stem(word: str) -> str:
    return str(_PORTER.stemWord(word))


def bleu1(prediction: str, answers: Iterable[str]) -> float:
    """The best BLEU-1 over `gam_words`: clipped unigram precision times the brevity penalty.

    Papineni et al. 2002 with n = 1 and one reference at a time: exp(1 − right / predicted) where the answer is shorter.
    As in GAM's evaluation of LoCoMo; 0 for an empty answer.
    """
    return max((_bleu1_score(gam_words(prediction), gam_words(answer)) for answer in answers), default=0.0)


def _bleu1_score(predicted: list[str], right: list[str]) -> float:
    if not predicted or not right:
        return 0.0
    brevity = min(1.0, math.exp(1 - len(right) / len(predicted)))
    return brevity * _overlap(predicted, right) / len(predicted)


def rouge_l(prediction: str, answers: Iterable[str]) -> float:
    """The best ROUGE-L F1 (Lin 2004, β = 1) over lower-case alphanumeric words, by the longest common subsequence. As
    google-research's rouge_score counts it without a stemmer."""
    predicted = _WORD.findall(prediction.lower())
    return max((_rouge_l_score(predicted, _WORD.findall(answer.lower())) for answer in answers), default=0.0)


def _rouge_l_score(predicted: list[str], right: list[str]) -> float:
    lengths = [0] * (len(right) + 1)  # of the common subsequence of the words so far and right[:at]
    for word in predicted:
        before = 0
        for at, other in enumerate(right, start=1):
            before, lengths[at] = (lengths[at], before + 1 if word == other else max(lengths[at], lengths[at - 1]))
    common = lengths[-1]
    return 2 * common / (len(predicted) + len(right)) if common else 0.0


def substring_match(prediction: str, answers: Sequence[str], *, all_needed: bool = False) -> float:
    """1 if a right answer is a substring of the prediction, ignoring case; with `all_needed` the share of them that is.

    RULER's `string_match_part` and `string_match_all` (Hsieh et al. 2024); the former is also how MemoryAgentBench (Hu
    et al. 2025) scores, which normalizes both sides first (`substring_exact_match`).
    """
    lowered = prediction.lower()
    found = [answer.lower() in lowered for answer in answers]
    if not found:
        return 0.0
    return sum(found) / len(found) if all_needed else float(any(found))


def substring_exact_match(prediction: str, answers: Iterable[str]) -> float:
    """1 if a normalized right answer is a substring of the normalized prediction (MemoryAgentBench, after HELMET)."""
    predicted = normalize_answer(prediction)
    return float(any(normalize_answer(answer) in predicted for answer in answers))


def _overlap(predicted: Sequence[str], right: Sequence[str]) -> int:
    return sum((Counter(predicted) & Counter(right)).values())


def context_tokens(text: str) -> int:
    """As budgets count: `count_tokens_approximately` over one message of the whole text."""
    return count_tokens_approximately([HumanMessage(text)])


def evidence_recall(evidence: Sequence[str], context: str) -> float | None:
    """The share of the gold texts that are verbatim in the context; None for a question without gold."""
    return _share(gold in context for gold in evidence)


def messages_touched(evidence: Sequence[str], texts: Iterable[str]) -> float | None:
    """The share of the gold messages of which some passage is among the texts; None for a question without gold.

    A line of a text is a passage of a message if the message holds it, with or without the speaker before it; a line of
    under 20 characters must be the whole message.
    """
    lines = {line.strip() for text in texts for line in text.splitlines()}
    lines |= {_SPEAKER.sub("", line, count=1) for line in lines}
    telling = [line for line in lines if len(line) >= _TELLING]
    return _share(gold.strip() in lines or any(line in gold or gold in line for line in telling) for gold in evidence)


def right_days(evidence: Sequence[str], days: Sequence[str], context: str) -> float | None:
    """The share of the gold messages that stand in the context with their day in the same paragraph: in its heading, before
    the message, or behind it."""
    blocks = context.split("\n\n")
    pairs = zip(evidence, days, strict=True)
    return _share(any(gold in block and day in block for block in blocks) for gold, day in pairs)


def page_recall(gold: Collection[str], found: Collection[str]) -> float | None:
    """The share of the gold pages (or sessions) that were found; None for a question without gold."""
    return _share(page in found for page in gold)


def holds_gold(text: str, evidence: Iterable[str]) -> bool:
    """Whether the text contains a gold text, or is part of one."""
    bare = text.strip()
    return bool(bare) and any(gold in text or bare in gold for gold in evidence)


def _share(found: Iterable[bool]) -> float | None:
    values = list(found)
    return sum(values) / len(values) if values else None
