"""Dates as people write them, and the spans of time that a question names."""

from __future__ import annotations

import copy
import pickle
import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitmem import BadInput
from jitmem.stores.date_phrases import end_of
from jitmem.stores.times import (
    BEGINNING,
    END,
    MonthTime,
    PartialTime,
    YearTime,
    format_iso_time,
    format_time,
    is_before,
    is_within,
    local_clock,
    order_key,
    parse_iso_time,
    parse_time,
    spans,
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1:56 pm on 8 May, 2023", datetime(2023, 5, 8, 13, 56)),
        ("2023-05-08", datetime(2023, 5, 8)),
        ("2023-05-08 13:56", datetime(2023, 5, 8, 13, 56)),
        ("2023-05-08T13:56:07", datetime(2023, 5, 8, 13, 56, 7)),
        ("2023-05-08T13:56:07Z", datetime(2023, 5, 8, 13, 56, 7, tzinfo=UTC)),
        ("2023-05-08T13:56+02:00", datetime(2023, 5, 8, 13, 56, tzinfo=timezone(timedelta(hours=2)))),
        ("8 May 2023", datetime(2023, 5, 8)),
        ("May 8th, 2023", datetime(2023, 5, 8)),
        ("May 2023", MonthTime(2023, 5, 1)),
        ("2023-05", MonthTime(2023, 5, 1)),
        ("2023", YearTime(2023, 1, 1)),
        ("2023-05-08 13:56 UTC+05:30", datetime(2023, 5, 8, 13, 56, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
        ("2023-05-08 13:56 GMT+3", datetime(2023, 5, 8, 13, 56, tzinfo=timezone(timedelta(hours=3)))),
        ("2023-05-08 13:56 UTC-0330", datetime(2023, 5, 8, 13, 56, tzinfo=timezone(-timedelta(hours=3, minutes=30)))),
        ("2023-05-08 13:56 -03:30", datetime(2023, 5, 8, 13, 56, tzinfo=timezone(-timedelta(hours=3, minutes=30)))),
        ("8 May 2023 1:56 pm UTC", datetime(2023, 5, 8, 13, 56, tzinfo=UTC)),
        ("2023-05-08 13:56 Europe/Lisbon", datetime(2023, 5, 8, 13, 56, tzinfo=timezone(timedelta(hours=1)))),
        ("2023-05-08T13:56+05:30[Asia/Kolkata]", datetime(2023, 5, 8, 8, 26, tzinfo=UTC)),
        ("Mon, 8 May 2023 13:56:00 +0530 (IST)", datetime(2023, 5, 8, 8, 26, tzinfo=UTC)),
        ("Mon May 08 2023 13:56:00 GMT+0530 (India Standard Time)", datetime(2023, 5, 8, 8, 26, tzinfo=UTC)),
        ("2023-05-08 13:56 Etc/GMT+3", datetime(2023, 5, 8, 16, 56, tzinfo=UTC)),
        (datetime(2023, 5, 8, 13, 56), datetime(2023, 5, 8, 13, 56)),
        (date(2023, 5, 8), datetime(2023, 5, 8)),
        (None, None),
    ],
)
def test_the_time_of_a_session(written: str | date | None, meant: datetime | None) -> None:
    time = parse_time(written)
    assert time == meant
    assert (time and time.utcoffset() is None) == (meant and meant.utcoffset() is None)
    assert isinstance(time, PartialTime) == isinstance(meant, PartialTime)


@pytest.mark.parametrize("zone", ["PST", "IST", "CET", "JST", "EDT", "EST+5", "PT", "Europe/Lisbo"])
@pytest.mark.parametrize("machine", ["UTC", "Asia/Tokyo", "PST8PDT"])
def test_a_zone_that_is_not_known_is_refused_on_any_machine(
    zone: str, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        with pytest.raises(BadInput, match=r"'2023-05-08 13:56 \+02:00'.*Europe/Lisbon"):
            parse_time(f"2023-05-08 08:30 {zone}")
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("written", "stored", "shown"), [("May 2023", "2023-05", "May 2023"), ("2023", "2023", "2023")]
)
def test_a_month_or_a_year_alone_stays_one(written: str, stored: str, shown: str) -> None:
    time = parse_time(written)
    assert time is not None
    for same in (time, parse_iso_time(stored), copy.deepcopy(time), pickle.loads(pickle.dumps(time))):
        assert same is not None
        assert (same.isoformat(), format_time(same), format_iso_time(same.isoformat())) == (stored, shown, shown)
    assert end_of(time) == {"2023-05": datetime(2023, 6, 1), "2023": datetime(2024, 1, 1)}[stored]
    assert end_of(datetime(2023, 5, 8)) == datetime(2023, 5, 8)


def test_instants_are_compared_as_instants_and_what_has_no_zone_by_clocks() -> None:
    tokyo = datetime(2023, 5, 8, 9, tzinfo=timezone(timedelta(hours=9)))
    lisbon = datetime(2023, 5, 8, 8, tzinfo=timezone(timedelta(hours=1)))
    assert is_before(tokyo, lisbon)
    assert not is_before(lisbon, tokyo)
    assert is_before(lisbon, datetime(2023, 5, 8, 9))
    assert not is_before(tokyo, datetime(2023, 5, 8, 9))
    assert is_within(tokyo, (datetime(2023, 5, 8, tzinfo=UTC), datetime(2023, 5, 8, 1, tzinfo=UTC)))
    assert not is_within(None, (datetime.min, datetime.max))


@pytest.mark.parametrize("written", ["", "yesterday", "soon", "31 February 2023", "2023-13-01", "25:00", "9" * 400])
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(BadInput, match="is not a time; write it like"):
        parse_time(written)


@pytest.mark.parametrize("written", ["10:30", "Monday", "8 May", "5"])
def test_a_time_without_a_year_is_refused_and_not_taken_for_the_year_1(written: str) -> None:
    with pytest.raises(BadInput):
        parse_time(written)


DAY = (datetime(2023, 5, 8), datetime(2023, 5, 9))
MAY = (datetime(2023, 5, 1), datetime(2023, 6, 1))
YEAR = (datetime(2023, 1, 1), datetime(2024, 1, 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on 8 May 2023", [DAY]),
        ("on the 8th of May, 2023?", [DAY]),
        ("May 8, 2023", [DAY]),
        ("May 8th 2023", [DAY]),
        ("2023-05-08", [DAY]),
        ("2023-5-8", [DAY]),
        ("in May 2023", [MAY]),
        ("in may of 2023", [MAY]),
        ("in 2023-05", [MAY]),
        ("in Sept. 2023", [(datetime(2023, 9, 1), datetime(2023, 10, 1))]),
        ("in December 2023", [(datetime(2023, 12, 1), datetime(2024, 1, 1))]),
        ("what happened in 2023?", [YEAR]),
        ("before 2023", [(BEGINNING, YEAR[0])]),
        ("until May 2023", [(BEGINNING, MAY[0])]),
        ("till 8 May 2023", [(BEGINNING, DAY[0])]),
        ("after 2023", [(YEAR[1], END)]),
        ("after May 2023", [(MAY[1], END)]),
        ("after 8 May 2023", [(DAY[1], END)]),
        ("since May 2023", [(MAY[0], END)]),
        ("between 8 May 2023 and 4 June 2023", [(DAY[0], datetime(2023, 6, 5))]),
        ("from May 2023 to December 2023", [(MAY[0], datetime(2024, 1, 1))]),
        ("from 2022 until 2023", [(datetime(2022, 1, 1), YEAR[1])]),
        ("in May 2023 and in 2021", [MAY, (datetime(2021, 1, 1), datetime(2022, 1, 1))]),
        ("in 2021, not before May 2023", [(datetime(2021, 1, 1), datetime(2022, 1, 1)), (BEGINNING, MAY[0])]),
        ("29 February 2024", [(datetime(2024, 2, 29), datetime(2024, 3, 1))]),
        ("", []),
        ("yesterday, last week, in May", []),
        ("room 12345, flight 20233, order 2023-0508-1", []),
    ],
)
def test_the_spans_that_a_text_names(text: str, expected: list[tuple[datetime, datetime]]) -> None:
    assert spans(text) == expected


@pytest.mark.parametrize(
    "text", ["31 February 2023", "on 2023-02-31", "before 31 April 2023", "2023-13", "29 Feb 2023"]
)
def test_a_date_that_does_not_exist_names_no_span(text: str) -> None:
    assert spans(text) == []


def test_a_span_that_ends_before_it_begins_falls_into_its_dates() -> None:
    assert spans("between 2023 and 2021") == [YEAR, (datetime(2021, 1, 1), datetime(2022, 1, 1))]


@given(text=st.text())
def test_any_text_names_only_spans_that_begin_before_they_end(text: str) -> None:
    assert all(start < end for start, end in spans(text))


@given(day=st.dates(date(1900, 1, 1), date(2099, 12, 31)), form=st.sampled_from(["%Y-%m-%d", "%d %B %Y", "%B %d, %Y"]))
def test_any_day_in_any_form_is_that_day(day: date, form: str) -> None:
    start = datetime(day.year, day.month, day.day)
    assert spans(f"What was on {day.strftime(form)}?") == [(start, start + timedelta(days=1))]
    assert parse_time(day.strftime(form)) == start


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (datetime(2023, 5, 8, 13, 56), "8 May 2023 13:56"),
        (datetime(2023, 5, 8), "8 May 2023"),
        (datetime(2023, 5, 8, 0, 0, 30), "8 May 2023"),
        (datetime(987, 5, 8), "8 May 0987"),
        (None, ""),
    ],
)
def test_a_time_as_it_is_shown(time: datetime | None, shown: str) -> None:
    assert format_time(time) == shown
    assert format_iso_time(time.isoformat() if time else None) == shown


def test_order_is_by_the_moment_and_no_time_comes_last() -> None:
    lisbon = datetime(2023, 5, 8, 12, tzinfo=timezone(timedelta(hours=1)))
    utc = datetime(2023, 5, 8, 11, 30, tzinfo=UTC)
    naive = datetime(2023, 5, 8, 11, 45)
    assert sorted([None, naive, utc, lisbon], key=order_key) == [lisbon, utc, naive, None]
    assert order_key(datetime(1970, 1, 1)) == 0.0


def test_the_clock_of_a_time_is_what_its_own_zone_read() -> None:
    assert local_clock(datetime(2023, 5, 8, 23, tzinfo=timezone(timedelta(hours=9)))) == datetime(2023, 5, 8, 23)
