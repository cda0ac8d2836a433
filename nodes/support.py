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
    numbers that they do not hold; `says_nothing`: it has no word of its own; `denies_alone`: it denies
    something, and no quote does."""

    share: float
    foreign: Sequence[str]
    says_nothing: bool
    denies_alone: bool

    @property
    def is_sufficient(self) -> bool:
        """Whether the statement may stand."""
        return not (self.says_nothing or self.foreign or self.denies_alone) and self.share >= LEAST_SUPPORT


def support_of(statement: str, question: str, quotes: Sequence[str], headers: Sequence[str]) -> Support:
    """Compare a statement with its quotes and the headers of their pages (date, title, speakers).

    Words of the question are no evidence for it. A statement without any other word repeats the question: it says
    something only if its quotes hold all of its words and it is no question itself.
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
        says_nothing=not own and (share < 1.0 or statement.rstrip().endswith(("?", "？"))),
        denies_alone=bool(_NEGATION.search(statement)) and not any(_NEGATION.search(quote) for quote in quotes),
    )


def best_support(statement: str, text: str) -> float:
    """The largest share of a statement's words that one line of a text, or two in a row, hold; from 0 to 1.

    Words that are scattered over a page carry nothing: any story can be made of them.
    """
    said = set(stems(statement))
    lines = [set(stems(line)) for line in text.splitlines() if line.strip()]
    pairs = [one | other for one, other in zip(lines, [*lines[1:], set()], strict=True)]
    return max((len(said & pair) for pair in pairs), default=0) / len(said) if said else 0.0


def line_of(text: str, start: int, end: int) -> str:
    """The line or lines of a text in which a span stands: what a speaker said, with the speaker's name."""
    first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    return text[first : last if last >= 0 else len(text)]


def uncovered_needs(needs: Sequence[str], question: str, texts: Sequence[str]) -> list[str]:
    """The needs of a plan that have words beside the question's, none of which is in a text; none for a single need,
    which is the question itself. Words that differ are no proof ("length", "long"), so one shared word is enough."""
    found = {stem for text in texts for stem in stems(text)}
    wanted = {need: set(stems(need)) - set(stems(question)) for need in dict.fromkeys(needs)}
    return [need for need, own in wanted.items() if len(own) > 1 and not own & found] if len(wanted) > 1 else []
