"""Leave out of the evidence what its reader has before them anyway."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..stores.records import Hit

_SPEAKER = re.compile(r"^[^:\n]{1,40}: ")


def unknown_hits(hits: Sequence[Hit], known_text: str) -> list[Hit]:
    """The hits whose words do not stand in the text, with any speaker; white space does not count."""
    known = f" {' '.join(known_text.split())} "
    return [hit for hit in hits if f" {' '.join(_words(hit))} " not in known]


def _words(hit: Hit) -> list[str]:
    return _SPEAKER.sub("", hit.text).split()
