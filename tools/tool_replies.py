"""What tools answer a model: passages, and the outcome of an edit. What comes from the memory is marked."""

from __future__ import annotations

from collections.abc import Sequence

from ..stores.recall_markers import wrap_recalled
from ..stores.records import Hit, Outcome
from ..stores.times import format_time
from .expose import NOTHING, ToolResult, fence_quotations

_MAX_QUOTED = 200  # characters of an item that is only to be recognized


def render_hits(hits: Sequence[Hit]) -> ToolResult:
    """Each passage under its day, which is said once for those in a row that share it."""
    lines, day = [], ""
    for hit in hits:
        if (when := format_time(hit.time)) != day:
            day = when
            lines.append(f"# {when or 'without a date'}")
        lines.append(f"[{hit.record_id} {hit.start}-{hit.end}] {hit.dated_text}")
    return wrap_recalled("\n".join(lines)) if lines else NOTHING, list(hits)


def describe_outcome(outcome: Outcome) -> str:
    """An outcome as one line; what it quotes of the memory is marked."""
    item = outcome.item
    if outcome.status == "applied" and item is not None:
        name = item.kind if item.kind == "core" else f"{item.kind} {item.id}"
        return f"applied: {name} deleted" if item.deleted else f"applied: {name} v{item.version}"
    if outcome.status == "proposed":
        return f"proposed: number {outcome.proposal} waits for a yes. {fence_quotations(outcome.reason)}"
    reason = fence_quotations(outcome.reason)
    if item is None or item.deleted:
        return f"{outcome.status}: {reason}"
    text = " ".join(item.content.split())
    # A rejected core paragraph has to be rewritten from the current one; other items only need to be recognized.
    short = text if item.kind == "core" or len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…"
    return f"{outcome.status}: {reason} It reads: {wrap_recalled(short)}"
