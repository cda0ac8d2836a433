"""The evidence of a research: passages ranked over all rounds, and how a model is shown them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.times import order_key
from .llm.prompt import fence
from .llm.usage_tracker import CHARS_PER_TOKEN

EVIDENCE = 300  # passages carried from round to round
LOOKED_AT = 50  # passages from the top that may become statements and leads
READ = 12  # passages from the top that a round has read: a later round ranks what it finds beside them
FIRST_TOKENS = 2200  # of new passages that the first round shows a model
LATER_TOKENS = 900


def hit_from_state(values: Mapping[str, Any]) -> Hit:
    """A hit from the plain values of a state."""
    return Hit(
        values["page_id"],
        values["start"],
        values["end"],
        values["text"],
        values["score"],
        values["scores"],
        values["speaker"],
        values["item_id"],
    )


def hit_to_state(hit: Hit) -> dict[str, Any]:
    """The plain values of a hit, for a state; `dataclasses.asdict` copies deeply and takes ten times as long."""
    return {
        "page_id": hit.page_id,
        "item_id": hit.item_id,
        "start": hit.start,
        "end": hit.end,
        "text": hit.text,
        "score": hit.score,
        "scores": hit.scores,
        "speaker": hit.speaker,
    }


def place_of(hit: Hit) -> str:
    """Where a hit begins, as one text."""
    return f"{hit.page_id or hit.item_id}:{hit.start}"


def record_id(values: Mapping[str, Any]) -> str:
    """Of the plain values of a hit or a citation: the id of its page or its item."""
    return str(values["page_id"] or values["item_id"])


def take_fitting(snapshot: Snapshot, hits: Sequence[Hit], tokens: float) -> list[Hit]:
    """The first of the hits that can be shown within a budget, each page's id and header counted once."""
    room = int(tokens * CHARS_PER_TOKEN)
    snapshot.records({hit.record_id for hit in hits[:EVIDENCE]})
    pages: set[str] = set()
    kept: list[Hit] = []
    for hit in hits:
        room -= len(hit.text) + 1 + (0 if hit.record_id in pages else len(snapshot.record(hit.record_id).header) + 18)
        if room < 0:
            break
        pages.add(hit.record_id)
        kept.append(hit)
    return kept


def render_passages(snapshot: Snapshot, hits: Sequence[Hit]) -> str:
    """Passages page by page in the order of time, each page under its id and header."""
    by_page: dict[str, list[Hit]] = {}
    for hit in hits:
        by_page.setdefault(hit.record_id, []).append(hit)
    blocks = []
    pages = [snapshot.record(one) for one in by_page]
    for page in sorted(pages, key=lambda page: (order_key(page.time), page.id)):
        lines = [hit.text for hit in sorted(by_page[page.id], key=lambda hit: hit.start)]
        blocks.append("\n".join([f"[{page.id}] {page.header}", *lines]))
    return fence("\n\n".join(blocks)) if blocks else "No new passage was found."
