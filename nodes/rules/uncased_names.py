"""Names in scripts without capital letters: what is rare enough to be one, since nothing marks it."""

from __future__ import annotations

import re

from ...stores.analyzer import terms

_CAPITAL_SCRIPTS = re.compile(r"[0-9A-Za-z\u00c0-\u058f\u1e00-\u1fff]")
_UNCASED = re.compile(r"[\u0590-\u1cff\u2e80-\ufaff]")
_MOST = 12  # of a passage; how rare they are in the memory decides which lead on
_LENGTHS = range(2, 13)  # characters


def uncased_names(text: str) -> list[str]:
    """Words of two to twelve characters that are written without case, no function words, in order."""
    if not _UNCASED.search(text):
        return []
    found = [term.text for term in terms(text) if not _CAPITAL_SCRIPTS.search(term.text)]
    return [name for name in found if len(name) in _LENGTHS][:_MOST]
