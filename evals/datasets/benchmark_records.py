"""What an evaluation is made of: data sets of samples, a memory to fill each, with the questions that are asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...stores.records import Session
from .data_sources import DataSource


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what is known to be right.

    `answers` are alternatives, any one of which is right, unless `metadata["match"]` is "all": then each of them is
    asked for. `evidence` is what the answer stands on, in the form that the data set's `kind` says; it may be empty.
    `metadata["time"]` is when it was asked, where the data set tells.
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
        """Whether every one of the answers is asked for, not any."""
        return self.metadata.get("match") == "all"


@dataclass(frozen=True, slots=True)
class Sample:
    """One memory to fill and what is asked of it."""

    name: str
    sessions: Sequence[Session]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class DataSet:
    """`kind` is what evidence is: "conversation" and "document" (text, verbatim in a session) or "paragraphs" (the id of
    a session). Samples may be generated or read only when they are asked for."""

    name: str
    kind: str
    samples: Sequence[Sample]
    source: DataSource
