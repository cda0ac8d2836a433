"""Whether the quotes of a statement carry it: its words, names and numbers, and its negation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..stores.analyzer import stems
from .grounding import foreign_terms

LEAST_SUPPORT = 0.5
"""Of the words that a statement adds to the question, the share that its quotes must hold."""
_NEGATION = re.compile(r"\b(?:not|no|never|nobody|nothing|none|neither|nor|without|cannot)\b|n['’]t\b", re.I)


@dataclass(frozen=True, slots=True)
class Support:
    """`share` is the share of a statement's own words that its quotes hold, from 0 to 1; `foreign` are names and
    numbers that they do not hold; `says_nothing`: it has no word of its own; `negation_differs`: one of statement and
    quotes denies something, the other does not."""

    share: float
    foreign: Sequence[str]
    says_nothing: bool
    negation_differs: bool

    @property
    def is_sufficient(self) -> bool:
        """Whether the statement may stand."""
        return not self.says_nothing and not self.foreign and self.share >= LEAST_SUPPORT


def support_of(statement: str, question: str, quotes: Sequence[str], headers: Sequence[str]) -> Support:
    """Compare a statement with its quotes and the headers of their pages (date, title, speakers).

    Words of the question are no evidence for it. A statement without any other word repeats the question: it says
    something only if a quote holds most of its words.
    """
    source = "\n".join([*quotes, *headers])
    there, asked = set(stems(source)), set(stems(question))
    said = list(dict.fromkeys(stems(statement)))
    own = [stem for stem in said if stem not in asked]
    words = own or said
    share = sum(stem in there for stem in words) / len(words) if words else 0.0
    return Support(
        share=share,
        foreign=foreign_terms(statement, source, question),
        says_nothing=not own and share < 1.0,
        negation_differs=bool(_NEGATION.search(statement)) != any(_NEGATION.search(quote) for quote in quotes),
    )


def line_of(text: str, start: int, end: int) -> str:
    """The line or lines of a text in which a span stands: what a speaker said, with the speaker's name."""
    first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    return text[first : last if last >= 0 else len(text)]


def uncovered_needs(needs: Sequence[str], statements: Sequence[str]) -> list[str]:
    """The needs of a plan of which no statement holds half of the words; none for a single need, which is the question
    itself."""
    said = [set(stems(statement)) for statement in statements]
    wanted = {need: set(stems(need)) for need in dict.fromkeys(needs)}
    if len(wanted) < 2:
        return []
    return [need for need, own in wanted.items() if own and not any(len(own & one) * 2 >= len(own) for one in said)]
