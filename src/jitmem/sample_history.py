"""The sample history of the package: 32 sessions of a family that turns a water mill into a bakery, and questions."""

from __future__ import annotations

import json
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from .formats import parse_sessions
from .stores.records import Session


def sample_sessions() -> list[Session]:
    files = sorted((_sample() / "sessions").iterdir(), key=lambda file: file.name)
    return [session for file in files for session in parse_sessions(file.read_bytes(), name=file.name)]


def sample_questions() -> list[dict[str, Any]]:
    """`{question, answer, kind, evidence}`; those of `jitmem demo` have `demo`."""
    made: list[dict[str, Any]] = json.loads((_sample() / "questions.json").read_text(encoding="utf-8"))
    return made


def _sample() -> Traversable:
    return resources.files(__package__) / "sample"
