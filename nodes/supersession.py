"""Of two passages that say different things of one subject, the newer one takes the better place: for questions on how things are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..stores.analyzer import stems
from ..stores.index.fusion import with_scores
from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.times import is_before
from .own_statements import event_time

_LOOKED_AT = 12
_LEAST_SHARED = 2  # stems
_ALIKE = 0.5  # of the stems of the shorter one, those that both have
_PRESENT = re.compile(
    r"\b(?:is|are|am|do|does|has|have|now|current\w*|latest|still|these days|nowadays|today)\b|['’]s\b", re.I
)
_PAST = re.compile(
    r"\b(?:was|were|did|had|first|before|after|original\w*|earlier|initial\w*|ago|used to|when|once|ever|history|chang\w+|how long"
    r"|previous\w*|former\w*|(?:19|20)\d\d)\b",
    re.I,
)


def newest_first(snapshot: Snapshot, question: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits, of which among the first twelve a newer one has changed places with an older one before it: where the same
    speaker says much the same with another detail, and holds as many words of the question. By the time of the event, where
    a passage names one. Questions on the past keep their order."""
    ranked = list(hits)
    if not _PRESENT.search(question) or _PAST.search(question):
        return ranked
    wanted = set(stems(question))
    count = sum(1 for hit in ranked[:_LOOKED_AT] if hit.score > 0)
    words = [set(stems(hit.text)) - snapshot.speaker_stems for hit in ranked[:count]]
    times = [event_time(hit.text, hit.time) for hit in ranked[:count]]
    for at in range(count):
        for later in range(at + 1, count):
            old, new = times[at], times[later]
            if old is None or new is None or not is_before(old, new):
                continue
            if _is_other_version(ranked[at], ranked[later], words[at], words[later], wanted):
                ranked[at], ranked[later] = _exchange_scores(ranked[later], ranked[at])
                words[at], words[later] = words[later], words[at]
                times[at], times[later] = new, old
    return ranked


def _is_other_version(one: Hit, other: Hit, own: set[str], others: set[str], wanted: set[str]) -> bool:
    shared = own & others
    alike = len(shared) >= max(_LEAST_SHARED, _ALIKE * min(len(own), len(others)))
    return alike and own != others and one.speaker == other.speaker and own & wanted <= others & wanted


def _exchange_scores(first: Hit, second: Hit) -> tuple[Hit, Hit]:
    return with_scores(first, second.score, first.scores), with_scores(second, first.score, second.scores)
