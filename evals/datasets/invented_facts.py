"""Invented people and firms, a paragraph each, with one-hop and two-hop questions that only they answer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .haystack import made_up_words, text_chars

_JOBS = "an engineer|a botanist|a composer|a surveyor|a chemist|a printer|a judge|a cartographer".split("|")
_TRADES = "glass|paper|clocks|bicycles|instruments|boats|carpets|lamps".split("|")


@dataclass(frozen=True, slots=True)
class _Life:
    person: str
    city: str
    firm: str
    born: str
    founded: str
    rest: str

    @property
    def text(self) -> str:
        return f"{self.born} {self.founded} {self.rest}"


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
    return _Life(
        person,
        city,
        house,
        f"{person} was born in {city} in {year} and became {chance.choice(_JOBS)}.",
        f"In {year + chance.randrange(22, 40)} {last} founded {house}, which made {chance.choice(_TRADES)}.",
        f"Later {last} moved to {other}, and lived there until {year + chance.randrange(45, 85)}.",
    )
