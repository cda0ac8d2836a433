"""A small data set: the sample history of the package, and generated conversations."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import product

from ...sample_history import sample_questions, sample_sessions
from ...stores.records import Session
from ..datasets.benchmark_records import DataSet, DataSource, Question, Sample

SEED = 20251121
CONVERSATIONS, SESSIONS, TURNS = 3, 24, 18
SOURCE = DataSource("jitmem's small data", "in jitmem itself", (), "Apache-2.0")

_NAMES = "Ana Bela Carlos Dora Elias Fatima Goran Hilde Ivo Jana Kofi Lena".split()
_TOWNS = "Viana Braga Porto Evora Faro Lagos Tavira Tomar Coimbra Aveiro Guarda Leiria".split()
_TRADES = "miller|baker|roofer|nurse|glazier|ferry pilot|bookbinder|surveyor|weaver|vet".split("|")
_PETS = "a grey parrot|two goats|a blind cat|a tortoise|a brown dog|nine hens|a ferret|a donkey".split("|")
_THINGS = "van boat oven cello loom tractor telescope piano bicycle kiln".split()
_TALK = [
    "I slept badly, the wind rattled the shutters again.",
    "Did you see how high the river stood this morning?",
    "We should meet for soup one of these days.",
    "The bus was late, so I walked the last stretch.",
    "My sister says hello and wants her basket back.",
    "It rained into the yard until noon.",
    "I bought too many apples at the market.",
    "Let us talk about it when the guests are gone.",
    "The bell of the church has been silent for a week.",
    "I keep losing my keys in that coat.",
]
_PLACES = "harbour office|old cinema|salt works|weather station|ropewalk|tram depot|lighthouse".split("|")
# Statement, question, and values. {n} is the speaker, {x} and {a} are random: several people sell,
# repair and start something at the same places, so the words alone do not tell them apart.
_FACTS = [
    ("work", "I start at the {a} next week, they need a {x}.", "As what does {n} start at the {a}?", _TRADES),
    (
        "home",
        "We signed for the flat behind the {a}, in {x}.",
        "In which town is the flat that {n} signed for?",
        _TOWNS,
    ),
    ("pet", "At the fair I could not resist and brought home {x}.", "What did {n} bring home from the fair?", _PETS),
    ("sold", "I sold the {x} to the keeper of the {a}.", "What did {n} sell to the keeper of the {a}?", _THINGS),
    ("repair", "I spent the whole weekend repairing the {x}.", "What did {n} repair at the weekend?", _THINGS),
]
_PRICES = range(110, 990, 7)


def small_data() -> DataSet:
    """Both, as one data set of kind "conversation"; the same on every machine."""
    draw = random.Random(SEED)
    conversations = [_make_conversation(f"made {number}", draw) for number in range(1, CONVERSATIONS + 1)]
    return DataSet("small", "conversation", (_demo_sample(), *conversations), SOURCE)


def _demo_sample() -> Sample:
    questions = [
        Question(
            f"sample/{at}",
            one["question"],
            (one["answer"],) if one["answer"] else (),
            one["kind"],
            tuple(place["quote"] for place in one["evidence"]),
        )
        for at, one in enumerate(sample_questions())
    ]
    return Sample("sample", tuple(sample_sessions()), tuple(questions))


def _make_conversation(name: str, draw: random.Random) -> Sample:
    """Six people meet in pairs: each fact is said once, by one of them, among small talk. Some have a price that is
    said days later, by the name of the thing alone, so that two turns are needed."""
    people = draw.sample(_NAMES, 6)
    pairs = (draw.sample(people, 2) for _ in range(SESSIONS))
    turns = [[(pair[number % 2], draw.choice(_TALK)) for number in range(TURNS)] for pair in pairs]
    questions: list[Question] = []

    def insert_turn(session: int, person: str, text: str) -> None:
        turns[session].insert(draw.randrange(1, len(turns[session])), (person, text))

    def add_question(text: str, answer: str, category: str, *evidence: str) -> None:
        questions.append(Question(f"{name}/{len(questions)}", text, (answer,), category, evidence))

    for person, (kind, statement, question, values) in product(people, _FACTS):
        value, place = draw.choice(values), draw.choice(_PLACES)
        text = statement.format(x=value, a=place)
        at = draw.randrange(SESSIONS - 4)
        insert_turn(at, person, text)
        add_question(question.format(n=person, a=place), value, "one turn", text)
        if kind == "sold":
            price = f"{draw.choice(_PRICES)} euros"
            price_turn = f"By the way, the {value} brought me {price}."
            insert_turn(draw.randrange(at + 1, SESSIONS), person, price_turn)
            price_question = f"How much did {person} get for what the keeper of the {place} bought?"
            add_question(price_question, price, "two turns", text, price_turn)
    day = datetime(2025, 1, 6, 18, 0)
    sessions = [
        Session(turns=tuple(spoken), id=f"{name}/{number}", time=day + timedelta(days=5 * number))
        for number, spoken in enumerate(turns, start=1)
    ]
    return Sample(name, tuple(sessions), tuple(questions))
