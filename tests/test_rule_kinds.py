"""Kinds of what rules read: relative dates, times with zones, slots, wishes and kinds of question, each by many members."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from jitmem import BadInput, Memory, Session
from jitmem.nodes.breadth import kind_by_words
from jitmem.nodes.own_statements import find_statements, general_kind
from jitmem.stores.date_phrases import find_phrases
from jitmem.stores.times import parse_time

WEDNESDAY = datetime(2023, 5, 17, 10)
HALF_PAST_EIGHT = datetime(2026, 5, 9, 8, 30)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("I bought it a fortnight ago.", ["around 3 May 2023"]),
        ("I saw him three days back.", ["14 May 2023"]),
        ("Twenty years ago I moved.", ["year 2003"]),
        ("Two decades ago I moved.", ["year 2003"]),
        ("He left two Fridays ago.", ["5 May 2023"]),
        ("The Friday before last we ate out.", ["5 May 2023"]),
        ("The month before last we moved.", ["March 2023"]),
        ("The year after next I retire.", ["year 2025"]),
        ("I fixed it on Tuesday last week.", ["9 May 2023"]),
        ("We fly next week Tuesday.", ["23 May 2023"]),
        ("I have been ill since Monday.", ["15 May 2023"]),
        ("The exam is in three days.", ["20 May 2023"]),
        ("Last Christmas we were in Rome.", ["25 December 2022"]),
        ("On New Year's Eve we sang.", ["31 December 2022"]),
        ("I joined in the spring.", ["March to May 2023"]),
        ("I moved here at the end of March.", ["March 2023"]),
        ("Day after tomorrow we go.", ["19 May 2023"]),
        ("I fell three or four days ago.", []),
        ("Half a year ago I moved.", []),
        ("Blue Monday and Super Tuesday, Palm Sunday too.", []),
        ("I work Monday to Friday.", []),
        ("I ran it in three days.", []),
    ],
)
def test_other_ways_to_name_a_day_mean_that_day(said: str, meant: list[str]) -> None:
    assert [one.date for one in find_phrases(said, WEDNESDAY)] == meant


@pytest.mark.parametrize("zone", ["(UTC+05:30)", "[UTC+5:30]", "UTC+530", "(Asia/Kolkata)", "asia/kolkata"])
def test_a_zone_is_read_in_brackets_and_in_any_case(zone: str) -> None:
    assert parse_time(f"2026-05-09 08:30 {zone}") == HALF_PAST_EIGHT.replace(
        tzinfo=timezone(timedelta(hours=5, minutes=30))
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-W19-6", datetime(2026, 5, 9)),
        ("1746779400123", datetime(2025, 5, 9, 8, 30, 0, 123000, tzinfo=UTC)),
        ("9 May 2026 8.30pm", datetime(2026, 5, 9, 20, 30)),
        ("2026-05-09 08:30 \u221205:00", HALF_PAST_EIGHT.replace(tzinfo=timezone(-timedelta(hours=5)))),
        ("2026-05-09 08:30 utc", HALF_PAST_EIGHT.replace(tzinfo=UTC)),
    ],
)
def test_a_time_in_other_notations(written: str, meant: datetime) -> None:
    assert parse_time(written) == meant


@pytest.mark.parametrize("written", ["04/05/2026", "1.2.3", "2026-05-09 08:30Z+2", "2026-05-09 08:30 UTC+05:75"])
def test_a_time_that_may_be_two_is_refused(written: str) -> None:
    with pytest.raises(BadInput):
        parse_time(written)


@pytest.mark.parametrize(
    ("said", "slot"),
    [
        ("I currently live in Lisbon.", "home"),
        ("I don't live in Porto any more, I live in Braga.", "home"),
        ("No, not Porto but Braga: I live in Braga.", "home"),
        ("I used to live in Porto, but now I live in Braga.", "home"),
        ("I quit my job at Orbit and started at Nimbus.", "work"),
        ("My girlfriend is Eva.", "partner"),
        ("I moved to tears.", None),
        ("I live in fear.", None),
        ("I work at night.", None),
        ("My name is not Ana.", None),
        ("I live in Rome, he claimed.", None),
        ("I moved to Rome when I was five.", None),
        ("My mother says, I live in Rome.", None),
    ],
)
def test_a_slot_is_filled_by_plain_statements_only(said: str, slot: str | None) -> None:
    assert [one.slot for one in find_statements(f"user: {said}", ("user",), "2025-06-01") if one.slot] == (
        [slot] if slot else []
    )


@pytest.mark.parametrize(
    ("said", "core"),
    [
        (("I live in Porto.", "I no longer live in Porto."), ["user: I no longer live in Porto."]),
        (("I moved to Porto.", "I no longer live in Rome."), ["user: I moved to Porto."]),
        (
            ("I am allergic to nuts.", "I am also allergic to cats."),
            ["user: I am allergic to nuts.", "user: I am also allergic to cats."],
        ),
    ],
)
def test_what_has_ended_ends_only_itself_and_allergies_stand_side_by_side(
    folder: Path, said: tuple[str, str], core: list[str]
) -> None:
    with Memory.open(folder) as memory:
        for day, text in enumerate(said, start=1):
            memory.memorize(Session(turns=[("user", text), ("assistant", "Noted.")], time=f"2025-06-0{day}"))
        [item] = memory.items.list(kind="core")
        assert item.content.splitlines() == core


@pytest.mark.parametrize(
    ("said", "is_general"),
    [
        ("No emojis, please.", True),
        ("Call me Bea.", True),
        ("Going forward, use British spelling.", True),
        ("If I ask for code, always use Python.", True),
        ("You should always ask before deleting files.", True),
        ("My pronouns are they/them.", True),
        ("I never eat meat.", True),
        ("Call me tomorrow.", False),
        ("From now on it will rain.", False),
        ("When I ask him, he lies.", False),
        ("I can't stand up.", False),
        ("I prefer not to say.", False),
        ("Remember to buy milk.", False),
    ],
)
def test_a_wish_in_general_is_told_from_one_of_the_moment(said: str, is_general: bool) -> None:
    assert bool(general_kind(said)) == is_general


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("What did we try first and what after that?", "order"),
        ("Sort my trips by date.", "order"),
        ("Bring me up to speed on the move.", "summary"),
        ("Tell me all about the garden project.", "summary"),
        ("What has changed about the plan?", "change"),
        ("What progress have I made with Spanish?", "change"),
        ("Give me a list of my allergies.", "list"),
        ("Who placed the order of chairs?", "needle"),
        ("Where is the overview map?", "needle"),
        ("How did he go to Rome?", "needle"),
    ],
)
def test_the_kind_of_a_question_in_other_words(question: str, kind: str) -> None:
    assert kind_by_words(question) == kind
