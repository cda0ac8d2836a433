"""Reflection without a model: enough when one page covers what the question turns on; else, which lead to follow."""

from __future__ import annotations

from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

from ...stores.analyzer import Term, stems, words
from ...stores.index.fusion import titles
from ...stores.index.snapshot import Snapshot
from ..evidence import record_id
from ..reflect import Reflection, ReflectQuestion
from .question_terms import names, question_terms, rarity, weigh_terms

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ...stores.records import Page, Passage
_PASSAGES = 12  # from the top of the ranking, in which names are looked for
_NEAR = 3  # passages that count as read, where none became a statement
_LEADS = 4  # followed in one round
_TRIED = 20  # names looked at in a passage
_FAR = 6  # words
_CANDIDATES = 200


def reflect(snapshot: Snapshot, question: ReflectQuestion) -> Reflection:
    """What is missing are the terms that no page of the statements covers. It is enough when a single page covers them all:
    scattered over pages they may come from different stories. Names on the best pages are leads; the most
    promising ones are followed."""
    wanted = question_terms(snapshot, question.question)
    cited = [record_id(citation) for statement in question.known for citation in statement["citations"]]
    best = [hit.record_id for hit in question.evidence[:_PASSAGES]]
    own_stems = snapshot.stems([*cited, *best])
    seen = {cited_id: own_stems[cited_id] for cited_id in cited}
    near = [own_stems[hit_id] for hit_id in best[:_NEAR]]
    here = {stem for own in (seen.values() or near) for stem in own}
    missing = [term.text for term in wanted if not term.is_in(here)]
    if any(all(term.is_in(own) for term in wanted) for own in seen.values()):
        return Reflection(enough=True)
    leads, left = _leads(snapshot, question, wanted, own_stems)
    request = " ".join(left) or question.question
    return Reflection(enough=False, missing=missing, request=request if leads else "", names=leads)


def _leads(
    snapshot: Snapshot, question: ReflectQuestion, wanted: Sequence[Term], own_stems: Mapping[str, frozenset[str]]
) -> tuple[list[str], list[str]]:
    """Names that were not asked for yet, the most promising first, and the words that their pages leave open.

    A lead's promise is the passage's share of the best score, times how rare the name is, times how near it stands
    to the question's words, times how well what it leads to covers what the page leaves open.
    """
    asked = set(stems(question.question)) | {
        stem for query in question.asked for stem in stems(query.partition(":")[2])
    }
    promise: dict[str, float] = {}
    found: dict[str, list[tuple[Passage, Page, float]]] = {}
    best = question.evidence[0] if question.evidence else None
    weights = weigh_terms(snapshot, wanted)
    looked_at = list(takewhile(lambda hit: hit.score > 0, question.evidence[:_PASSAGES]))
    snapshot.frequencies(
        stem for hit in looked_at for name in (*titles(snapshot, hit.text), *names(hit.text)) for stem in stems(name)
    )
    # Reads all terms at once, of which the searches below have some.
    snapshot.keyword_places(" ".join(term.text for term in wanted), 0)
    for hit in looked_at:
        new_names = _new_names(snapshot, hit.text, asked)
        left = " ".join(term.text for term in wanted if not term.is_in(own_stems[hit.record_id]))
        if new_names and left not in found:
            found[left] = snapshot.keyword_places(left, _CANDIDATES) if left else []
        spots = _spots(hit.text, weights) if new_names else []
        for name in new_names:
            covers = _covers(name, found[left])
            worth = hit.score / question.evidence[0].score * rarity(snapshot, name) * (0.5 + covers)
            worth *= _nearness(hit.text, name, spots, sum(weights.values()))
            promise[name] = max(promise.get(name, 0.0), worth)
    open_words = [term.text for term in wanted if best and not term.is_in(own_stems[best.record_id])]
    return sorted(promise, key=lambda name: -promise[name])[:_LEADS], open_words


def _new_names(snapshot: Snapshot, text: str, asked: Collection[str]) -> list[str]:
    """Titles of known pages first, then names that are rare enough to lead somewhere."""
    new = [title for title in titles(snapshot, text) if not set(stems(title)) <= set(asked)]
    for name in names(text):
        known = name in new or name in snapshot.speakers or set(stems(name)) <= set(asked)
        if not known and rarity(snapshot, name) > 0:
            new.append(name)
    return new[:_TRIED]


@lru_cache(maxsize=1 << 14)
def _word_stems(word: str) -> tuple[str, ...]:
    return tuple(stems(word))


def _spots(text: str, weights: Mapping[Term, float]) -> list[tuple[list[int], float]]:
    """Of each word of the question that is in a passage: at which of its words, and how much it weighs."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words(text)):
        for stem in _word_stems(word):
            places.setdefault(stem, []).append(place)
    found = []
    for term, weight in weights.items():
        spots = [place for form in term.forms for stem in form for place in places.get(stem, ())]
        if spots and term.is_in(places):
            found.append((spots, weight))
    return found


def _nearness(text: str, name: str, spots: Sequence[tuple[Sequence[int], float]], total: float) -> float:
    """From 0.5 to 1.5: which share of the question's words, by weight, is near the name; a word counts less
    with its distance, and half as much when `_FAR` words lie between."""
    at = len(words(text[: text.find(name)]))
    length = max(1, len(words(name)))
    near = 0.0
    for places, weight in spots:
        distance = min(max(0, at - place, place - at - length + 1) for place in places)
        near += weight / (1 + distance / _FAR)
    return 0.5 + near / (total or 1.0)


def _covers(name: str, found: list[tuple[Passage, Page, float]]) -> float:
    """The best score, from 0 to 1, of a passage with the name in its text or its page's title."""
    for place, page, score in found:
        if page.text.find(name, place.start, place.end) >= 0 or name in page.header:
            return score / found[0][2]
    return 0.0
