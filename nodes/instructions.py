"""What a person wants in general ("always show me code with types"): how it is recognised, and which of it touches a question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..stores.analyzer import stems
from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit, MemoryItem, Page
from ..stores.times import order_key
from .evidence import as_values, citation_of, cite, record_id

_SHARE = 1 / 6  # of a context, the most that instructions take
_LEAST_CHARS = 160
_LEAD = (
    r"^\W*(?:(?:by the way|before i forget|something else|one more thing|an update|also|and|so|oh|ok|okay|well|hi|hello|yes|no(?! \w+\W*$)"
    r"|but|note|btw|thanks|thank you|in general|generally|as a (?:general )?rule|just|(?:please|always|remember)(?=,))\b[,:.!—-]*\s+)*"
)
_NOT_MEANT = (  # "Never mind", "Always good to hear", "Don't worry"
    r"(?:worry|mind|forget|know|think|get me|hesitate|let|say|tell|give up|ask|miss|be|go|feel|want|see|like|love|need|have|had"
    r"|really|a|an|the|good|nice|great|fun|happy|glad|there|been|so|in|on|up|thought|wanted|it|come|again|\w+ing)\b"
)
_IMPERATIVE = (
    r"(?:use|show|give|tell|answer|reply|respond|write|keep|include|add|avoid|remind|ask|list|explain|format|put|mention|provide"
    r"|call|start|begin|end|check|suggest|recommend|translate|convert|highlight|name|stick|speak|assume|skip|leave|do|make|cite|sign"
    r"|quote|round|limit|treat|never|always|don['’]t|no)\b"
)
_FORM = r"(?:use|answer|reply|respond|call|speak|address|avoid|stick|keep|remember|make sure|refrain|stop|leave out|treat)\b"
_NOT_TOLD = (
    r"(?!\s|i\b|we\b|it\b|my\b|he\b|she\b|they\b|there\b|the\b|people\b|[^.]* will\b)"  # what follows is no wish
)
_GENERAL = re.compile(
    rf"{_LEAD}(?:"
    rf"(?:please\s+|you (?:should|must|may(?= never))\s+)?(?:always|never)\s+(?:ask (?:me|before|for|first)|call me|(?!{_NOT_MEANT})[a-z]+)"
    rf"|please\s+{_FORM}|(?:please\s+)?(?:don['’]t|do not)\s+(?:ever\s+|always\s+)?(?!{_NOT_MEANT})[a-z]+ |under no circumstances"
    rf"|(?:please\s+)?{_IMPERATIVE}[^.]{{0,80}}\b(?:when(?:ever)? (?:i|we) \w+|from now on|in (?:the )?future|every time)\b"
    rf"|(?:from (?:now|today) on|going forward|henceforth|starting (?:now|today)),?\s+{_NOT_TOLD}"
    rf"|(?:in|for) (?:the )?future[,:]?\s+(?:please\b|{_IMPERATIVE})"
    r"|(?:when(?:ever)?|if|(?:every|each|any) ?time) (?:(?:i|we) (?:ask|mention|talk|say|write|want|need|tell|speak|send|share|plan|am|[’']m)"
    r"|you (?:write|give|answer|reply|explain|show|send|suggest|recommend|talk|speak|list)|(?:writ|answer|reply|giv|explain)\w*ing)\b"
    rf"[^,.]*,\s+{_NOT_TOLD}|(?:for|in|with) [^,.]{{1,40}}, (?:please )?(?:always|never|use|avoid) (?!{_NOT_MEANT})"
    r"|(?:please\s+)?(?:make sure|be sure|remember)\b(?: that)?(?: you| to)?\s+(?:always|never|to|you)\b"
    r"(?<!remember to)(?!.*\b(?:today|tonight|tomorrow|now)\b)"
    rf"|(?:i|we)(?: (?:always |only )?(?:want|need)|['’]d like| would like) (?:you to (?:always |never )?{_IMPERATIVE}|all (?:your|answers|\w+s in)\b)"
    r"|i (?:always|only) (?:want|need) (?!to\b|it\b|you\b)|(?:please )?be (?:brief|concise|blunt|formal)\b|it is important to me that you"
    r"|(?:please )?keep (?:it short|(?:your|all|the) (?:answers|replies|responses|explanations))|[^.,]{3,30} in [a-z]+, please\b"
    r"|(?:please )?no (?:more )?(?:emojis?|emoticons|jargon|slang|idioms|markdown|bullet points|hashtags|small talk|spoilers)\b"
    r"|(?:you can |please )?call me (?-i:(?!\w+day\b|[A-Z]{3})[A-Z]\w+)|i go by (?-i:[A-Z])|address me\b|treat me (?:like|as)\b"
    r"|(?:please )?(?:answer|reply|respond|speak|talk)(?: to me)?(?: only)?(?: in)? (?-i:[A-Z]\w+)(?: (?:with|to) me|, please|\W*$)"
    rf"|(?:please )?{_IMPERATIVE}[^.]{{0,30}}\b(?:metric|imperial|celsius|fahrenheit|pronouns|(?:british|american) (?:spelling|english)"
    r"|(?:they|she|he)/\w+|24-hour|day first|first names)\b|stop (?:using|apologi[sz]ing|suggesting|recommending|calling me|reminding)\b"
    r"|avoid (?!th\w+ |him|her|it\b)[a-z]+|assume (?:that )?i(?:['’]m| am| know)\b|explain (?:things|everything) (?:as|like)\b"
    r"|[^.]{0,60}[,;] so (?:please |always |never )+[a-z]+)",
    re.I,
)
_THAT = r"(?!that\b|how\b|it\b|this\b|you\b|your\b|to\b|all\b|the\b|when\b|being\b)"
_PREFERENCE = re.compile(
    rf"{_LEAD}(?:(?:i|we)(?:\s+(?:always|generally|usually|really|strongly|much|tend to)|['’]d| would)*(?:\s+(?:prefer (?!not\b)"
    rf"|(?:hate|dislike|love|like|do(?:n['’]t| not) (?:like|eat|drink|want)) {_THAT}|(?:only|never) (?:eat|drink)\b"
    r"|(?:can['’]t|cannot) stand (?!up\b|here\b|there\b|in\b|on\b|still\b)|rather (?!not\b|go\b|be\b|stay\b)))"
    r"|i(?:['’]m| am) not a fan of|i have an? (?:\w+ )?preference for|my (?:preference is|pronouns are))",
    re.I,
)
_STRONG = re.compile(r"\b(?:prefer|rather)\b", re.I)
_SPEAKER = re.compile(r"^([^:\n]{1,40}): ")
_ANYBODY = frozenset(("user", "human", "me", "you"))  # as programs call the one person who speaks


def is_instruction(sentence: str) -> bool:
    """Whether it tells the one who is spoken to how to do things in general."""
    return bool(_GENERAL.match(sentence))


def is_preference(sentence: str) -> bool:
    """Whether it says what its speaker prefers or dislikes."""
    return bool(_PREFERENCE.match(sentence))


def find_instructions(snapshot: Snapshot, question: str, known_text: str, chars: int) -> list[dict[str, Any]]:
    """The instructions and preferences that a question could be touched by, as statements with the words of their pages as
    citations, in at most a sixth of so many characters: first those that share words with it, then the newest.

    What somebody with a name prefers counts only where it shares a word. What stands in `known_text` is left out.
    """
    wanted = set(stems(question))
    ranked = []
    for item in snapshot.items_like_instructions():
        speaker, said = _split(item)
        instructs, prefers = is_instruction(said), is_preference(said)
        if not (instructs or prefers) or said in known_text:
            continue
        shared = len(wanted & set(stems(said)))
        if instructs or speaker.lower() in _ANYBODY or (shared and _STRONG.search(said)):
            ranked.append((-shared, -order_key(item.time or item.changed_at), item))
    ranked.sort(key=lambda one: one[:2])
    snapshot.records(page_id for _, _, item in ranked for page_id in item.page_ids)
    found, room = [], max(_LEAST_CHARS, int(chars * _SHARE))
    for _, _, item in ranked:
        room -= len(item.content) + 1
        if room < 0:
            break
        found.append({"text": item.content, "citations": [_cite_item(snapshot, item)]})
    return found


def instruction_hits(
    snapshot: Snapshot, hits: Sequence[Hit], instructions: Sequence[Mapping[str, Any]], k: int
) -> list[Hit]:
    """The hits, at most `k` with the instructions at their end, which have score 0 unless a search found them as well."""
    added = []
    for one in instructions:
        [cited] = one["citations"]
        if not any(hit.record_id == record_id(cited) and hit.start <= cited["start"] < hit.end for hit in hits):
            time = snapshot.record(record_id(cited)).time
            place = (cited["page_id"], cited["start"], cited["end"], cited["quote"])
            added.append(Hit(*place, 0.0, {"instructions": 1.0}, None, cited["item_id"], time))
    return [*hits[: k - len(added)], *added]


def _split(item: MemoryItem) -> tuple[str, str]:
    """The speaker, "" for none, and what was said."""
    turn = _SPEAKER.match(item.content)
    return (turn[1], item.content[turn.end() :]) if turn else ("", item.content)


def _cite_item(snapshot: Snapshot, item: MemoryItem) -> Mapping[str, Any]:
    """The words of its page where it repeats them, else the item itself."""
    for page in snapshot.records(item.page_ids).values():
        if isinstance(page, Page) and (citation := cite(page, _split(item)[1])):
            return as_values(citation)
    return as_values(citation_of(item, 0, len(item.content)))
