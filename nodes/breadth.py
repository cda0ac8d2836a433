"""Broad questions (lists, order, summaries, change over time): which they are, and evidence from many pages for them."""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Sequence

from ..stores.analyzer import stems
from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from .evidence import place_of
from .options import QuestionKind
from .own_statements import MACHINES

_KINDS: dict[QuestionKind, str] = {
    "order": r"(?:in (?:what|which|the|chronological) order|the order (?:in which|of (?:my|our|the|events)\b)|chronolog\w+"
    r"|sequence of|in sequence|(?:a|the|my|our) timeline(?= (?:of|for)|\W*$)|one after (?:the other|another)|walk me through"
    r"|step by step|from first to last|what (?:came|happened) (?:first|next|after|before .* after)|how did .* unfold"
    r"|which (?:came|was|did .{1,40}) (?:first|earlier|last|later)\b.* or |(?:oldest|earliest) to (?:newest|latest)"
    r"|first\b.{1,60}\b(?:after (?:that|it)|then|next|or)\b.*\?|(?:what|which) .*\bsteps (?:we|i|they)\b|^order the following"
    r"|(?:sort|rank|arrange|order|trace) (?:my|our|the|all) .*\b(?:by (?:date|time|when)|events|order)\b)",
    "summary": r"(?:summari[sz]e\w*|(?:a|an|the) (?:\w+ )?(?:summary|overview|rundown|synopsis|digest) (?:of|about|on)\b"
    r"|(?:summary|overview)\W*$|recap\w*|sum up|wrap up what|in broad strokes|the (?:whole story|big picture|gist)"
    r"|(?:main|key) (?:points|takeaways)|everything (?:about|that|i|we|on)\b|all (?:about|(?:that )?(?:i|we) (?:said|know))\b"
    r"|from (?:the )?(?:beginning|start) to (?:the )?(?:end|finish)|catch me up|bring me up to (?:date|speed)"
    r"|(?:fill me in|brief me) (?:on|about)|in short, what happened)",
    "change": r"(?:over time|evol(?:v\w+|ution)|how (?:has|have|did|is|are|was) .{1,80}\b(?:chang(?!e of)|develop|progress|grow|improv"
    r"|shift|com(?:e|ing) along|(?:go|went)(?=\W*$| with\b| over\b| from\b))\w*|what (?:ha[sd] |have )?(?:all )?changed"
    r"|(?:has|have|did) my .{1,60}\bchanged?\W*$|so far\b|progress(?:ed|ion)? (?:of|in|with|on|have i)"
    r"|the (?:trend in|history of (?:my|our|the)))",
    "list": r"(?:list (?:all|every|each|the)|enumerate|(?:a|the) (?:full |complete )?list of|all (?:of )?(?:my|our) \w+"
    r"|(?:all|every(?:thing)?|each) (?:of )?(?:the )?\w+s? (?:that )?(?:i|we|he|she|they)\b)",
}
_ANSWERS = re.compile(
    r"\byou(?:r)? (?:\w+ )?(?:suggest|recommend|advi[cs]e|told|gave|said|explain|answer|propos|offer)", re.I
)
_FOLLOWED = 0.8  # a turn counts as much of what the best of the answer to it counts
_ANSWER = 0.25  # an answer of a machine, beside what a person said
_QUESTION = 0.4  # a question, beside what somebody tells
_SAME_PAGE = 0.6  # each further passage of a page
_LIST_PAGE = 0.95  # the same for a list, whose places share their words
_ALIKE = ("list", "change")
_SHORT = 6  # terms; fewer tell no more for being few


def kind_by_words(text: str) -> QuestionKind:
    """The kind of a question by the words that it is made of."""
    return next((kind for kind, words in _KINDS.items() if re.search(rf"\b{words}", text, re.I)), "needle")


def spread_pages(snapshot: Snapshot, question: str, kind: QuestionKind, hits: Sequence[Hit]) -> list[Hit]:
    """The hits, and what the answers beside them say to belong to them, in an order in which each adds most that was not
    said before it, for a list the best first, and pages take turns; a person's words before those of a machine, where it is not asked for these.

    What a passage adds is the mean idf of its terms that are neither in the question nor in a passage before it (a greedy
    cover, as in Lin & Bilmes 2011), times its share of the best score.
    """
    found = [hit for hit in hits if hit.page_id and hit.score > 0]
    if not found:
        return list(hits)
    candidates = _with_their_turns(snapshot, found, by_machine=bool(_ANSWERS.search(question)))
    wanted = set(stems(question))
    terms = {place: set(stems(hit.text)) - wanted for place, (hit, _) in candidates.items()}
    known = snapshot.frequencies(stem for own in terms.values() for stem in own)
    idf = {stem: math.log((total + 1) / max(1, documents)) for stem, (documents, total) in known.items()}
    covered: set[str] = set()
    taken: Counter[str] = Counter()

    def gain(place: str) -> float:
        hit, worth = candidates[place]
        fresh = terms[place] - covered
        told = 1.0 if kind in _ALIKE else sum(idf[stem] for stem in fresh) / max(_SHORT, len(terms[place]))
        return float(worth * told * (_LIST_PAGE if kind in _ALIKE else _SAME_PAGE) ** taken[hit.record_id])

    waiting = [(-gain(place), place) for place in candidates]
    heapq.heapify(waiting)
    order: list[Hit] = []
    while waiting:
        _, place = heapq.heappop(waiting)
        now = -gain(place)
        if waiting and now > waiting[0][0]:  # it adds less than it did when it was put there
            heapq.heappush(waiting, (now, place))
            continue
        hit = candidates[place][0]
        order.append(hit)
        covered |= terms[place]
        taken[hit.record_id] += 1
    places = set(candidates)
    return [*order, *(hit for hit in hits if place_of(hit) not in places)]


def _with_their_turns(snapshot: Snapshot, hits: Sequence[Hit], *, by_machine: bool) -> dict[str, tuple[Hit, float]]:
    """By place, the hits and the turns before an answer among them, each with its worth from 0 to 1."""
    best = max(hit.score for hit in hits)
    known = {place_of(hit): hit for hit in hits}
    worths: dict[str, tuple[Hit, float]] = {}
    pages = snapshot.pages(hit.record_id for hit in hits)
    for page in pages.values():
        passages = snapshot.passages(page, "", 0.0)
        machines = any((hit.speaker or "").lower() in MACHINES for hit in passages)
        answered = 0.0  # the best of the answer that follows, as the page is read from its end
        before_answer = True
        for hit in reversed(passages):
            known_hit = known.get(place_of(hit))
            score = known_hit.score / best if known_hit else 0.0
            if machines and (hit.speaker or "").lower() in MACHINES:
                answered = max(score, answered if before_answer else 0.0)
                before_answer = True
                worth = score if by_machine else _ANSWER * score
            else:
                worth = max(score, _FOLLOWED * answered)
                before_answer = False
                if machines and hit.text.rstrip().endswith("?"):
                    worth *= _QUESTION
            if worth > 0:
                worths[place_of(hit)] = (known_hit or _with_score(hit, worth * best), worth)
    return worths


def _with_score(hit: Hit, score: float) -> Hit:
    return Hit(hit.page_id, hit.start, hit.end, hit.text, score, {"turn": score}, hit.speaker, None, hit.time)
