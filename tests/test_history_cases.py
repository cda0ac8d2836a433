"""The history files at hand, each with its right values; skipped where they are not there."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from jitmem import Memory, Session, read_history
from jitmem.nodes.split import passages
from jitmem.stores.analyzer import stems
from jitmem.stores.times import parse_time, spans

FILES = Path(__file__).parents[2] / "shared" / "data" / "files"
FILES = next((found for up in Path(__file__).parents if (found := up / "shared" / "data" / "files").is_dir()), FILES)
CASES = json.loads((FILES / "cases.json").read_text(encoding="utf-8")) if (FILES / "cases.json").exists() else []
NO_DATES = ("sharegpt.json", "otter")
"""Files that say no day anywhere: a session without a time is right."""

by_language = pytest.mark.skipif(find_spec("jitmem.stores.scripts") is None, reason="needs the analyzer by script")
pytestmark = pytest.mark.skipif(not CASES, reason="needs ../shared/data/files")


def cases(kind: str) -> list[Any]:
    found = [one for one in CASES if one["kind"] == kind]
    return [
        pytest.param(one, id=one.get("file") or one.get("name") or one.get("lang") or one["input"][:40])
        for one in found
    ]


def words(session: Session) -> str:
    said = "\n".join(f"{speaker}: {text}" for speaker, text in session.turns or [])
    return said + (session.text or "") + "\n".join(str(message.content) for message in session.messages or [])


@pytest.mark.parametrize("case", cases("file"))
def test_a_file_gives_its_sessions_speakers_and_days(case: dict[str, Any], memory: Memory) -> None:
    right = case["right"]
    sessions = read_history(FILES / case["file"], report=print)
    assert len(sessions) == right["sessions"]
    text = "\n".join(map(words, sessions))
    assert [one for one in right["must_not_contain"] if one in text] == []
    memory.memorize_many(sessions)
    pages = memory.pages()
    days = sorted({f"{page.time:%Y-%m-%d}" for page in pages if page.time})
    if case["file"] in NO_DATES:
        assert days == []
    elif right["sessions"] == 1:
        assert len(days) == 1
    else:
        assert days == right["times"]
    speakers = {hit.speaker for hit in memory.recall("the and of what work dentist van", k=50)} - {None}
    assert {str(one).casefold() for one in speakers} <= {one.casefold() for one in right["speakers"]}
    assert {one.casefold() for one in right["speakers"]} <= {
        line.split(":")[0].casefold() for page in pages for line in page.text.split("\n")
    }


@pytest.mark.parametrize("case", cases("file"))
def test_what_a_file_says_is_found_with_its_day(case: dict[str, Any], memory: Memory) -> None:
    memory.memorize_many(read_history(FILES / case["file"], report=print))
    for asked in case["right"]["questions"]:
        result = memory.research(asked["q"])
        assert asked["answer"] in result.context
        found = [page for page in memory.pages() if asked["answer"] in page.text]
        one_session = case["right"]["sessions"] == 1
        days = {f"{page.time:%Y-%m-%d}" for page in found if page.time}
        assert case["file"] in NO_DATES or one_session or asked["date"] in days


@pytest.mark.parametrize("case", cases("file"))
def test_the_same_file_again_adds_nothing(case: dict[str, Any], memory: Memory) -> None:
    memory.memorize_many(read_history(FILES / case["file"], report=print))
    again = memory.memorize_many(read_history(FILES / case["file"], report=print))
    assert {one.duplicate for one in again} == {True}


@pytest.mark.parametrize("case", cases("refusal"))
def test_a_file_that_is_no_text_is_read_or_refused_with_what_reads_it(case: dict[str, Any]) -> None:
    said: list[str] = []
    sessions = read_history(FILES / case["file"], report=said.append)
    if not sessions:
        assert "Loader" in said[0]
        assert "as_sessions" in said[0]
        return
    text = "\n".join(map(words, sessions))
    assert "2,400" in text
    assert not any(mark in text for mark in ("<p>", "tracker", "color:red", "\\fs24", "\x1f"))


TIMES = {
    "time 2025년 5월 20일 09:15": "2025-05-20T09:15:00",
    "time 20. Mai 2025": "2025-05-20T00:00:00",
    "time 20 mai 2025": "2025-05-20T00:00:00",
    "time 20 мая 2025": "2025-05-20T00:00:00",
    "time 1747732500": "2025-05-20T09:15:00+00:00",
}


@pytest.mark.parametrize("case", [one for one in cases("time") if one.id.startswith("time ")])
def test_a_time_is_read_as_it_is_written_in_its_language(case: dict[str, Any]) -> None:
    if not case["input"].isdigit() and find_spec("jitmem.stores.scripts") is None:
        pytest.skip("needs the dates of other languages")
    time = parse_time(case["input"])
    assert time is not None
    assert time.isoformat() == TIMES[case["name"]]


@by_language
@pytest.mark.parametrize("case", [one for one in cases("time") if one.id.startswith("question span ")])
def test_a_question_names_its_span_in_its_language(case: dict[str, Any]) -> None:
    day = case["right"] == "20 May 2025"
    may = (datetime(2025, 5, 1), datetime(2025, 6, 1))
    assert spans(case["input"]) == [(datetime(2025, 5, 20), datetime(2025, 5, 21)) if day else may]


@by_language
@pytest.mark.parametrize("case", cases("speakers"))
def test_speakers_of_a_text_are_seen(case: dict[str, Any]) -> None:
    assert [one.speaker for one in passages(case["input"])] == case["right"]


@by_language
@pytest.mark.parametrize("case", cases("terms"))
def test_spellings_of_a_word_meet(case: dict[str, Any]) -> None:
    """`a / b`: they share a term; `also a b c`, `the same term as b`: so says the right value."""
    right, spellings = case["right"], case["input"].split(" / ")
    if right.startswith("one term"):
        assert [one for one in stems(case["input"]) if not one.endswith("~")] == [case["input"]]  # ~: a part of it
    if right.startswith("also "):
        for word in right.removeprefix("also ").removeprefix("get ").split():
            assert set(stems(word)) <= set(stems(case["input"]))
    if right.startswith("the same term as "):
        assert set(stems(case["input"])) & set(stems(right.removeprefix("the same term as ")))
    for spelling in spellings[1:]:
        assert set(stems(spellings[0])) & set(stems(spelling))


VAN = {
    "ja": "アナ：青いバンを2,400ユーロで売りました。",
    "zh": "安娜：我把蓝色的面包车卖了2,400欧元。",
    "de": "Ana: Ich habe den blauen Lieferwagen für 2.400 Euro verkauft.",
    "es": "Ana: Vendí la furgoneta azul por 2.400 euros.",
}


@by_language
@pytest.mark.parametrize("case", cases("unmet"))
def test_a_question_that_is_answered_in_its_language_leaves_nothing_open(case: dict[str, Any], memory: Memory) -> None:
    memory.memorize(VAN[case["lang"]])
    result = memory.research(case["question"])
    assert result.stopped == "enough"
    assert result.unmet == ()


def test_dates_of_a_file_are_read_in_one_notation(tmp_path: Path) -> None:
    dates = ["11/04/2025", "12/04/2025", "13/04/2025"]
    (tmp_path / "a.json").write_text(json.dumps([{"date": day, "text": f"Ana: {day}"} for day in dates]))
    assert [str(one.time)[:10] for one in read_history(tmp_path / "a.json")] == [
        "2025-04-11",
        "2025-04-12",
        "2025-04-13",
    ]
