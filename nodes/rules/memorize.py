"""A memo by salience: the sentences that say most of what is particular to the page."""

from __future__ import annotations

import math
from collections import Counter

from ...stores.index.snapshot import Snapshot
from ..memorize import Memo, MemorizeQuestion, stem_sentences

MEMO_CHARS = 240


def memorize(snapshot: Snapshot, question: MemorizeQuestion) -> Memo:
    """The two or three sentences of most salience, in the order of the page, up to 240 characters.

    A sentence's salience is the mean, over its distinct terms, of how often a term occurs in the page times how
    rare it is in the memory, with a floor on length so that short exclamations do not win; numbers count double.
    """
    analyzed = question.sentences or stem_sentences(question.text)
    here = Counter(stem for _, own in analyzed for stem in own)
    known = snapshot.frequencies(here)
    weights = {stem: _weight(stem, count, *known[stem]) for stem, count in here.items()}

    def salience(at: int) -> float:
        _, own = analyzed[at]
        return sum(weights[stem] for stem in own) / max(6, len(own))

    chosen: list[int] = []
    length = 0
    for at in sorted(range(len(analyzed)), key=salience, reverse=True):
        room = MEMO_CHARS - length
        if len(analyzed[at][0]) <= room and salience(at) > 0:
            chosen.append(at)
            length += len(analyzed[at][0]) + 1
        if len(chosen) == 3:
            break
    if not chosen:
        return Memo(memo=" ".join(question.text[:MEMO_CHARS].split()))
    return Memo(memo=" ".join(analyzed[at][0] for at in sorted(chosen)))


def _weight(stem: str, here: int, documents: int, total: int) -> float:
    rarity = math.log((total + 2) / (documents + 1))
    return (1 + math.log(here)) * rarity * (2 if stem.isdigit() else 1)
