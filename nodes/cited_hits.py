"""Which passages a model's statements cite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..stores.records import Hit
from .evidence import record_id


def cited_first(hits: Iterable[Hit], statements: Sequence[Mapping[str, Any]]) -> list[Hit]:
    """The passages that a statement cites before all others: what a model's own queries found stands there only by a
    statement that its words carry."""
    spans = [citation for statement in statements for citation in statement["citations"]]

    def is_cited(hit: Hit) -> bool:
        own = [one for one in spans if record_id(one) == hit.record_id]
        return any(one["start"] < hit.end and hit.start < one["end"] for one in own)

    return sorted(hits, key=lambda hit: not is_cited(hit))
