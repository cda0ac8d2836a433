"""Reflection without a model: enough when one page covers what the question turns on; else, which lead to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...stores.analyzer import stems
from ...stores.archive import Archive
from .integrate import weight
from .reading import names, rare, terms, titles

if TYPE_CHECKING:
    from collections.abc import Collection

    from ...stores.records import Hit
    from ..reflect import ReflectQuestion, Reflection

_PAGES = 3  # from the top of the ranking, in which names are met
_LEADS = 3  # followed in one round
_TRIED = 40  # names looked at
_CANDIDATES = 200


def reflect(archive: Archive, question: ReflectQuestion) -> Reflection:
    """What is missing are the terms that no statement covers. It is enough when a single page covers them all:
    scattered over pages they may come from different stories. Names met on the best pages are leads; the most
    promising ones are followed."""
    from ..reflect import Reflection

    wanted = terms(archive, question.question)
    cited = [citation["page_id"] for statement in question.known for citation in statement["citations"]]
    seen = {page_id: _stems_of(archive, page_id) for page_id in dict.fromkeys(cited)}
    here = {stem for own in seen.values() for stem in own}
    missing = [word for stem, word in wanted.items() if stem not in here]
    if any(wanted.keys() <= own for own in seen.values()):
        return Reflection(enough=True)
    leads = _leads(archive, question, wanted)
    return Reflection(enough=False, missing=missing, request=question.question if leads else "", names=leads)


def _leads(archive: Archive, question: ReflectQuestion, wanted: dict[str, str]) -> list[str]:
    """Names that were not asked for yet, the most promising first.

    A lead's promise is how sure the page is on which it was met, times how well the passages or the page it leads to
    cover what that page leaves open.
    """
    asked = set(stems(question.question)) | {stem for query in question.asked for stem in stems(query)}
    promise: dict[str, float] = {}
    by_page = _by_page(question.evidence)
    for page_id in list(by_page)[:_PAGES]:
        hits = by_page[page_id]
        sure = hits[0].score / question.evidence[0].score
        left = wanted.keys() - _stems_of(archive, page_id)
        text = "\n".join(hit.text for hit in sorted(hits, key=lambda hit: hit.start))
        found = _found(archive, left)
        for name in _new_names(archive, text, asked):
            promise[name] = max(promise.get(name, 0.0), sure * (0.5 + _covers(archive, name, found)))
    return sorted(promise, key=lambda name: -promise[name])[:_LEADS]


def _new_names(archive: Archive, text: str, asked: Collection[str]) -> list[str]:
    """Titles of known pages first, then names that are rare enough to lead somewhere."""
    new = [title for title in titles(archive, text) if not set(stems(title)) <= set(asked)]
    for name in names(text):
        if name not in new and name not in archive.speakers and not set(stems(name)) <= set(asked):
            if rare(archive, name):
                new.append(name)
    return new[:_TRIED]


def _found(archive: Archive, left: Collection[str]) -> list[Hit]:
    """Passages that cover what is left open, scores brought to 1 at the top."""
    hits = archive.keyword(" ".join(left), _CANDIDATES) if left else []
    return hits


def _covers(archive: Archive, name: str, found: list[Hit]) -> float:
    """The best score, from 0 to 1, of a passage that bears the name in its text or its page's title."""
    for hit in found:
        if name in hit.text or name in archive.page(hit.page_id).header:
            return hit.score / found[0].score
    return 0.0


def _by_page(evidence: object) -> dict[str, list[Hit]]:
    pages: dict[str, list[Hit]] = {}
    for hit in evidence:  # type: ignore[attr-defined]
        pages.setdefault(hit.page_id, []).append(hit)
    return pages


def _stems_of(archive: Archive, page_id: str) -> set[str]:
    page = archive.page(page_id)
    return set(stems(f"{page.header} {page.text}"))


__all__ = ["reflect", "weight"]
