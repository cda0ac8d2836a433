"""The evidence of a research: passages ranked over all rounds, and how a model is shown them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..stores.archive import Archive
from ..stores.records import Hit
from ..stores.times import order_key
from .llm.prompt import fence
from .llm.usage_tracker import CHARS_PER_TOKEN

EVIDENCE = 300  # passages carried from round to round
READ = 12  # passages from the top that a round has read: a later round ranks what it finds beside them
LATER_ROUND = 0.8  # what a later round's score counts, against the first's 1
FIRST_TOKENS = 2200  # of new passages that the first round shows a model
LATER_TOKENS = 900


def as_hit(values: Mapping[str, Any]) -> Hit:
    """A hit from the plain values of a state."""
    return Hit(
        values["page_id"],
        values["start"],
        values["end"],
        values["text"],
        values["tool"],
        values["score"],
        values["speaker"],
    )


def as_plain(hit: Hit) -> dict[str, Any]:
    """The plain values of a hit, for a state; `dataclasses.asdict` copies deeply and takes ten times as long."""
    return {
        "page_id": hit.page_id,
        "start": hit.start,
        "end": hit.end,
        "text": hit.text,
        "tool": hit.tool,
        "score": hit.score,
        "speaker": hit.speaker,
    }


def _scored(hit: Hit, score: float, tool: str) -> Hit:
    return Hit(hit.page_id, hit.start, hit.end, hit.text, tool, score, hit.speaker)


def merged(before: Sequence[Hit], fresh: Sequence[Hit]) -> list[Hit]:
    """One ranking, best first. What a later round finds counts a little less than what the first one found. A
    passage that both found keeps its better score, or the sum when the later round asked for its very page."""
    if not before:
        return list(fresh)
    hits = {(hit.page_id, hit.start, hit.end): hit for hit in before}
    for hit in fresh:
        place = (hit.page_id, hit.start, hit.end)
        known = hits.get(place)
        score = LATER_ROUND * hit.score
        if known is None:
            hits[place] = _scored(hit, score, hit.tool)
        else:
            tools = "+".join(dict.fromkeys([*known.tool.split("+"), *hit.tool.split("+")]))
            asked_for = "page_id" in hit.tool
            total = known.score + score if asked_for else max(known.score, score)
            hits[place] = _scored(known, total, tools)
    return sorted(hits.values(), key=lambda hit: (-hit.score, hit.page_id, hit.start))


def fitting(archive: Archive, hits: Sequence[Hit], tokens: float) -> list[Hit]:
    """The first of the hits that can be shown within a budget, each page's id and header counted once."""
    room = int(tokens * CHARS_PER_TOKEN)
    pages: set[str] = set()
    kept: list[Hit] = []
    for hit in hits:
        room -= len(hit.text) + 1 + (0 if hit.page_id in pages else len(archive.page(hit.page_id).header) + 18)
        if room < 0:
            break
        pages.add(hit.page_id)
        kept.append(hit)
    return kept


def shown(archive: Archive, hits: Sequence[Hit]) -> str:
    """Passages page by page in the order of time, each page under its id and header."""
    by_page: dict[str, list[Hit]] = {}
    for hit in hits:
        by_page.setdefault(hit.page_id, []).append(hit)
    blocks = []
    pages = [archive.page(page_id) for page_id in by_page]
    for page in sorted(pages, key=lambda page: (order_key(page.time), page.id)):
        lines = [hit.text for hit in sorted(by_page[page.id], key=lambda hit: hit.start)]
        blocks.append("\n".join([f"[{page.id}] {page.header}", *lines]))
    return fence("\n\n".join(blocks)) if blocks else "No new passage was found."
