"""Dates as people write them, and the spans of time that a question names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitmem import BadInput
from jitmem.stores.times import BEGINNING, END, format_iso_time, format_time, local_clock, order_key, parse_time, spans


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
        ("May 2023", datetime(2023, 5, 1)),
        ("2023", datetime(2023, 1, 1)),
        (datetime(2023, 5, 8, 13, 56), datetime(2023, 5, 8, 13, 56)),
        (date(2023, 5, 8), datetime(2023, 5, 8)),
        (None, None),
    ],
)
def test_the_time_of_a_session(written: str | date | None, meant: datetime | None) -> None:
    assert parse_time(written) == meant


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
