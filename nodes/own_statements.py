"""Which sentences of a page are its speakers' own: what is quoted, pasted, told, coded or asked for is not."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from ..stores.times import event_time, parse_iso_time, spans
from .slots import find_slot

_LONGEST = 240  # characters of a sentence that is worth an item
_TURN = re.compile(r"^(?P<speaker>[^\W\d_][\w .'’-]{0,30}?): (?P<said>.*)$")
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*[\"'”’)]*")
_MAYBE_GENERAL = re.compile(
    r"\b(?:always|never|please|do(?:n['’]| no)t|prefer\w*|rather|when(?:ever)? (?:i|we|you|\w+ing)|(?:if|time) i|now on|today on|future"
    r"|forward|henceforth|make sure|be sure|remember|you to|only|we|important to me|circumstances|not a fan|pronouns are|rule"
    r"|i(?: \w+)? (?:like|love|hate|dislike|can['’]t|cannot)|(?:call|address|treat) me|i go by)\b"
    r"|^\W*(?:no|be|use|keep|stop|avoid|answer|reply|respond|speak|talk|show|write|give|assume|explain|starting)\b",
    re.I,
)
_QUESTION = re.compile(r"\?[\"'”’)]*$")
_HEDGED = re.compile(r"\b(?:if|maybe|perhaps|might|would|wish|could|used to(?! .*\bnow\b)|pretend\w*|joking)\b", re.I)
MACHINES = frozenset(("assistant", "ai", "bot", "system", "tool", "function", "model", "chatbot"))
_QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|«[^»\n]*»|‘[^’\n]*’|`[^`\n]*`|(?<!\w)'[^'\n]*'(?!\w)")
_CODE = re.compile(r"\w\(|[{};=<>]|^\s*(?:>|#|\||//)")
# From here on a turn holds somebody else's words: a task with its material, a story, a game.
_MATERIAL = re.compile(
    r"\b(?:summari[sz]e|translate|rewrite|rephrase|paraphrase|proofread|correct|edit|improve|shorten|classify|analy[sz]e"
    r"|write|draft|compose|continue|complete|invent|role-?play|imagine|pretend|act as|suppose|repeat after"
    r"|once upon a time|here is|here's|this is (?:a|the|my) (?:mail|e-?mail|letter|text|story|poem|code|article|message|draft)"
    r"|(?:mail|e-?mail|letter|story|poem|text|article|message|quote|song|lyrics|script|example) (?:below|says|begins|reads|goes|starts)"
    r"|(?:wrote|writes|forwarded|quoted?|reads|begins|goes)\s*:)|:\s*$|^(?:dear|from|to|subject|cc|sent|fwd?|re)\b[^.!?]{0,60}[,:]",
    re.I,
)
MOST = 6  # of a kind, from one page
_MONTH = re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]*\b|\d{4}-\d\d-\d\d")

# Facts and preferences of which there may be many.
_LASTING = re.compile(
    r"[Mm]y (?:favou?rite|usual) [\w ]{1,40} (?:is|are)\b"
    r"|I (?:prefer|can't stand|love|like|hate) (?!that\b|how\b|it\b|this\b|you\b|your\b|to\b|all\b|the\b|when\b|being\b)\w+"
    r"|[Mm]y (?:son|daughter|mother|father|sister|brother)(?:'s name)? is (?:called )?[A-Z]"
)


class OwnStatement(NamedTuple):
    """A sentence that is worth an item, under the name of its speaker; `slot` is the one that it fills, if any."""

    speaker: str
    content: str
    kind: str
    time: datetime | None
    slot: str | None = None


def own_sentences(text: str, speakers: Collection[str]) -> Iterator[tuple[str, str, bool]]:
    """`(speaker, sentence, is_own)` of each speaker, without questions and hedges. A line that begins with a name that is
    none of the `speakers`, where there are some, is part of the turn before it."""
    speaker, foreign, fenced = "", False, False
    for line in text.splitlines():
        turn = _TURN.match(line.strip())
        said = line
        if turn and (not speakers or turn["speaker"] in speakers):
            speaker, said, foreign, fenced = turn["speaker"], turn["said"], False, False
        fenced ^= line.count("```") % 2 == 1
        plain = _QUOTED.sub(lambda match: "\0" * len(match[0]), said)
        for match in _SENTENCE.finditer(said):
            sentence, seen = match.group().strip(), plain[match.start() : match.end()]
            general = bool(general_kind(sentence))
            before, foreign = foreign, foreign or bool(_MATERIAL.search(seen.strip()))
            whole = len(sentence.split()) > 2 - (general or sentence[:1] == "I") and len(sentence) <= _LONGEST
            if speaker and whole and not _QUESTION.search(sentence) and (general or not _HEDGED.search(sentence)):
                own = not (
                    (before if general else foreign)
                    or fenced
                    or "\0" in seen
                    or _CODE.search(seen)
                    or speaker.lower() in MACHINES
                )
                yield speaker, sentence, own


@lru_cache(maxsize=16)  # of one sentence it is asked twice
def general_kind(sentence: str) -> Literal["instruction", "preference", ""]:
    """Whether it says what its speaker wants or prefers in general."""
    if not _MAYBE_GENERAL.search(sentence):
        return ""
    from .instructions import is_instruction, is_preference

    return "instruction" if is_instruction(sentence) else "preference" if is_preference(sentence) else ""


@lru_cache(maxsize=16)  # asked before a page is filed, and after
def find_statements(text: str, speakers: tuple[str, ...], stamp: str | None) -> Sequence[OwnStatement]:
    """What a page of a time says that is worth an item, in its order, whatever is known already."""
    said = parse_iso_time(stamp)
    addressed = len(speakers) < 2 or any(speaker.lower() in MACHINES for speaker in speakers)
    found: list[OwnStatement] = []
    for speaker, sentence, is_own in own_sentences(text, speakers):
        slot = find_slot(sentence) if is_own else None
        content = f"{speaker}: {sentence}"
        if slot is not None:
            found.append(OwnStatement(speaker, content, "semantic", event_time(sentence, said), slot))
            continue
        general, when = general_kind(sentence) if is_own else "", _single_date(sentence)
        lasts = general == "preference" or (general == "instruction" and addressed)
        if lasts or (is_own and when is None and _LASTING.search(sentence)):
            found.append(OwnStatement(speaker, content, "semantic", said))
        elif when is not None and sum(one.kind == "episodic" for one in found) < MOST:
            found.append(OwnStatement(speaker, content, "episodic", when))
    return found


def _single_date(sentence: str) -> datetime | None:
    """The beginning of the one day or month that the sentence names; None for none, and for several."""
    found = spans(sentence)
    if len(found) != 1 or not _MONTH.search(sentence):
        return None
    from ..stores.date_phrases import start_of

    return start_of(found[0]) if found[0][1] - found[0][0] <= timedelta(days=31) else None
