"""A world of our own: months of chat of a person with an assistant, and questions on days, order, summaries, wishes, facts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ...stores.errors import BadInput
from ...stores.records import Session
from .benchmark_records import DataSet, DataSource, Question, Sample
from .ruler import GeneratedSamples
from .world_material import (
    ASKS,
    ECHOES,
    EVENTS,
    FACTS,
    LEADS,
    LONG_REPLIES,
    OTHERS,
    REPLIES,
    TAILS,
    TOPICS,
    UNDERTAKINGS,
    WISHES,
    WORRIES,
)

SOURCE = DataSource("The generated world", "in jitmem itself", (), "Apache-2.0")
ADVERSARIAL = "adversarial"  # as `scores.ADVERSARIAL`
_DAYS = 170  # of a world
_CHARS = 4  # of a token
_UNDERTAKINGS, _WISHES, _FACTS = 8, 15, 15
_WORRIED = 25  # times that somebody talks about an undertaking without anything new
_ORDER = (
    "In what order did I tell you of the steps with {s}?",
    "Walk me through {s} in the order in which things happened.",
)
_SUMMARY = (
    "Summarise how it went with {s} from the beginning to the end.",
    "Give me an overview of everything about {s}.",
)


def load(path: Path | None = None, *, count: int = 4, tokens: int = 100_000, seed: int = 0) -> DataSet:
    """`count` worlds of about `tokens` tokens with 140 questions each; the same seed gives the same worlds everywhere.

    The category is the kind: day (when something was that was told as "yesterday", or what was on a day), now (what was
    "last week", with `metadata["time"]`), order, summary, wish (a request that a standing wish touches, in other words),
    needle (a fact that was said once), adversarial (a near miss, which has no answer). Evidence are the messages that are needed; `metadata["days"]` holds, for each of
    them that tells of another day than its own, that day.
    """
    if path is not None:
        raise BadInput("The world is generated: it takes no file.")
    if count < 1 or tokens < 5000:
        raise BadInput(
            f"A world takes count of 1 or more and tokens of 5000 or more; got count={count}, tokens={tokens}."
        )
    return DataSet(
        "world", "conversation", GeneratedSamples(count, lambda at: _World(at, tokens, seed).sample()), SOURCE
    )


@dataclass(slots=True)
class _World:
    number: int
    tokens: int
    seed: int
    draw: random.Random = field(init=False)
    start: datetime = field(init=False)
    days: dict[int, list[list[tuple[str, str]]]] = field(init=False, default_factory=dict)
    """By day, what is said: exchanges of turns."""
    questions: list[Question] = field(init=False, default_factory=list)
    events: list[tuple[str, str]] = field(init=False, default_factory=list)
    """Those that happen in this world."""

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.seed} {self.number}")
        self.start = datetime(2025, 1, 7) + timedelta(days=self.draw.randrange(200))

    def sample(self) -> Sample:
        self._add_undertakings()
        self._add_events()
        self._add_wishes()
        self._add_facts()
        return Sample(f"world {self.number + 1}", tuple(self._sessions()), tuple(self.questions))

    # -- what counts ---------------------------------------------------------------------------------------

    def _add_undertakings(self) -> None:
        names = self.draw.sample(sorted(UNDERTAKINGS), _UNDERTAKINGS)
        for name in names:
            steps = UNDERTAKINGS[name]
            days = sorted(self.draw.sample(range(2, _DAYS - 2), len(steps)))
            said = tuple(
                self._say(day, step.replace("{n}", str(self.draw.randrange(12, 60))), name)
                for day, step in zip(days, steps, strict=True)
            )
            for _ in range(min(_WORRIED, self.tokens // 4000)):
                ask = self.draw.choice(ASKS).format(t=name, d=self.draw.choice(WORRIES))
                chosen = self.draw.sample(LONG_REPLIES, self.draw.randrange(3, 7))
                reply = " ".join(one.format(s=name, d=self.draw.choice(WORRIES)) for one in chosen)
                self.days.setdefault(self.draw.randrange(_DAYS), []).append([("user", ask), ("assistant", reply)])
            for kind, forms in (("order", _ORDER), ("summary", _SUMMARY)):
                for form in forms[: 2 if name in names[:-1] else 1]:
                    self._ask(form.format(s=name), ", then ".join(said), kind, said)

    def _add_events(self) -> None:
        """Told on a later or an earlier day, or on the day itself, in words that only that day explains."""
        happened: list[tuple[int, str]] = []
        self.events = self.draw.sample(EVENTS, 50)
        for at, (what, called) in enumerate(self.events):
            on = self.draw.randrange(8, _DAYS - 12)
            words, gap = self.draw.choice(self._expressions(on))
            sentence = f"{words} {what}." if self.draw.random() < 0.6 else f"{what} {words[0].lower()}{words[1:]}."
            message = self._say(on + gap, sentence[0].upper() + sentence[1:])
            if self.draw.random() < 0.5:  # somebody else did the same
                other = f"{self.draw.choice(OTHERS)} {what.removeprefix('I ')} once, years before I knew you."
                self._say(self.draw.randrange(_DAYS), other, keep=what.startswith("I "))
            day = self.start + timedelta(days=on)
            if at % 2:
                form = "When {0}?" if called.startswith("did ") else "When did I {0}?"
                self._ask(form.format(called), _format(day), "day", (message,), days=(_format(day),))
            else:
                self._ask(f"What did I do on {_format(day)}?", what, "day", (message,), days=(_format(day),))
            happened.append((on, message))
        for on, _ in self.draw.sample(happened, 15):
            words, first, last, ahead = self.draw.choice(
                (("yesterday", 0, 0, 1), ("three days ago", 0, 0, 3), ("two days ago", 0, 0, 2), ("last week", 0, 6, 0))
            )
            if words == "last week":
                monday = on - (self.start + timedelta(days=on)).weekday()
                first, last, asked = monday, monday + 6, monday + 7 + self.draw.randrange(7)
            else:
                first, last, asked = on, on, on + ahead
            gold = tuple(message for when, message in happened if first <= when <= last)
            time = self.start + timedelta(days=asked, hours=20)
            self._ask(f"What was it that I told you I did {words}?", "", "now", gold, time=time.isoformat())

    def _expressions(self, on: int) -> list[tuple[str, int]]:
        """How the day may be spoken of, with how many days later it is told."""
        day = self.start + timedelta(days=on)
        gap = self.draw.randrange(3, 6)
        ordinal = f"{day.day}{'th' if 10 < day.day < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day.day % 10, 'th')}"
        return [
            ("Yesterday", 1),
            ("Last night", 1),
            ("The day before yesterday", 2),
            (f"{'two three four five six'.split()[gap - 2].capitalize()} days ago", gap),
            (f"Last {day:%A}", max(1, gap)),
            ("Today", 0),
            ("This morning", 0),
            (f"On {day.day} {day:%B}", gap + 2),
            (f"On the {ordinal}" if day.day + gap < 28 else "Yesterday", gap if day.day + gap < 28 else 1),
        ]

    def _add_near_misses(
        self, events: Sequence[tuple[str, str]], facts: Sequence[tuple[str, str, tuple[str, ...]]]
    ) -> None:
        """Questions without an answer: what was never told, or was told of somebody else."""
        for at, (what, called) in enumerate(events):
            if at % 2:
                other = f"{self.draw.choice(OTHERS)} {what.removeprefix('I ')} last year."
                self._say(self.draw.randrange(_DAYS), other, keep=what.startswith("I "))
            self._ask(f"When {called}?" if called.startswith("did ") else f"When did I {called}?", "", ADVERSARIAL, ())
        for _, question, _ in facts:
            self._ask(question, "", ADVERSARIAL, ())

    def _add_wishes(self) -> None:
        for wish, request in self.draw.sample(WISHES, _WISHES):
            message = self._say(self.draw.randrange(_DAYS // 2), wish)
            self._ask(request, wish, "wish", (message,))

    def _add_facts(self) -> None:
        facts = self.draw.sample(FACTS, len(FACTS))
        self._add_near_misses([one for one in EVENTS if one not in self.events], facts[_FACTS:])
        for said, question, values in facts[:_FACTS]:
            value = self.draw.choice(values)
            message = self._say(self.draw.randrange(_DAYS), said.format(x=value))
            self._ask(question, value, "needle", (message,))

    def _say(self, day: int, text: str, subject: str = "", *, keep: bool = True) -> str:
        """The person's message with the text, put into a day; of a subject the assistant answers something."""
        message = f"{self.draw.choice(LEADS)}{text}{self.draw.choice(TAILS)}"
        if keep:
            topic = self.draw.choice(sorted(TOPICS))
            reply = self.draw.choice(ECHOES).format(s=subject) if subject else self._reply(topic, 2)
            self.days.setdefault(day, []).append([("user", message), ("assistant", reply)])
        return message

    def _ask(self, text: str, answer: str, kind: str, evidence: tuple[str, ...], **metadata: object) -> None:
        id = f"{self.number + 1}/{kind}/{sum(one.category == kind for one in self.questions)}"
        self.questions.append(Question(id, text, (answer,) if answer else (), kind, evidence, metadata))

    # -- what is said beside it ----------------------------------------------------------------------------

    def _sessions(self) -> list[Session]:
        """A session on each day on which something is said, filled with small talk up to the size of the world."""
        said = sum(len(text) for day in self.days.values() for exchange in day for _, text in exchange)
        spare = (self.tokens * _CHARS - said) // _DAYS
        sessions = []
        for day in range(_DAYS + 12):
            exchanges = self.days.get(day, [])
            talk: list[list[tuple[str, str]]] = []
            while sum(len(text) for exchange in talk for _, text in exchange) < spare and day < _DAYS:
                talk.append(self._small_talk())
            for exchange in exchanges:
                talk.insert(self.draw.randrange(len(talk) + 1), exchange)
            if talk:
                turns = tuple(turn for exchange in talk for turn in exchange)
                time = self.start + timedelta(
                    days=day, hours=self.draw.randrange(8, 22), minutes=self.draw.randrange(60)
                )
                sessions.append(Session(turns=turns, id=f"day {day}", time=time))
        return sessions

    def _small_talk(self) -> list[tuple[str, str]]:
        topic = self.draw.choice(sorted(TOPICS))
        ask = self.draw.choice(ASKS).format(t=topic, d=self.draw.choice(TOPICS[topic]))
        return [("user", ask), ("assistant", self._reply(topic, self.draw.randrange(3, 7)))]

    def _reply(self, topic: str, sentences: int) -> str:
        chosen = self.draw.sample(REPLIES, sentences)
        return " ".join(one.format(t=topic, d=self.draw.choice(TOPICS[topic])) for one in chosen)


def _format(day: datetime) -> str:
    return f"{day.day} {day:%B %Y}"
