"""What follows the statements in a context: a new output format is a function here, and an entry in `OUTPUTS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit, Page

PAGES = 5  # that are shown whole where no number is given


@dataclass(frozen=True, slots=True)
class Material:
    """What a context is made of. `evidence` and `record_ids` (of pages and items) are best first, cited pages before all others, and no more
    pages than `limit`, where one is given."""

    snapshot: Snapshot
    evidence: Sequence[Hit]
    record_ids: Sequence[str]
    limit: int | None


def integration(material: Material) -> Sequence[Hit]:
    """Nothing: the statements alone."""
    return []


def snippets(material: Material) -> Sequence[Hit]:
    """The best passages."""
    return material.evidence


def pages(material: Material) -> Sequence[Hit]:
    """Every passage of the first pages."""
    found = [material.snapshot.record(one) for one in material.record_ids[: material.limit or PAGES]]
    return [hit for page in found if isinstance(page, Page) for hit in material.snapshot.passages(page, "page_id", 1.0)]


OUTPUTS: Mapping[str, Callable[[Material], Sequence[Hit]]] = {
    "integration": integration,
    "snippets": snippets,
    "pages": pages,
}
"""By name, from the material to the passages that follow the statements, best first: as many are shown as fit."""
