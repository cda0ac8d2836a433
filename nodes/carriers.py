"""Find the passage that carries a statement whose own quotes do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..stores.date_phrases import without_notes
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
) -> tuple[str, list[dict[str, Any]]]:
    """A statement with its citations, if the lines of its quotes carry it; else with that of the passage that does; else
    with none. One that copies a passage becomes that passage, with the name of who said it. What was corrected or is
    unsupported is counted."""
    exact = any(" ".join(citation["quote"].split()) == text for citation in citations)
    if not exact and not (citations and _is_supported(snapshot, text, citations, question)):
        carrier = _find_carrier(snapshot, text, question, evidence)
        counts["corrected" if carrier else "unsupported"] += bool(carrier or citations)
        citations = [carrier] if carrier else []
    copied = _copied_passage(text, citations, evidence)
    if copied is None:
        return text, citations
    return copied.text, [as_values(citation_of(snapshot.record(copied.record_id), copied.start, copied.end))]


def _copied_passage(text: str, citations: Sequence[Mapping[str, Any]], evidence: Sequence[Hit]) -> Hit | None:
    """The passage around a quote of which the text is a copy, or at least the half."""
    words = " ".join(without_notes(text).split())
    for hit in evidence if len(citations) == 1 else ():
        [quote] = citations
        if hit.record_id == record_id(quote) and hit.start <= quote["start"] and quote["end"] <= hit.end:
            passage, said = " ".join(hit.text.split()), words.removeprefix(f"{hit.speaker}: ")
            if said in passage and len(passage) <= 2 * len(words):
                return hit
    return None


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
