"""The day on which something is filed changes nothing of what is found: dates are words to search for, and no noise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jitmem import MemorizeOptions, Memory, Session

CARD = "I am Ana Reis. Write to ana@example.org."
SESSIONS = (
    f'user: {CARD}\nassistant: [calls ContactInfo {{"name": "Ana Reis"}}]',
    "user: I live in Viana.\nassistant: Noted.\nuser: The harbour office opens at nine.",
    "user: My sister keeps bees in Lagos.\nassistant: How many hives?\nuser: Seven, and one is empty.",
)
QUERIES = ("Fill in my contact card.", "What is the weather like at home?", "beehive", "harbur ofice")
DAYS = [datetime(2023, 1, 28, 23, 50, tzinfo=UTC) + timedelta(days=47 * n, minutes=61 * n) for n in range(60)]


def called(memory: Memory, name: str, **arguments: Any) -> Any:
    [tool] = memory.tools([name])
    return tool.invoke({"name": name, "args": arguments, "id": "1", "type": "tool_call"}).artifact


def found_in(memory: Memory, day: datetime) -> list[tuple[str, str, float]]:
    """What each query recalls, and what the vectors alone find, in order, of a history filed on a day."""
    memory.memorize_many(Session(text=text, time=day + timedelta(minutes=n)) for n, text in enumerate(SESSIONS))
    memory.items.insert("Ana keeps her boat in Viana.", "episodic", day)
    memory.items.insert("Ana saw the fair.", "episodic", day)
    found = []
    for query in QUERIES:
        hits = [*memory.recall(query, k=20), *called(memory, "search_vector", query=query)]
        found += [(query, hit.text, round(hit.score, 6)) for hit in hits]
        items = called(memory, "memory_search", query=query, method="vector")
        found += [(query, hit.item.content, round(hit.score, 6)) for hit in items]
    return found


def test_the_same_history_filed_on_60_days_is_recalled_alike(folder: Path) -> None:
    with Memory.open(folder, memorize_options=MemorizeOptions(curate=False)) as memory:
        found = {day: found_in(memory.for_namespace(day.isoformat()), day) for day in DAYS}
        without = [
            day for day in DAYS if CARD not in memory.for_namespace(day.isoformat()).research(QUERIES[0]).context
        ]
    first = found[DAYS[0]]
    assert {f"{day:%Y-%m-%d}" for day in DAYS if found[day] != first} == set()
    assert without == []


def test_a_date_is_still_found_by_its_words(folder: Path) -> None:
    with Memory.open(folder) as memory:
        for day in DAYS[:4]:
            memory.memorize(Session(text="user: We met at the mill.", time=day))
        [hit] = memory.recall(f"{DAYS[2].day} {DAYS[2]:%B %Y}", k=1)
        assert memory.page(hit.page_id).time == DAYS[2]
