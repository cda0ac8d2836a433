"""What follows the statements in a context: a new output format is a function here, and an entry in `OUTPUTS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..stores.archive import Archive
from ..stores.records import Hit

PAGES = 5  # that are shown whole where no number is given


@dataclass(frozen=True, slots=True)
class Material:
    """What a context is made of. `evidence` and `page_ids` are best first, cited pages before all others, and no more
    pages than `limit`, where one is given."""

    archive: Archive
    evidence: Sequence[Hit]
    page_ids: Sequence[str]
    limit: int | None


def integration(material: Material) -> Sequence[Hit]:
    """Nothing: the statements alone."""
    return []


def snippets(material: Material) -> Sequence[Hit]:
    """The best passages."""
    allowed = set(material.page_ids)
    return [hit for hit in material.evidence if hit.page_id in allowed]


def pages(material: Material) -> Sequence[Hit]:
    """Every passage of the first pages."""
    shown = material.page_ids[: material.limit or PAGES]
    found = [material.archive.page(page_id) for page_id in shown]
    return [hit for page in found for hit in material.archive.passages(page, "page_id", 1.0)]


OUTPUTS: Mapping[str, Callable[[Material], Sequence[Hit]]] = {
    "integration": integration,
    "snippets": snippets,
    "pages": pages,
}
"""By name, from the material to the passages that follow the statements, best first: as many are shown as fit."""
