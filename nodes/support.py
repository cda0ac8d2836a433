"""Whether the quotes of a statement carry it: its words, names and numbers, and its negation."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from ..stores.analyzer import Term, is_english, stems
from ..stores.index.snapshot import Snapshot
from ..stores.scripts import (
    GRAM_SHARE,
    Language,
    generic_stems,
    guess_language,
    language_table,
    script_stems,
    script_terms,
    script_words,
)
from ..stores.times import DATE_TERM, date_terms
from .contradictions import contradiction
from .evidence import record_id
from .grounding import foreign_terms, without_names
from .states import ResearcherState

LEAST_SUPPORT = 0.5
"""Of the words that a statement adds to the question, the share that its quotes must hold."""
_NEGATION = r"\b(?:not|no|never|nobody|nothing|none|neither|nor|without|cannot)\b|n['’]t\b"
_DENIES = re.compile(rf"{_NEGATION}|\b(?:fail\w*|refus\w+) to\b", re.I)
_UNSPACED = ("zh", "ja", "ko", "th")  # whose words do not tell the language; no word of another is like their negations


@dataclass(frozen=True, slots=True)
class Support:
    """`share` is the share of a statement's own words that its quotes hold, from 0 to 1; `foreign` are names and
    numbers that they do not hold; `says_nothing`: it has no word of its own; `denies_alone`: it denies
    something, and no quote does; `contradicted`: what the quotes say otherwise, "" for nothing (English only)."""

    share: float
    foreign: Sequence[str]
    says_nothing: bool
    denies_alone: bool
    contradicted: str = ""

    @property
    def is_sufficient(self) -> bool:
        """Whether the statement may stand."""
        return (
            not (self.says_nothing or self.foreign or self.denies_alone or self.contradicted)
            and self.share >= LEAST_SUPPORT
        )


def support_of(statement: str, question: str, quotes: Sequence[str], headers: Sequence[str]) -> Support:
    """Compare a statement with its quotes and the headers of their pages (date, title, speakers).

    Words of the question are no evidence for it. A statement without any other word repeats the question: it says
    something only if its quotes hold all of its words and it is no question itself.
    """
    source = "\n".join([*quotes, *headers])
    together = "\n".join([statement, question, source])
    said, held_by = _words_of(statement, together)
    asked = held_by(question)
    own = [word for word in said if not asked(word)]
    words, there = own or said, held_by(source)
    share = sum(map(there, words)) / len(words) if words else 0.0
    quoted = held_by("\n".join(quotes))
    if own and not any(map(quoted, own)):  # a header alone, such as its date, says nothing of what was asked
        share = min(share, sum(map(quoted, said)) / (len(said) - len(own) or 1))
    denies = (_DENIES if is_english(together) else _negation_of(guess_language(together))).search
    return Support(
        share=share,
        foreign=foreign_terms(statement, source, question),
        says_nothing=not own and (share < 1.0 or statement.rstrip().endswith(("?", "？"))),
        denies_alone=bool(denies(statement)) and not any(map(denies, quotes)),
        contradicted=contradiction(statement, quotes) if is_english(together) else "",
    )


def _words_of(statement: str, together: str) -> tuple[Sequence[Any], Callable[[str], Callable[[Any], bool]]]:
    """The words of a statement, each once, and what makes of a text the test whether it holds one of them. Both are read
    in one language, that of all texts `together`: a short one alone does not tell it."""
    if is_english(together):
        return list(dict.fromkeys(stems(statement))), lambda text: set(stems(text)).__contains__
    language = guess_language(together)
    denies = _negation_of(language).search

    def holder(text: str) -> Callable[[Any], bool]:
        found = set(script_stems(text, language))
        return lambda term: bool(term.is_in(found))

    told = generic_stems(together)
    words = [term for term in script_terms(statement, language) if not (denies(term.text) or term.is_in(told))]
    return [part for term in words for part in _parts(term)], holder


def _parts(term: Term) -> Sequence[Term]:
    """Of a run of Chinese or Japanese each pair; of a Korean word its first two syllables, since its endings differ."""
    if term.share != GRAM_SHARE:
        return [term]
    pairs = next(script_words(term.text)).parts
    kept = pairs[:1] if "\uac00" <= term.text[0] <= "\ud7a3" else pairs
    return [Term(pair, (frozenset((pair,)),)) for pair in kept]


@cache
def _negation_of(language: Language | None) -> re.Pattern[str]:
    """What negates in a language, and in English."""
    codes = _UNSPACED if language is None else (language.code,)
    return re.compile(
        "|".join([_NEGATION, *(language_table()[code].get("negation", _NEGATION) for code in codes)]), re.I
    )


def best_support(statement: str, text: str) -> float:
    """The largest share of a statement's words that one line of a text, or two in a row, hold; from 0 to 1.

    Words that are scattered over a page carry nothing: any story can be made of them.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    said, held_by = _words_of(statement, f"{statement}\n{text}")
    held = [[there(word) for word in said] for there in map(held_by, lines)]
    nothing = [False] * len(said)
    pairs = zip(held, [*held[1:], nothing], strict=True) if held else ()
    return max((sum(map(max, one, other)) for one, other in pairs), default=0) / len(said) if said else 0.0


def names_other_day(statement: str, line: str, said: datetime | None) -> bool:
    """Whether a statement names a day or a span while the line that it is drawn from, or itself, names others, relative
    ones ("last year") resolved at the time of the session: models take the day of the session for that of the event."""
    named = _date_spans(statement, None)
    there = [*_date_spans(line, said), *(one for one in _date_spans(statement, said) if one not in named)]
    return bool(named and there) and not any(one[0] < two[1] and two[0] < one[1] for one in named for two in there)


def _date_spans(text: str, said: datetime | None) -> list[tuple[str, str]]:
    spans = [term.removeprefix(DATE_TERM).partition("/") for term in date_terms(text, said)]
    return [(first, after or f"{first}~") for first, _, after in spans]  # "~" comes after all that a day holds


def line_of(text: str, start: int, end: int) -> str:
    """The line or lines of a text in which a span stands: what a speaker said, with the speaker's name."""
    first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    return text[first : last if last >= 0 else len(text)]


def find_open_needs(state: ResearcherState, snapshot: Snapshot) -> list[str]:
    """The needs of the first plan that no statement meets: a model calls its answer complete too soon."""
    texts = []
    for one in state["statements"]:
        cited = ((c["quote"], snapshot.record(record_id(c)).header) for c in one["citations"])
        texts.append("\n".join([one["text"], *(text for pair in cited for text in pair)]))
    return uncovered_needs(state["rounds"][0]["needs"] if state["rounds"] else state["plan"]["needs"], texts)


def uncovered_needs(needs: Sequence[str], statements: Sequence[str]) -> list[str]:
    """The needs of a plan for which no statement, a text with its quotes, is left: none has a word of theirs that not all
    needs have, names left out, while another need is met by such a word. Words that differ are no proof ("length", "long"):
    a statement without a word of any need may meet one of them. A need in another script than theirs is not compared."""
    found = "\n".join(statements)
    words_in = {text: _words_of(text, "\n".join([*needs, found]))[1](text) for text in (*needs, *statements)}
    met, unmet = set[str](), []
    for need in dict.fromkeys(needs) if len(set(needs)) > 1 else ():
        said = _words_of(without_names(need), "\n".join([*needs, found]))[0]
        own = [word for word in said if not all(words_in[other](word) for other in needs)]
        meet = {text for text in statements if any(map(words_in[text], own))}
        met |= meet
        if own and not meet and _is_latin(need) == _is_latin(found):
            unmet.append(need)
    return unmet[len(set(statements) - met) :] if met else []


def needs_of_question(needs: Sequence[str], question: str) -> list[str]:
    """The needs of a plan whose words, names left out, are mostly the question's: small models also plan for what they
    saw in the outline."""
    kept = []
    for need in needs:
        said, held_by = _words_of(without_names(need), f"{need}\n{question}")
        if sum(map(held_by(question), said)) * 2 >= len(said):
            kept.append(need)
    return kept


def _is_latin(text: str) -> bool:
    """Whether most letters are."""
    letters = [character < "\u0250" for character in text if character.isalpha()]
    return sum(letters) * 2 >= len(letters)
