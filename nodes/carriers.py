"""Find the passage that carries a statement whose own quotes do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.times import explain_dates
from .evidence import as_values, citation_of, record_id
from .support import line_of, names_other_day, support_of

_CARRIER = 0.75  # of a statement's own words, those that a passage must hold to be cited in place of a wrong quote


def find_carriers(
    snapshot: Snapshot,
    text: str,
    question: str,
    citations: list[dict[str, Any]],
    evidence: Sequence[Hit],
    counts: dict[str, int],
) -> list[dict[str, Any]]:
    """The citations of a statement, if the lines of its quotes carry it; else that of the passage that does; else none.
    What was corrected or is unsupported is counted."""
    if citations and _is_supported(snapshot, text, citations, question):
        return citations
    carrier = _find_carrier(snapshot, text, question, evidence)
    counts["corrected" if carrier else "unsupported"] += bool(carrier or citations)
    return [carrier] if carrier else []


def _is_supported(snapshot: Snapshot, text: str, citations: Sequence[Mapping[str, Any]], question: str) -> bool:
    """Whether the lines of the quotes carry a statement."""
    records = [snapshot.record(record_id(citation)) for citation in citations]
    lines = [line_of(one.text, at["start"], at["end"]) for one, at in zip(records, citations, strict=True)]
    if all(names_other_day(text, line, one.time) for line, one in zip(lines, records, strict=True)):
        return False
    lines = [line + explain_dates(line, one.time) for line, one in zip(lines, records, strict=True)]
    return support_of(text, question, lines, [record.header for record in records]).is_sufficient


def _find_carrier(snapshot: Snapshot, text: str, question: str, evidence: Sequence[Hit]) -> dict[str, Any] | None:
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
