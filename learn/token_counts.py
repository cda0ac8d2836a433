"""Sizes of memories, sessions and tasks in tokens of 4 characters."""

from __future__ import annotations

from collections.abc import Iterable

from ..evals.datasets.benchmark_records import Sample
from ..memory import Memory
from ..nodes.accept import normalize_session
from ..nodes.llm.prompt import CHARS_PER_TOKEN
from .rollout_records import Item, SessionText


def current_items(memory: Memory) -> tuple[Item, ...]:
    """In the order in which they were made."""
    return tuple(
        Item(item.id, item.kind, item.content, item.time.isoformat() if item.time else None)
        for item in memory.items.list()
    )


def memory_tokens(items: Iterable[Item]) -> int:
    """Of the contents of all items, each rounded up."""
    return sum(_count_tokens(item.content) for item in items)


def source_tokens(sources: Iterable[SessionText]) -> int:
    """Of all sessions, as they are stored."""
    return sum(_count_tokens(source.text) for source in sources)


def task_tokens(task: Sample) -> int:
    """Of a task's sessions, as they would be stored; without a memory."""
    return sum(_count_tokens(normalize_session(session)["text"]) for session in task.sessions)


def _count_tokens(text: str) -> int:
    return -(-len(text) // CHARS_PER_TOKEN)
