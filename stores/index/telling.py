"""How much a turn tells of its speaker, by its form: one that greets, thanks or asks answers few questions."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from functools import lru_cache

from ..records import Hit
from .snapshot import Snapshot

_WEIGHT = 0.1  # on a ranking whose best is about 1
_LOOKED_AT = 200  # hits
_NEUTRAL = 0.8  # of what nobody says, about the mean of turns
_NAMED = 0.6
_HIGHEST = 2.0 + _NAMED  # that a turn can tell
_WORD = re.compile(r"[a-z']+|\d+")
_TOLD = re.compile(  # what somebody did
    r"\b(?:I|[Ww]e)(?:'ve|'d)? (?:(?:have|had|just|also|finally|recently|even|already|once|actually) )*"
    r"(?:[a-z]+ed|went|got|made|took|saw|had|did|was|were|met|bought|gave|found|won|began|ran|wrote|read|came|left|lost|felt|told"
    r"|taught|built|grew|drove|flew|spent|ate|used)\b"
)
_WHEN = frozenset(
    """yesterday last ago recently just tomorrow tonight next since monday tuesday wednesday thursday friday saturday sunday
    january february april june july august september october november december""".split()
)
_REACTION = frozenset(
    """thanks thank wow yeah yep yes that's awesome great cool congrats sounds absolutely definitely totally sure glad aw haha
    nice good it's what how""".split()
)
_DIGIT = re.compile(r"\d")
_NAME = re.compile(r" [\"'(]?([A-Z][a-z]{2,})")
_SENTENCE_ENDS = ".!?…:\n"
_QUESTION_MARKS = ("?", "？", "؟")


def prefer_telling(snapshot: Snapshot, ranked: Sequence[Hit], most: int = sys.maxsize) -> list[Hit]:
    """The ranking, whose turns count the more the more they tell: those that match well hardly, those that match little all
    the more, as then the words of the question say little of which of them answers it. The hits are those that were given,
    changed; only the first `most` need be right, so what cannot come among them is not looked at."""
    best = max((hit.score for hit in ranked), default=0.0)
    if best <= 0 or not any(hit.speaker for hit in ranked):
        return list(ranked)
    speakers = frozenset(word for name in snapshot.speakers for word in name.split())
    least = ranked[most - 1].score if most < len(ranked) and best > _WEIGHT * _HIGHEST else -math.inf
    for hit in ranked[:_LOOKED_AT]:
        if hit.score + _WEIGHT * _HIGHEST * (1 - hit.score / best) < least:
            break
        if hit.score > 0:
            value = _NEUTRAL
            if hit.speaker:
                value, names = _read_turn(hit.text.removeprefix(f"{hit.speaker}: "))
                value += _NAMED * any(name not in speakers for name in names)
            hit.score += _WEIGHT * value * (1 - hit.score / best)
    return sorted(ranked, key=lambda hit: -hit.score)


@lru_cache(maxsize=1 << 13)
def _read_turn(said: str) -> tuple[float, tuple[str, ...]]:
    """How much a turn tells without its names, from 0 to 2, and these."""
    said = said.replace("’", "'")
    words = _WORD.findall(said.lower())
    names = [found[1] for found in _NAME.finditer(said, 1) if said[found.start() - 1] not in _SENTENCE_ENDS]
    value = 0.7 + 0.3 * (" I " in f" {said}" or "I'" in said) + 0.4 * (_TOLD.search(said) is not None)
    value += 0.3 * (not _WHEN.isdisjoint(words)) + 0.3 * (_DIGIT.search(said) is not None)
    value -= 0.3 * (words[:1] != [] and words[0] in _REACTION) + 0.4 * said.rstrip().endswith(_QUESTION_MARKS)
    return value, tuple(names)
