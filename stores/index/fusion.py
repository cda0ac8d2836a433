"""The one place where hits are fused: min-max per search, weighted sum, a nudge for the speaker, merged over rounds."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from ..records import Hit
from .snapshot import Snapshot

K = TypeVar("K", bound=Hashable)

SPEAKER_PRIOR = 0.3  # on a sum whose best is about 1; swapped-speaker questions forbid a filter
LATER_QUERY = 0.9  # a planner lists its surest query first
LATER_ROUND, LATER_TURN = (
    0.8,
    0.6,
)  # what a later round's score counts, against the first's 1: of documents, and of what somebody said
PAGE_ID = 0.6  # for a page that was asked for by its title or id, on top of what its passages score
ITEM = 0.6  # for a memory item, beside the passages: it says in short what they say at length
FEW = 12  # passages whose order matters little: a context has room for all
ITEMS = "items"  # the search of memory items
_SHARING = ("keyword", "vector")  # the scale; every other search adds to a score, and takes nothing from it

UNKNOWN = "unknown"


def weights(lexical: bool) -> dict[str, float]:
    """How much each search counts. Vectors of letters have no meaning: they count where the words of a query are
    unknown, as misspelt ones are, and hardly else. `unknown` is what goes from words to vectors if all are."""
    shares = (0.95, 0.05, 0.3) if lexical else (0.7, 0.3, 0.0)
    return dict(zip(("keyword", "vector", UNKNOWN), shares, strict=True)) | {"page_id": PAGE_ID, ITEMS: ITEM}


def item_weights(lexical: bool) -> dict[str, float]:
    """The same for memory items, which are short, so that every letter of them counts for more."""
    return {"keyword": 0.75, "vector": 0.25} if lexical else {"keyword": 0.5, "vector": 0.5}


def fuse(searches: Iterable[tuple[str, Sequence[tuple[K, float]]]], weight: Mapping[str, float]) -> dict[K, float]:
    """Scores on one scale, about 1 at the top, in the order in which they were met.

    `searches` are `(search, [(what it found, score)])`, a search once for each of its queries. A search's scores are
    divided by its best (their minimum is 0, that of what it did not return), but for page_id, whose scores are on that
    scale by themselves; of several queries of one search everything keeps its best. Then they are added by weight.
    """
    by_search: dict[str, dict[K, float]] = {}
    queries: dict[str, int] = {}
    for search, found in searches:
        discount = LATER_QUERY ** queries.get(search, 0)
        queries[search] = queries.get(search, 0) + 1
        best = 1.0 if search == "page_id" else max((score for _, score in found), default=0.0)
        scores = by_search.setdefault(search, {})
        if discount == 1.0:  # the first query of a search, and mostly the only one
            scores.update((key, score / best) for key, score in found if score > 0)
            if len(scores) == len(found):
                continue
        for key, score in found:
            scaled = discount * score / best
            if scaled > scores.setdefault(key, 0.0):
                scores[key] = scaled
    total = sum(weight[search] for search in by_search if search in _SHARING) or 1.0
    sums: dict[K, float] = {}
    for search, scores in by_search.items():
        share = weight[search]
        for key, score in scores.items():
            sums[key] = sums.get(key, 0.0) + share * score / total
    return sums


def rank(
    searches: Sequence[tuple[str, Sequence[Hit]]],
    weight: Mapping[str, float],
    speaker: str | None = None,
    unknown: float = 0.0,
) -> list[Hit]:
    """One ranking of what the searches found, best first, each with the scores of all that found it. The hits are those
    that were given, changed: a question ranks hundreds.

    `unknown`, from 0 to 1, is how much of the queries stands nowhere (`Snapshot.unknown`).
    """
    passed = unknown * weight.get(UNKNOWN, 0.0)
    if passed:
        weight = {**weight, "keyword": weight["keyword"] - passed, "vector": weight["vector"] + passed}
    numbers: dict[Place, int] = {}  # counted in the order in which they were met
    hits: list[Hit] = []
    placed: list[tuple[str, list[tuple[int, float]]]] = []
    for search, found in searches:
        pairs = []
        for hit in found:
            number = numbers.setdefault((hit.page_id or hit.item_id or "", hit.start, hit.end), len(hits))
            pairs.append((number, hit.score))
            if number == len(hits):
                hits.append(hit)
            else:
                hits[number].scores = _highest(hits[number].scores, hit.scores)
        placed.append((search, pairs))
    for number, score in fuse(placed, weight).items():
        hits[number].score = score
    if speaker is not None:
        for hit in hits:
            if hit.speaker == speaker:
                hit.score += SPEAKER_PRIOR
    return sorted(hits, key=lambda hit: (-hit.score, hit.page_id or hit.item_id or "", hit.start, hit.end))


def rank_for(
    snapshot: Snapshot,
    question: str,
    queries: str,
    searches: Sequence[tuple[str, Sequence[Hit]]],
    weight: Mapping[str, float],
    most: int = sys.maxsize,
) -> list[Hit]:
    """`rank` with the speaker whom the question names, the share of unknown words, and, of more than a few, telling turns
    first. Behind the first `most` the order need not be right."""
    ranked = rank(searches, weight, named_speaker(snapshot.speakers, question), snapshot.unknown_share(queries))
    if len(ranked) <= FEW:
        return ranked
    from .telling import prefer_telling

    return prefer_telling(snapshot, ranked, most)


def with_unfound(snapshot: Snapshot, ranked: Sequence[Hit], tokens: int) -> list[Hit]:
    """The ranking, and behind it with score 0 what no search found: everything where the memory fits into so many tokens,
    and where nothing at all was found, the newest passages of a larger one."""
    unfound = snapshot.whole_memory(4 * tokens)
    if not ranked and not unfound:
        from .newest import newest_passages

        return newest_passages(snapshot, 4 * tokens)
    places = set(map(_place, ranked)) if unfound else ()
    return [*ranked, *(hit for hit in unfound if _place(hit) not in places)]


def merge(before: Sequence[Hit], later: Sequence[Hit]) -> list[Hit]:
    """One ranking over rounds, best first. What a later round finds counts less than what the first one found.
    What both found keeps its better score, or the sum when the later round asked for its very page."""
    if not before:
        return list(later)
    hits = {_place(hit): hit for hit in before}
    for hit in later:
        place, score = _place(hit), (LATER_TURN if hit.speaker else LATER_ROUND) * hit.score
        known = hits.get(place)
        if known is None:
            hits[place] = with_scores(hit, score, hit.scores)
        else:
            total = known.score + score if "page_id" in hit.scores else max(known.score, score)
            hits[place] = with_scores(known, total, _highest(known.scores, hit.scores))
    return sorted(hits.values(), key=lambda hit: (-hit.score, hit.record_id, hit.start))


Place = tuple[str, int, int]


def _place(hit: Hit) -> Place:
    return hit.page_id or hit.item_id or "", hit.start, hit.end


def with_scores(hit: Hit, score: float, scores: Mapping[str, float]) -> Hit:
    """A hit with other scores; `dataclasses.replace` takes three times as long."""
    return Hit(hit.page_id, hit.start, hit.end, hit.text, score, scores, hit.speaker, hit.item_id, hit.time)


def _highest(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    scores = dict(one)
    for search, score in other.items():
        scores[search] = max(scores.get(search, 0.0), score)
    return scores


def named_speaker(speakers: Collection[str], text: str) -> str | None:
    """The one speaker whom a text names; None for none or several. "Ana" is not named by "Ana María"."""
    named = [name for name in speakers if name in text and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    named = [name for name in named if not any(name != other and name in other for other in named)]
    return named[0] if len(named) == 1 else None


def titles(snapshot: Snapshot, text: str) -> list[str]:
    """The titles of known pages that the text names, as they stand in it, the longest at each place, in order."""
    if not snapshot.has_titles:
        return []
    from .title_spots import find_titles

    return find_titles(snapshot, text)
