"""What every verb stands on: the parts of a memory that was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..stores.errors import BadInput

if TYPE_CHECKING:
    from ..parts import Parts


class Opened:
    """One namespace of one store, with its models, graphs and tools."""

    _parts: Parts


def asked(question: str) -> str:
    """A question with something in it."""
    if not isinstance(question, str) or not question.strip():
        raise BadInput("A question needs at least one word.")
    return question


def positive(count: int) -> int:
    """A count of 1 or more."""
    if not isinstance(count, int) or count < 1:
        raise BadInput(f"A count must be 1 or more, not {count!r:.60}.")
    return count
