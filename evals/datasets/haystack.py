"""Text to hide sentences in: sentences of a small grammar, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from langchain_core.messages import HumanMessage
from langchain_core.messages.utils import count_tokens_approximately

_JOBS = "an engineer|a botanist|a composer|a surveyor|a chemist|a printer|a judge|a cartographer".split("|")
_TRADES = "glass|paper|clocks|bicycles|instruments|boats|carpets|lamps".split("|")
_WHO = (
    "the baker|the ferryman|a young surveyor|the night porter|my neighbour|the old gardener|a travelling tailor|the clerk|"
    "the lighthouse keeper|a retired pilot|the librarian|the glazier|our postman|the schoolmaster|a quiet cellist|the miller|"
    "the beekeeper|a patient carpenter|the signalman|the innkeeper"
).split("|")
_DID = (
    "repaired|described|painted|measured|forgot|carried|borrowed|sketched|examined|polished|counted|moved|mentioned|"
    "covered|returned|collected|praised|weighed|displayed|replaced"
).split("|")
_WHAT = (
    "a copper kettle|the blue ladder|two wicker baskets|the broken clock|a bundle of letters|the wooden bench|an old map|"
    "the garden gate|a jar of honey|the long rope|a crate of apples|the tin roof|a folded blanket|the heavy anvil|"
    "a pair of boots|the glass lantern|a stack of plates|the iron stove|a painted sign|the narrow boat"
).split("|")
_WHERE = (
    "by the river|behind the mill|near the station|in the orchard|under the bridge|at the market|beside the chapel|"
    "on the hill|in the cellar|along the canal|outside the school|next to the well|in the courtyard|at the harbour|"
    "across the square|below the terrace|in the attic|at the crossroads|inside the barn|by the old wall"
).split("|")
_WHEN = (
    "before breakfast|after the rain|on a cold morning|late in the evening|during the fair|in early spring|at noon|"
    "without a word|for the second time|as the bells rang|with great care|in a hurry|when the fog lifted|at low tide|"
    "just after sunrise|on the way home|while the others slept|in the last week of autumn|to nobody's surprise|as usual"
).split("|")
_ONSETS = "b|br|c|cl|d|dr|f|fl|g|gr|h|j|k|l|m|n|p|pl|r|s|st|t|tr|v|w|z".split("|")
_VOWELS = "a|e|i|o|u|ai|ea|oa|ou".split("|")
_CODAS = "|l|m|n|r|s|t|nd|rk|sh|lt".split("|")


def random_sentences(chance: random.Random) -> Iterator[str]:
    """Endless. No sentence holds a number, a hyphen or a made-up word, so no sentence looks like a needle."""
    while True:
        who, did, what = chance.choice(_WHO), chance.choice(_DID), chance.choice(_WHAT)
        where, when = chance.choice(_WHERE), chance.choice(_WHEN)
        first = chance.random() < 0.4
        yield (f"{when} {who} {did} {what} {where}." if first else f"{who} {did} {what} {where} {when}.").capitalize()


def made_up_words(chance: random.Random, count: int, syllables: int = 2) -> list[str]:
    """`count` different words that no language has, in the order in which they were made."""
    found: dict[str, None] = {}
    while len(found) < count:
        parts = [chance.choice(_ONSETS) + chance.choice(_VOWELS) for _ in range(syllables)]
        found["".join(parts) + chance.choice(_CODAS)] = None
    return list(found)


def text_chars(tokens: int) -> int:
    """The characters of a text of `tokens` tokens, as `count_tokens_approximately` counts one message of it."""
    return 4 * (tokens - count_tokens_approximately([HumanMessage("")]))


def hide_needles(chance: random.Random, sentences: Sequence[str], tokens: int) -> list[str]:
    """Paragraphs of a text of about `tokens` tokens that has each of the sentences once, in their order, at uniformly
    random depths."""
    left = text_chars(tokens) - sum(len(sentence) + 1 for sentence in sentences)
    straw: list[str] = []
    for sentence in random_sentences(chance):
        if left < len(sentence) + 1:
            break
        straw.append(sentence)
        left -= len(sentence) + 1
    depths = sorted(chance.randrange(len(straw) + 1) for _ in sentences)
    lines = list(straw)
    for depth, sentence in reversed(list(zip(depths, sentences, strict=True))):
        lines.insert(depth, sentence)
    return [" ".join(lines[at : at + 8]) for at in range(0, len(lines), 8)]


@dataclass(frozen=True, slots=True)
class _Life:
    person: str
    city: str
    firm: str
    born: str
    founded: str
    text: str


def invent_facts(chance: random.Random, tokens: int) -> tuple[list[str], str, str, tuple[str, ...]]:
    """Paragraphs of about `tokens` tokens, a question, its answer, and the sentences that support it."""
    lives = _make_lives(chance, text_chars(tokens))
    one = chance.choice(lives)
    parts = [life.text for life in lives]
    if chance.random() < 0.5:
        return parts, f"In which city was {one.person} born?", one.city, (one.born,)
    question = f"In which city was the founder of {one.firm} born?"
    return parts, question, one.city, (one.founded, one.born)


def add_distractors(chance: random.Random, gold: Sequence[str], others: Sequence[str], tokens: int) -> list[str]:
    """The gold paragraphs among others, shuffled: as many of the given ones as fit, the rest invented."""
    left = text_chars(tokens) - sum(len(text) + 2 for text in gold)
    parts = list(gold)
    for text in chance.sample(others, len(others)):
        if len(text) + 2 <= left:
            parts.append(text)
            left -= len(text) + 2
    parts += [life.text for life in _make_lives(chance, left)]
    chance.shuffle(parts)
    return parts


def _make_lives(chance: random.Random, left: int) -> list[_Life]:
    """Enough for about `left` characters."""
    count = left // 200 + 2
    names = made_up_words(chance, 3 * count + 41, syllables=3)
    cities, names = names[:41], names[41:]
    lives: list[_Life] = []
    while names:
        life = _make_life(chance, names.pop().capitalize(), names.pop().capitalize(), names.pop().capitalize(), cities)
        if left < len(life.text) + 2:
            break
        lives.append(life)
        left -= len(life.text) + 2
    return lives


def _make_life(chance: random.Random, first: str, last: str, firm: str, cities: list[str]) -> _Life:
    person, house = f"{first} {last}", f"{firm} Works"
    city, other = (city.capitalize() for city in chance.sample(cities, 2))
    year = chance.randrange(1820, 1930)
    born = f"{person} was born in {city} in {year} and became {chance.choice(_JOBS)}."
    founded = f"In {year + chance.randrange(22, 40)} {last} founded {house}, which made {chance.choice(_TRADES)}."
    later = f"Later {last} moved to {other}, and lived there until {year + chance.randrange(45, 85)}."
    return _Life(person, city, house, born, founded, f"{born} {founded} {later}")
