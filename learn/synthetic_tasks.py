"""Toy tasks: people whose lives change from session to session, with questions that one turn each answers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..evals.datasets.benchmark_records import Question, Sample
from ..evals.datasets.haystack import made_up_words, random_sentences
from ..stores.errors import BadInput
from ..stores.records import Session
from ..stores.times import format_time
from ..stores.token_size import CHARS_PER_TOKEN

PEOPLE = "Ana Bruno Clara David Elena Felix Greta Hugo Ines Jonas Karin Luis Maria Nils Olga Paul Rosa Simon Tara Viktor".split()
_CITIES = "Lisbon Oslo Vienna Porto Turin Ghent Malmo Krakow Zadar Basel Cork Leeds Nantes Bergen Riga Graz".split()
_PLACES = (
    "bakery hospital aquarium brewery museum observatory pharmacy shipyard tannery vineyard airport library theatre "
    "laboratory nursery sawmill"
).split()
_PETS = "Pixel Mango Biscuit Comet Nutmeg Pepper Saffron Tango Waffle Ziggy Clover Domino Fidget Hazel Juniper Marble".split()
_DEEDS = {  # in the question, and in the statement
    "run a marathon": "ran a marathon",
    "break an arm": "broke my arm",
    "win the chess cup": "won the chess cup",
    "lose the passport": "lost my passport",
    "sell the car": "sold my car",
    "meet the mayor": "met the mayor",
    "buy a piano": "bought a piano",
    "see the eclipse": "saw the eclipse",
    "plant an oak": "planted an oak",
    "sing on the radio": "sang on the radio",
}
_SLOTS = {  # the question, and the statements of its answer
    "city": ("Where does {who} live now?", ("I've moved to {it}.", "I live in {it} now.")),
    "work": ("Where does {who} work now?", ("I work at the {it} now.", "I'm working at the {it} now.")),
    "pet": ("What is {who}'s dog called?", ("My dog is called {it}.", "My dog's name is {it}.")),
}
EVENT = "event"
CATEGORIES = (*_SLOTS, EVENT)
_BEGIN = datetime(2024, 1, 8, 18, 0)
_CHATTER = 3  # turns in a session without a requested length


def make_toy_tasks(
    n: int, seed: int = 0, *, sessions: int = 4, facts: int = 10, people: int = 2, tokens: int | None = None
) -> tuple[Sample, ...]:
    """`n` tasks, the same for the same seed on every machine; a larger `n` extends the same sequence.

    In each, `people` state `facts` over `sessions`, a week or two between them: their city, work and dog's name, each
    of which changes when it is stated again, and events with their dates. They take turns, so `facts=4 * people` is one
    of everything; further facts are changes and more events. One question for each fact that holds at the end, with the
    category city, work, pet or event; its answer is in no other person's facts, its evidence the sentence that states
    it, verbatim. `metadata` has `person`, `session` and `changed`.

    The rest is chatter about other things: a few turns, or enough for about `tokens` tokens (4 characters each). No model is
    needed to make the tasks, and rules can read them. `BadInput` for impossible sizes.
    """
    most = 4 * people * len(_DEEDS)
    if n < 1 or sessions < 1 or not 1 <= people <= len(PEOPLE) or not 1 <= facts <= most:
        raise BadInput(
            f"A toy task takes n and sessions of 1 or more, 1 to {len(PEOPLE)} people and 1 to {most} facts (40 a person);"
            f" got n={n}, sessions={sessions}, people={people}, facts={facts}."
        )
    return tuple(_make_task(f"toy-{seed}-{at}", sessions, facts, people, tokens) for at in range(n))


@dataclass(frozen=True, slots=True)
class _Fact:
    """`session` counts from 0; `text` is the sentence."""

    person: str
    slot: str
    session: int
    text: str
    question: str
    answer: str


def _make_task(name: str, sessions: int, facts: int, people: int, tokens: int | None) -> Sample:
    chance = random.Random(name)
    names = chance.sample(PEOPLE, people)
    times = [_BEGIN]
    while len(times) < sessions:
        times.append(times[-1] + timedelta(days=chance.randrange(7, 15), minutes=chance.randrange(-90, 90)))
    task_facts = list(_make_facts(chance, names, times, facts))
    room = None if tokens is None else CHARS_PER_TOKEN * tokens // sessions
    built = [
        Session(
            turns=_make_turns(chance, names, [fact for fact in task_facts if fact.session == at], room),
            id=f"session-{at + 1}",
            time=time,
        )
        for at, time in enumerate(times)
    ]
    return Sample(name, tuple(built), tuple(_make_questions(name, task_facts)))


def _make_facts(chance: random.Random, names: Sequence[str], times: Sequence[datetime], count: int) -> Iterator[_Fact]:
    """In the order of the sessions, evenly distributed."""
    values = {slot: _draw_values(chance, slot, len(names) * len(_DEEDS)) for slot in _SLOTS}
    deeds = {name: chance.sample(list(_DEEDS), len(_DEEDS)) for name in names}
    pairs = [(name, slot) for name in names for slot in CATEGORIES]
    turns: list[tuple[str, str]] = []
    while len(turns) < count:
        turns += chance.sample(pairs, len(pairs))
    for at, (who, slot) in enumerate(turns[:count]):
        session = at * len(times) // count
        if slot == EVENT:
            deed = deeds[who].pop()
            day = format_time(
                datetime.combine(times[session] - timedelta(days=chance.randrange(1, 7)), datetime.min.time())
            )
            yield _Fact(who, slot, session, f"On {day} I {_DEEDS[deed]}.", f"When did {who} {deed}?", day)
        else:
            question, ways = _SLOTS[slot]
            answer = values[slot].pop()
            yield _Fact(who, slot, session, chance.choice(ways).format(it=answer), question.format(who=who), answer)


def _draw_values(chance: random.Random, slot: str, count: int) -> list[str]:
    """`count` different values: real names first, then made-up ones, taken from the end."""
    real = {"city": _CITIES, "work": _PLACES, "pet": _PETS}[slot]
    more = made_up_words(chance, count - len(real), syllables=3) if count > len(real) else []
    real_values = chance.sample(real, len(real))
    invented = more if slot == "work" else [word.capitalize() for word in more]
    return [*invented, *real_values]  # taken from the end


def _make_turns(
    chance: random.Random, names: Sequence[str], facts: Sequence[_Fact], room: int | None
) -> list[tuple[str, str]]:
    """Chatter with the facts among it, in their order; `room` is in characters for all of it."""
    chatter: list[tuple[str, str]] = []
    left = 0 if room is None else room - sum(len(fact.person) + len(fact.text) + 3 for fact in facts)
    for sentence in random_sentences(chance):
        who = chance.choice(names)
        left -= len(who) + len(sentence) + 3
        if (len(chatter) >= _CHATTER) if room is None else (left < 0):
            break
        chatter.append((who, sentence))
    places = sorted(chance.randrange(len(chatter) + 1) for _ in facts)
    for place, fact in reversed(list(zip(places, facts, strict=True))):
        chatter.insert(place, (fact.person, fact.text))
    return chatter or [(names[0], "Nothing new here.")]


def _make_questions(name: str, facts: Sequence[_Fact]) -> Iterator[Question]:
    """One for each fact, by its last statement."""
    last = {fact.question: fact for fact in facts}
    for at, fact in enumerate(last.values()):
        changed = sum(one.question == fact.question for one in facts) > 1
        metadata = {"person": fact.person, "session": f"session-{fact.session + 1}", "changed": changed}
        yield Question(f"{name}/{at}", fact.question, (fact.answer,), fact.slot, (fact.text,), metadata)
