"""Reflection without a model: enough when the statements cover what the question turns on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...stores.analyzer import stems
from ...stores.archive import Archive
from .reading import covered, names, rare, terms, titles

if TYPE_CHECKING:
    from ..reflect import Reflection, ReflectQuestion

_READ = 5  # passages from the top, and their pages' titles, in which names are met
_NAMES = 6  # followed in one round


def reflect(archive: Archive, question: ReflectQuestion) -> Reflection:
    """Uncovered terms are what is missing; names met in the best passages lead on, titles of known pages first."""
    from ..reflect import Reflection

    wanted = terms(archive, question.question)
    texts = [statement["text"] for statement in question.known]
    texts += [archive.page(citation["page_id"]).header for s in question.known for citation in s["citations"]]
    here = covered(wanted, texts)
    missing = [word for stem, word in wanted.items() if stem not in here]
    if question.known and not missing:
        return Reflection(enough=True)
    asked = set(stems(question.question)) | {stem for query in question.asked for stem in stems(query)}
    read = " \n".join(hit.text for hit in question.evidence[:_READ])
    met = [name for name in titles(archive, read) if not set(stems(name)) <= asked]
    met += [
        name
        for name in names(read)
        if name not in met and not set(stems(name)) <= asked and rare(archive, name) and name not in archive.speakers
    ]
    return Reflection(enough=False, missing=missing, request=" ".join(missing) if met else "", names=met[:_NAMES])
