"""Find the passage that carries a statement whose own quotes do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from .evidence import as_values, citation_of
from .support import names_other_day, support_of

_CARRIER = 0.75  # of a statement's own words, those that a passage must hold to be cited in place of a wrong quote


def find_carrier(snapshot: Snapshot, text: str, question: str, evidence: Sequence[Hit]) -> dict[str, Any] | None:
    """The citation of the passage that carries a statement best; None where none does. Small models often say what a
    passage says and copy the words of another."""
    best: tuple[float, Hit] | None = None
    for hit in evidence:
        record = snapshot.record(hit.record_id)
        if names_other_day(text, hit.text, record.time):
            continue
        support = support_of(text, question, [hit.dated_text], [record.header])
        if support.is_sufficient and support.share >= _CARRIER and (best is None or support.share > best[0]):
            best = (support.share, hit)
    return as_values(citation_of(snapshot.record(best[1].record_id), best[1].start, best[1].end)) if best else None
