"""A history of two-person talks made by chance from a seed: the shape of LoCoMo without its text.

A session is the same whatever the number of sessions asked for, so a short history begins a longer one. Words follow
Zipf's law as in English (about half are function words; a long tail is met once), speakers change from session to
session, and names, places and dates occur as often as people mention them.
"""

from __future__ import annotations

import bisect
import itertools
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from jitmem import Session

SEED = 7
TURNS = 20  # a session, on average: one session has as many more as the next has fewer
_WORDS = (10, 22)  # a turn, names and dates not counted: about 25 tokens with the speaker
_CONTENT_WORDS = 30_000
_EXPONENT, _SHIFT = 1.05, 8  # Zipf and Mandelbrot: without the function words no word stands far above the next
_BEGINNING = datetime(2021, 1, 4, 9)

_SPEAKERS = "Ana Boris Carla Dmitri Elena Farid Greta Hugo Ines Jonas Katya Liam".split()
_NAMES = """Aurelio Bettina Casimir Delphine Eamon Fatima Gustavo Helmi Ivo Jolanda Kester Ludmila Marek Nadia Osvaldo
Petra Quentin Rosalind Stefan Thandi Ulrike Viktor Wanda Xavier Yusuf Zelda Porto Lisbon Geneva Turin Bergen Krakow
Lyon Bristol Malmo Trieste Coimbra Ghent Leipzig Valencia Oakfield Riverside""".split()
_FUNCTION_WORDS = """the I to and you a it of that in is for my we was have on with so this but be me are at not what
about just really had been were they her his she he out up all some would could from there when how do did know think
going like can will more""".split()
_ONSETS = "b br c ch d dr f fl g gr h j k l m n p pl pr r s sh sl st t th tr v w".split()
_VOWELS = "a e i o u ai ea oo ou".split()
_CODAS = ["", "", "", "n", "r", "l", "t", "m", "ck", "nd", "st", "p", "d"]
_ENDINGS = ["", "", "", "", "s", "ing", "ed", "er", "ly", "ation", "ment", "ness"]


@dataclass(frozen=True)
class History:
    """Every session and every question has chances of its own, so any of them can be had without the others."""

    seed: int = SEED

    def session(self, number: int) -> Session:
        """The session with this number, counted from 0."""
        chance = self._chance("session", number)
        spread = self._chance("turns", number // 2).randint(0, 6)
        turns = TURNS + (spread if number % 2 else -spread)
        pair = chance.sample(_SPEAKERS, 2)
        topic = [_VOCABULARY.rare(chance) for _ in range(12)]  # what is spoken about comes back within a session
        time = _BEGINNING + timedelta(days=number, minutes=chance.randint(0, 600))
        return Session(
            turns=[(pair[turn % 2], _turn_text(chance, topic, time)) for turn in range(turns)],
            id=f"session-{number + 1}",
            time=time,
        )

    def questions(self, sessions: int, count: int) -> list[str]:
        """About the first `sessions` sessions: half of one turn, a quarter of two sessions, a quarter of a date."""
        return [
            self._question(self._chance(f"question {sessions}", number), number, sessions) for number in range(count)
        ]

    def _question(self, chance: random.Random, number: int, sessions: int) -> str:
        session = self.session(chance.randrange(sessions))
        speaker, said = chance.choice(list(session.turns or ()))
        words = _rarest_words(said)[:3]
        if number % 4 == 2:
            _, elsewhere = chance.choice(list(self.session(chance.randrange(sessions)).turns or ()))
            return f"How is the {words[0]} that {speaker} mentioned related to the {' '.join(_rarest_words(elsewhere)[:2])}?"
        if number % 4 == 3 and isinstance(session.time, datetime):
            return f"What did {speaker} say about the {words[0]} in {session.time:%B %Y}?"
        return f"What did {speaker} say about the {' and the '.join(words)}?"

    def _chance(self, what: str, number: int) -> random.Random:
        return random.Random(f"{self.seed} {what} {number}")


class _Vocabulary:
    """Made-up words by rank, drawn with a probability of 1 / (rank + 8) ** 1.05."""

    def __init__(self) -> None:
        chance = random.Random("vocabulary")
        words: dict[str, None] = {}
        while len(words) < _CONTENT_WORDS:
            syllables = 1 + (len(words) > 1500)  # frequent words are short
            made = "".join(
                chance.choice(_ONSETS) + chance.choice(_VOWELS) + chance.choice(_CODAS) for _ in range(syllables)
            )
            words[made + chance.choice(_ENDINGS)] = None
        self.rank = {word: rank for rank, word in enumerate(words)}
        self._words = list(words)
        self._totals = list(itertools.accumulate((rank + 1 + _SHIFT) ** -_EXPONENT for rank in range(_CONTENT_WORDS)))

    def any(self, chance: random.Random) -> str:
        return self._words[bisect.bisect(self._totals, chance.random() * self._totals[-1])]

    def rare(self, chance: random.Random) -> str:
        """One of the tail, each as likely as the other."""
        return self._words[chance.randrange(500, _CONTENT_WORDS)]


_VOCABULARY = _Vocabulary()
_FUNCTION_TOTALS = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(_FUNCTION_WORDS))))


def _turn_text(chance: random.Random, topic: list[str], time: datetime) -> str:
    words = [_word(chance, topic) for _ in range(chance.randint(*_WORDS))]
    if chance.random() < 0.35:
        words.insert(chance.randint(1, len(words)), chance.choice(_NAMES))
    if chance.random() < 0.08:
        words.append(f"on {time - timedelta(days=chance.randint(1, 60)):%d %B %Y}".replace("on 0", "on "))
    middle = len(words) // 2
    return f"{_sentence(words[:middle])} {_sentence(words[middle:])}"


def _word(chance: random.Random, topic: list[str]) -> str:
    kind = chance.random()
    if kind < 0.5:
        return _FUNCTION_WORDS[bisect.bisect(_FUNCTION_TOTALS, chance.random() * _FUNCTION_TOTALS[-1])]
    return chance.choice(topic) if kind < 0.62 else _VOCABULARY.any(chance)


def _sentence(words: list[str]) -> str:
    text = " ".join(words)
    return f"{text[:1].upper()}{text[1:]}."


def _rarest_words(said: str) -> list[str]:
    """The words of a turn, the rarest first."""
    words = {word.strip(".").lower() for word in said.split()} & _VOCABULARY.rank.keys()
    return sorted(words, key=lambda word: -_VOCABULARY.rank[word]) or [said.split()[0]]
