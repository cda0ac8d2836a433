"""What an evaluation consists of: data sets of samples, each a memory to fill with the questions about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...stores.records import Session
from .data_sources import DataSource


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its known answers.

    `answers` are alternatives, any of which is right, unless `metadata["match"]` is "all": then each is asked for.
    `evidence` supports the answer, in the form of the data set's `kind`; it may be empty. `metadata["time"]` is when
    the question was asked, where the data set has it.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    category: str
    evidence: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def answer(self) -> str:
        """The first answer; "" where the data set has none."""
        return self.answers[0] if self.answers else ""

    @property
    def all_needed(self) -> bool:
        """Whether every answer is asked for, not any."""
        return self.metadata.get("match") == "all"


@dataclass(frozen=True, slots=True)
class Sample:
    """One memory to fill, and the questions about it."""

    name: str
    sessions: Sequence[Session]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class DataSet:
    """`kind` is the form of evidence: "conversation" and "document" (text, verbatim in a session) or "paragraphs" (the
    id of a session). Samples may be generated or read lazily."""

    name: str
    kind: str
    samples: Sequence[Sample]
    source: DataSource
