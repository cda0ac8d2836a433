"""Slots: of each (home, work, …) a speaker has one at a time, and what is said of it later takes the place of the earlier."""

from __future__ import annotations

import re

_CLAUSE = (  # where a clause begins, after a word or a date that opens it
    r"(?:^|[,;–—]\s+|\b(?:and|but|so|because|since)\s+)"
    r"(?:(?:[Yy]es|[Nn]o|[Nn]ow|[Ww]ell|[Aa]ctually|[Aa]lso|[Hh]i|[Hh]ello|[Oo]h|[Ss]orry|[Cc]orrection|I mea?nt?|and|so)[,.!:]?\s+"
    r"|not [\w ]{1,30} but [\w ]{1,30}:\s+)*"
    r"(?:(?:[Ii]n|[Oo]n|[Ss]ince|[Ff]rom)\s(?:(?:last|next|this|the|of|early|late|[A-Z]\w*(?:day|ber|ary|ch|il|ay|ne|ly|ust)"
    r"|\d+(?:st|nd|rd|th)?),?\s)+|(?:[Ll]ast|[Tt]his)\s\w+,?\s+|[Aa]fter (?:the|my|our) [\w ]{1,30}?,?\s)?"
)
_DENIED = re.compile(r"\b(?:said|says?|claims?|claimed|thinks?|believes?|pretends?)\b")
_UNMEANT = re.compile(  # what comes behind
    r"[,”\"]\s*(?:he|she|they|my \w+) (?:says?|said|claim\w*|joke\w*)|\b(?:in my (?:head|dreams?|mind|novel)|as a (?:joke|child|kid)"
    r"|just kidding|when I was|no more)\b"
)
_JUST = (
    r"(?:(?:just|now|currently|still|finally|recently|also|already|no longer|don['’]t(?=.* any ?(?:more|longer)\b)) )*"
)
_PLACE = (
    r"(?:the |a |an |our |my |another )?(?:[A-Z\d]|(?:[\w'’-]+ ){0,3}?(?:flat|apartment|house|boat|city|town|village|country|coast"
    r"|suburbs?|farm|cent(?:er|re)|studio|mountains?|island|street|countryside)\b)"
)
_NO_PLACE = r"(?!(?:a |the )?(?:fear|hope|peace|harmony|silence|poverty|exile|luxury|constant|denial|dream|past|moment|bubble|world|it|this)\b)"
_NO_WORK = (
    r"(?!(?:an? |the )?(?:night|home|free|silence|it|hours|once|first|last|all|times|least|weekends?|moment|living|peace|pairs|fun"
    r"|this|that|shifts|days|ages)\b)"
)
_CALLED = r"(?:'s name)? is (?:now )?(?:called |named )?[A-Z]"
_SLOTS = {
    "home": rf"I(?:['’]ve| have|['’]m| am)? {_JUST}(?:liv(?:e|ing)(?: back| again| now)? (?:in|at|on|near) {_NO_PLACE}"
    rf"|(?:settled|based) in (?:the )?[A-Z]|(?:moved|moving|relocated)(?: back)?(?: from [\w ]{{1,40}}?)? to {_PLACE})"
    rf"|[Ww]e(?:['’]ve| have)? {_JUST}(?:live in|(?:moved|relocated) (?:back )?to) [A-Z]"
    r"|(?:[Mm]y|[Oo]ur) (?:new )?(?:(?:flat|apartment|house|home) is (?:now )?(?:in|at|on)|address is(?: now)?(?: in| at| on)?) [A-Z\d]",
    "work": rf"I(?:['’]m| am)? {_JUST}(?:work(?:ing)?|teach|bake|nurse|employed) (?:at|for|in|as|by) {_NO_WORK}"
    rf"|I(?:['’]ve| have)? {_JUST}(?:started|got|took|accepted|have) (?:a |my )?(?:new )?(?:job|position) (?:at|with|as)\b"
    rf"|I(?:['’]ve| have| was| got)? {_JUST}(?:started (?:work(?:ing)? )?(?:at|for)|hired by) [A-Z]|I(?:['’]ve| have)? {_JUST}joined [A-Z][\w ]* as an?\b"
    r"|I(?:['’]ve| have)? (?:just )?(?:quit|lost|resigned from) (?:my job|[A-Z])|I (?:quit|left|switched|changed|resigned)\b[^.;]{0,50}?\band (?:now )?(?:work|started) (?:now )?(?:at|for) [A-Z]"
    r"|[Mm]y (?:new )?(?:job|employer|company) is (?:now )?(?:at |with )?[A-Z]",
    "name": r"[Mm]y (?:full )?name is (?!(?:not|on|in|at|the|also|so|a|an|too|spel\w+|pronounced|written)\b)",
    "birthday": r"[Mm]y birthday is (?!coming|soon|over|today|to?morrow|this|next|last|near|not)|I was born (?:on|in)\b",
    "allergy": r"I(?:['’]m| am) (?:also )?allergic to\b|I have an? \w+ allergy\b",
    "diet": rf"I(?:['’]m| am) {_JUST}(?:an? )?(?:vegan|vegetarian)\b|I(?:['’]ve| have)? {_JUST}(?:gone|turned|went|became|become) (?:an? )?(?:vegan|vegetarian)\b",
    "status": rf"(?:I(?:['’]m| am| got)|[Ww]e(?:['’]re| are| got)) {_JUST}(?:single|married|engaged|divorced|widowed)(?![\w-])",
    "phone": r"[Mm]y (?:new )?(?:(?:phone|mobile|telephone|cell)(?: number)?|number) is (?:now )?\+?\d[\d ()/-]{4,}",
    "boss": rf"[Mm]y (?:new )?(?:boss|manager|supervisor){_CALLED}",
    "partner": rf"[Mm]y (?:new )?(?:wife|husband|partner|girlfriend|boyfriend){_CALLED}",
    "dog": rf"(?:[Mm]y|[Oo]ur) (?:new )?dog{_CALLED}|(?:I|[Ww]e)(?:['’]ve| have)? renamed (?:my|our|the) dog\b",
    "cat": rf"(?:[Mm]y|[Oo]ur) (?:new )?cat{_CALLED}|(?:I|[Ww]e)(?:['’]ve| have)? renamed (?:my|our|the) cat\b",
}
SEVERAL = frozenset(("dog", "cat", "allergy"))  # there may be several: another one is no change where nothing says so
_CHANGED = re.compile(
    r"\b(?:now|new|no longer|any ?more|these days|nowadays|instead|meanwhile|by now|as of|again"
    r"|(?:re)?(?:moved|named|scheduled)|changed|switched|replaced|sold|postponed|brought forward|raised|lowered|went (?:up|down))\b",
    re.I,
)
_ENDED = re.compile(r"\b(?:no longer|any ?more|any longer|quit|lost|resigned)\b(?!.*\b(?:I|now|started)\b)")
_NAME = re.compile(r"(?<!^)\b(?!I\b)[A-Z]\w+")
_FIRST_PERSON = re.compile(r"\b(?:I|[Mm]y|[Ww]e|[Oo]ur)\b")  # is in whatever fills a slot
_patterns = {slot: re.compile(f"{_CLAUSE}(?:{pattern})") for slot, pattern in _SLOTS.items()}


def find_slot(sentence: str) -> str | None:
    """What a sentence says of its speaker: only where a clause begins with it, and nothing before denies it."""
    if not _FIRST_PERSON.search(sentence):
        return None
    for slot, pattern in _patterns.items():
        found = pattern.search(sentence)
        if found and not (_DENIED.search(sentence, 0, found.end()) or _UNMEANT.search(sentence, found.end())):
            return slot
    return None


def ends_only(sentence: str, known: str | None) -> bool:
    """Whether it says no more than that a slot is not filled as it was, and what is `known` of the slot is not that."""
    if not _ENDED.search(sentence):
        return False
    named = set(_NAME.findall(sentence))
    return known is None or (bool(named) and not named & set(_NAME.findall(known)))


def says_change(text: str) -> bool:
    """Whether it says that something is not what it was."""
    return _CHANGED.search(text) is not None
