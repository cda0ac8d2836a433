"""What dates in running text mean: those that are written out, and those that depend on when they were said."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitmem.stores.date_phrases import drop_explained, find_phrases, without_notes
from jitmem.stores.times import (
    END,
    MonthTime,
    YearTime,
    add_dates,
    date_terms,
    explain_dates,
    is_within,
    moment,
    spans,
)

MONDAY = datetime(2023, 5, 8, 13, 56)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Yesterday I went to the support group.", {"Yesterday": "7 May 2023"}),
        ("It happened last night.", {"last night": "7 May 2023"}),
        ("We leave the day after tomorrow.", {"the day after tomorrow": "10 May 2023"}),
        ("We met the day before yesterday.", {"the day before yesterday": "6 May 2023"}),
        ("We met last week.", {"last week": "1 to 7 May 2023"}),
        ("It was the week before last.", {"the week before last": "24 to 30 April 2023"}),
        ("See you next week.", {"next week": "15 to 21 May 2023"}),
        ("We hiked last weekend.", {"last weekend": "6 to 7 May 2023"}),
        ("Two weekends ago it rained.", {"Two weekends ago": "29 to 30 April 2023"}),
        ("That was 3 days ago.", {"3 days ago": "5 May 2023"}),
        ("I got a puppy two weeks ago.", {"two weeks ago": "around 24 April 2023"}),
        ("We moved two months ago.", {"two months ago": "March 2023"}),
        ("He died ten years ago.", {"ten years ago": "year 2013"}),
        ("I saw it a year ago.", {"a year ago": "year 2022"}),
        ("I'll be back in three days.", {"in three days": "11 May 2023"}),
        ("It ends two months from now.", {"two months from now": "July 2023"}),
        ("Next Friday works.", {"Next Friday": "12 May 2023"}),
        ("I went last Friday.", {"last Friday": "5 May 2023"}),
        ("I went last fri and last Tues.", {"last fri": "5 May 2023", "last Tues": "2 May 2023"}),
        ("On Friday we ate fish.", {"Friday": "5 May 2023"}),
        ("See you on Friday!", {"Friday": "12 May 2023"}),
        ("On Monday I start at the museum.", {"Monday": "15 May 2023"}),
        ("I left in March. On Friday I start.", {"in March": "March 2023", "Friday": "12 May 2023"}),
        ("The party is this Saturday.", {"this Saturday": "13 May 2023"}),
        ("We left on the 7th and slept.", {"on the 7th": "7 May 2023"}),
        ("They came on the 20th.", {"on the 20th": "20 April 2023"}),
        ("The exam will be on the 20th.", {"on the 20th": "20 May 2023"}),
        ("He arrived on the 31st.", {"on the 31st": "31 March 2023"}),
        ("On the 5th of last month it snowed.", {"On the 5th of last month": "5 April 2023"}),
        ("This summer we sail.", {"This summer": "June to August 2023"}),
        ("Last winter was cold.", {"Last winter": "December 2022 to February 2023"}),
        ("In March we bought the van.", {"In March": "March 2023"}),
        ("In June we will marry.", {"In June": "June 2023"}),
        ("Last August I swam.", {"Last August": "August 2022"}),
        ("Her birthday was on 3 March.", {"3 March": "3 March 2023"}),
        ("We booked the hall for 6 June.", {"6 June": "6 June 2023"}),
        ("The fair is on 6 June, or in October.", {"6 June": "6 June 2023", "in October": "October 2023"}),
        ("April 30th was a Sunday.", {"April 30th": "30 April 2023"}),
        ("Next month and next year.", {"Next month": "June 2023", "next year": "year 2024"}),
        ("Wednesday's lesson was long.", {"Wednesday": "3 May 2023"}),
    ],
)
def test_relative_dates_mean_what_they_meant_on_the_day(said: str, meant: dict[str, str]) -> None:
    found = {said[one.start : one.end]: one.date for one in find_phrases(said, MONDAY) if one.relative}
    assert {key.removeprefix("on ").removeprefix("On "): value for key, value in found.items()} == {
        key.removeprefix("on ").removeprefix("On "): value for key, value in meant.items()
    }
    assert all(f"[{value}]" in explain_dates(said, MONDAY) for value in meant.values())


@pytest.mark.parametrize(
    "text",
    [
        "We had dinner in a second-hand tent, and may I say it was fun?",
        "This may be the 7th floor, or the 1st time.",
        "Every Friday and on Sundays we swim; Good Friday too.",
        "It cost 2000 euros. The last one, the next time, the past.",
        "The last week of the trip and the other day were long.",
        "Not long ago, a few days ago, once a day, in two weeks it broke.",
        "The moon and the sun sat there; I wed.",
        "My 18th birthday, in the next few months.",
    ],
)
def test_what_names_no_date_is_none(text: str) -> None:
    assert find_phrases(text, MONDAY) == []
    assert (add_dates(text, MONDAY), explain_dates(text, MONDAY), date_terms(text, MONDAY)) == (text, "", [])


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("Ana: Since Friday I work at the harbour office.", "Friday [5 May 2023]"),
        ("Since June I live in Porto.", "Since June [June 2022]"),
        ("Since Friday is a holiday, we close.", "Friday [12 May 2023]"),
        ("I keep the flat until April.", "until April [April 2024]"),
        ("We stayed until April.", "until April [April 2023]"),
        ("He is on leave until 2 May.", "2 May [2 May 2024]"),
        ("- [[Ana]] said: On Friday I start.", "Friday [12 May 2023]"),
        ("- [[Ana]] said: I keep it until June.", "until June [June 2023]"),
    ],
)
def test_since_looks_back_and_until_ahead_unless_it_is_told_as_past(said: str, note: str) -> None:
    assert explain_dates(said, MONDAY) == f" ({note})"


def test_what_stands_beside_the_text_anyway_is_not_explained() -> None:
    assert explain_dates("Today, this week and this month.", MONDAY) == ""
    assert date_terms("today", MONDAY) == ["@2023-05-08"]


def test_a_session_of_a_month_or_a_year_explains_nothing_finer() -> None:
    said = "Yesterday, last month and last year."
    assert explain_dates(said, MonthTime(2023, 5, 1)) == " (last month [April 2023], last year [year 2022])"
    assert explain_dates(said, YearTime(2023, 1, 1)) == " (last year [year 2022])"
    assert explain_dates(said, None) == ""


def test_a_phrase_is_explained_once_and_the_note_comes_off_again() -> None:
    said = "Yesterday I ran, and yesterday I swam; last week neither."
    note = explain_dates(said, MONDAY)
    assert note == " (Yesterday [7 May 2023], last week [1 to 7 May 2023])"
    assert without_notes(said + note) == said
    assert without_notes("A list (see [1]).") == "A list (see [1])."


@pytest.mark.parametrize(
    ("question", "first", "end"),
    [
        ("What did I do yesterday?", "2023-05-07", "2023-05-08"),
        ("What did I do last week?", "2023-05-01", "2023-05-08"),
        ("What happened in the last two weeks?", "2023-04-24", "2023-05-09"),
        ("Where was I two weeks ago?", "2023-04-21", "2023-04-28"),
        ("What did we plan in March?", "2023-03-01", "2023-04-01"),
        ("What happened between last Monday and yesterday?", "2023-05-01", "2023-05-08"),
    ],
)
def test_a_question_means_spans_by_its_now(question: str, first: str, end: str) -> None:
    span = (datetime.fromisoformat(first), datetime.fromisoformat(end))
    assert spans(question, MONDAY) == [span]
    assert spans(add_dates(question, MONDAY)) == [span] or "between" in question or "the last" in question
    assert spans(question) == []
    zone = timezone(timedelta(hours=9))
    zoned = [(span[0].replace(tzinfo=zone), span[1].replace(tzinfo=zone))]
    assert spans(question, MONDAY.replace(tzinfo=zone)) == zoned


def test_a_side_of_a_relative_date_is_a_side() -> None:
    assert spans("since yesterday", MONDAY) == [(datetime(2023, 5, 7), END)]
    assert spans("before 2023-05-08T12:00Z") == [(datetime.min, datetime(2023, 5, 8, 12, tzinfo=UTC))]


def test_a_question_with_its_dates_in_the_words_of_a_calendar_alone() -> None:
    assert drop_explained(add_dates("What did Ana do last Friday?", MONDAY)) == "What did Ana do 5 May 2023?"
    assert drop_explained("a plan [7 May 2023]") == "a plan [7 May 2023]"


def test_a_day_has_one_index_term_however_it_is_named() -> None:
    terms = [date_terms(text, MONDAY) for text in ("yesterday", "on the 7th", "7 May 2023", "May 7th", "2023-05-07")]
    assert terms == [["@2023-05-07"]] * 5
    assert date_terms("in May 2023", None) == ["@2023-05-01/2023-06-01"]
    assert date_terms("yesterday", None) == []


def test_the_moment_of_a_question_is_given_or_read_from_a_clock() -> None:
    assert moment("8 May 2023 13:56") == moment(MONDAY) == moment(lambda: MONDAY) == MONDAY
    before = datetime.now(UTC)
    assert before <= moment(None) <= datetime.now(UTC)


@given(
    words=st.lists(
        st.sampled_from("last next this friday May 7th 12 2023 ago weeks two on the in ] to . 9999".split())
    ),
    day=st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
)
def test_whatever_is_written_spans_begin_before_they_end(words: list[str], day: datetime) -> None:
    text = " ".join(words)
    assert all(one.span[0] < one.span[1] for one in find_phrases(text, day))
    assert re.sub(r" \[[^\[\]]*\]", "", add_dates(text, day)) == text
    assert all(start < end for start, end in spans(text, day))


@given(day=st.dates(date(1950, 1, 1), date(2090, 1, 1)), back=st.integers(1, 30))
def test_days_ago_is_that_day(day: date, back: int) -> None:
    said = datetime(day.year, day.month, day.day, 9)
    [one] = find_phrases(f"{back} days ago", said)
    assert is_within(said - timedelta(days=back), one.span)
    assert one.span[1] - one.span[0] == timedelta(days=1)
