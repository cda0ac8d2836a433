"""Bring the hits of several searches to one ranking: min-max per search, weighted sum, and a nudge for the speaker."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from .records import Hit

SPEAKER_PRIOR = 0.3  # on a sum whose best is about 1; swapped-speaker questions forbid a filter
LATER_QUERY = 0.9  # a planner lists its surest query first
PAGE_ID = 0.6  # for a page that was asked for by its title or id, on top of what its passages score
ITEM = 0.6  # for a memory item, beside the passages: it says in short what they say at length
_SHARING = ("keyword", "vector")  # the scale; every other search adds to a score, and takes nothing from it

Place = tuple[str, int, int]


UNKNOWN = "unknown"


def weights(lexical: bool) -> dict[str, float]:
    """How much each search counts. Vectors of letters have no meaning: they count where the words of a query are
    unknown, as misspelt ones are, and hardly else. `unknown` is what goes from words to vectors if all are."""
    shares = (0.95, 0.05, 0.3) if lexical else (0.7, 0.3, 0.0)
    return dict(zip(("keyword", "vector", UNKNOWN), shares, strict=True)) | {"page_id": PAGE_ID, "items": ITEM}


def item_weights(lexical: bool) -> dict[str, float]:
    """The same for memory items, which are short, so that every letter of them counts for more."""
    return {"keyword": 0.75, "vector": 0.25} if lexical else {"keyword": 0.5, "vector": 0.5}


def fuse(
    searches: Iterable[tuple[str, Sequence[Hit]]],
    weight: Mapping[str, float],
    speaker: str | None,
    unknown: float = 0.0,
) -> list[Hit]:
    """One ranking, best first: `searches` are `(tool, its hits best first)`, a tool once for each of its queries.
    `unknown`, from 0 to 1, is how much of the queries stands nowhere (`Archive.unknown`).

    A search's scores are divided by its best (their minimum is 0, that of a passage it did not return), but for
    page_id, whose scores are on that scale by themselves; of several queries of one tool a passage keeps its best.
    Scores are sums over tools, about 1 at the top; `tool` becomes the names of the tools that found the passage,
    joined by `+`.
    """
    by_tool: dict[str, dict[Place, float]] = {}
    order: dict[str, int] = {}
    hits: dict[Place, Hit] = {}
    for tool, found in searches:
        discount = LATER_QUERY ** order.get(tool, 0)
        order[tool] = order.get(tool, 0) + 1
        best = 1.0 if tool == "page_id" else max((hit.score for hit in found), default=0.0)
        scores = by_tool.setdefault(tool, {})
        for hit in found:
            place = (hit.page_id, hit.start, hit.end)
            hits.setdefault(place, hit)
            scores[place] = max(scores.get(place, 0.0), discount * hit.score / best)
    passed = unknown * weight.get(UNKNOWN, 0.0)
    if passed:
        weight = {**weight, "keyword": weight["keyword"] - passed, "vector": weight["vector"] + passed}
    total = sum(weight[tool] for tool in by_tool if tool in _SHARING) or 1.0
    sums: dict[Place, float] = {}
    found_by: dict[Place, str] = {}
    for tool, scores in by_tool.items():
        for place, score in scores.items():
            sums[place] = sums.get(place, 0.0) + weight[tool] * score / total
            found_by[place] = f"{found_by[place]}+{tool}" if place in found_by else tool
    fused = []
    for place, hit in hits.items():
        prior = SPEAKER_PRIOR if speaker is not None and hit.speaker == speaker else 0.0
        fused.append(Hit(*place, hit.text, found_by[place], sums[place] + prior, hit.speaker))
    return sorted(fused, key=lambda hit: (-hit.score, hit.page_id, hit.start))


def named_speaker(speakers: Collection[str], text: str) -> str | None:
    """The one speaker whom a text names; None for none or several. "Ana" is not named by "Ana María"."""
    named = [name for name in speakers if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    named = [name for name in named if not any(name != other and name in other for other in named)]
    return named[0] if len(named) == 1 else None
