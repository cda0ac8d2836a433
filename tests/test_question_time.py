"""When something was: shown beside the words, found by the day that was meant, and asked from a now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.runtime import Runtime

from jitmem import BadInput, MemorizeOptions, Memory, Session
from jitmem.nodes.evidence import cite, hits_from_state, hits_to_state
from jitmem.stores.times import MonthTime

GROUP = "Ana: Yesterday I went to the support group."
NOW = "2023-05-08 20:00"


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    """A session of 8 May 2023, and others of other months."""
    with Memory.open(tmp_path_factory.mktemp("diary"), memorize_options=MemorizeOptions(curate=False)) as memory:
        turns = [("Ana", GROUP[5:]), ("Ben", "How was it?"), ("Ana", "Good. I see my sister next Friday.")]
        memory.memorize(Session(id="group", turns=turns, time="8 May 2023 13:56"))
        for number in range(8):
            said = f"Ana and Ben talked about bees, day {number}, and about what they did."
            memory.memorize(Session(text=said, time=f"{number + 2} August 2023 09:30"))
        yield memory


def tool(memory: Memory, name: str, now: Any = None, **arguments: Any) -> str:
    [one] = memory.tools([name], now=now)
    return str(one.invoke(arguments))


@pytest.mark.parametrize("day", ["7 May 2023", "May 7, 2023", "2023-05-07"])
def test_a_day_that_is_found_is_not_called_missing(diary: Memory, day: str) -> None:
    result = diary.research(f"What did Ana do on {day}?")
    assert (result.unmet, result.stopped) == ((), "enough")
    assert result.context.startswith(f"- (8 May 2023) {GROUP}")


@pytest.mark.parametrize("question", ["What did Ana do on 7 May 2023?", "What did Ana do on May 7, 2023?"])
def test_a_day_finds_what_was_said_of_it_on_another(diary: Memory, question: str) -> None:
    result = diary.research(question)
    assert result.context.startswith(f"- (8 May 2023) {GROUP} (Yesterday [7 May 2023]) [1]")
    assert result.citations[0].quote == GROUP
    assert diary.recall(question, 1)[0].text == GROUP
    assert GROUP in tool(diary, "search_page_id", query="7 May 2023")


@pytest.mark.parametrize("now", [NOW, datetime(2023, 5, 8, 20), datetime(2023, 5, 8, 20, tzinfo=UTC)])
def test_a_question_looks_back_from_its_now(diary: Memory, now: Any) -> None:
    question = "What did Ana do yesterday?"
    result = diary.research(question, now=now)
    assert (result.question, result.enough) == (question, True)
    assert result.context.startswith(f"- (8 May 2023) {GROUP}")
    assert diary.recall(question, 1, now=now)[0].text == GROUP
    assert GROUP in tool(diary, "search_pages", now, query=question, k=1)
    assert GROUP in tool(diary, "research_memory", lambda: now, question=question)


def test_last_week_is_a_span(diary: Memory) -> None:
    hits = diary.recall("What happened last week?", 3, now="2023-05-15")
    assert {diary.page(hit.record_id).session_id for hit in hits} == {"group"}
    assert all("page_id" not in hit.scores for hit in diary.recall("last week", 3, now="2023-06-15"))
    with pytest.raises(BadInput, match="is not a time"):
        diary.recall("last week", now="soon")
    with pytest.raises(BadInput, match=r"now: .*is not a time"):
        diary.research("last week", now="soon")


def test_a_now_with_a_zone_looks_for_instants(memory: Memory) -> None:
    memory.memorize(Session(text="The kiln was lit.", time="2023-05-07T18:00Z"))  # 8 May, 03:00 in Tokyo
    tokyo = datetime(2023, 5, 9, 12, tzinfo=timezone(timedelta(hours=9)))
    assert "page_id" in memory.recall("yesterday", now=tokyo)[0].scores
    assert "page_id" not in memory.recall("yesterday", now=datetime(2023, 5, 9, 12, tzinfo=UTC))[0].scores


def test_what_is_shown_has_its_day_once_beside_the_words(diary: Memory) -> None:
    [hit, *_] = diary.recall("support group")
    assert hit.time == datetime(2023, 5, 8, 13, 56)
    shown = tool(diary, "search_pages", query="support group sister", k=3)
    assert shown.count("# 8 May 2023 13:56") == 1
    assert "(Yesterday [7 May 2023])" in shown
    assert "(next Friday [12 May 2023])" in shown
    page = tool(diary, "read_page", page_id=hit.record_id)
    assert page.splitlines()[-2] == "(Yesterday [7 May 2023], next Friday [12 May 2023])"
    [document, *_] = diary.as_retriever(k=1).invoke("support group")
    assert (document.page_content, document.metadata["date"]) == (GROUP, "8 May 2023 13:56 (Yesterday [7 May 2023])")


def test_the_middleware_shows_the_day_and_asks_from_its_now(diary: Memory) -> None:
    seen: list[int] = []

    def clock() -> datetime:
        seen.append(1)
        return datetime(2023, 5, 8, 20)

    middleware = diary.middleware(memorize=False, tools=False, namespace=lambda _: "default", now=clock)
    state: Any = {"messages": [HumanMessage("What did I do yesterday?")]}
    recalled = middleware.before_agent(state, Runtime())["jitmem_recalled"]
    assert f"(8 May 2023) {GROUP} (Yesterday [7 May 2023])" in recalled
    assert seen == [1]


def test_a_hit_keeps_its_time_in_a_state(diary: Memory) -> None:
    hits = diary.recall("support group bees", 5)
    hits[0].time = MonthTime(2023, 5, 1)
    rows = json.loads(json.dumps(hits_to_state(hits)))
    assert [str(hit.time) for hit in hits_from_state(rows)] == [str(hit.time) for hit in hits]


def test_a_quote_that_repeats_what_a_date_means_is_still_the_words_of_the_page(diary: Memory) -> None:
    page = next(page for page in diary.pages() if page.session_id == "group")
    found = cite(page, f"{GROUP} (Yesterday [7 May 2023])")
    assert found is not None
    assert (found.start, found.quote) == (0, GROUP)


def test_stems_with_dates_are_healthy_and_survive_a_new_reading(diary: Memory, folder: Path) -> None:
    assert diary.admin.doctor().healthy
    with Memory.open(folder) as memory:
        memory.memorize(Session(text=GROUP, time="8 May 2023"))
    with Memory.open(folder) as memory:
        assert memory.recall("2023-05-07", 1)[0].text == GROUP
