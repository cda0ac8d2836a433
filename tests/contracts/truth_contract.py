"""What a truth store must keep: the journal of sessions, their pages, and the log of changes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from jitmem.stores.errors import SessionConflict, UnknownRecord
from jitmem.stores.records import Page
from jitmem.stores.times import MonthTime
from jitmem.stores.truth.journal import Journal, JournalEntry, PageDraft, PassageDraft
from jitmem.stores.truth.pages import NOTHING_READ, Pages


class Truth(NamedTuple):
    """One namespace of a truth store."""

    journal: Journal
    pages: Pages


def accept(truth: Truth, text: str, **given: object) -> JournalEntry:
    values: dict[str, object] = {"session_id": None, "turns": [], "time": None, "metadata": {}, **given}
    return truth.journal.accept(text=text, **values)  # type: ignore[arg-type]


def draft(text: str) -> PageDraft:
    return PageDraft(text, f"header of {text}", f"memo of {text}", "", [PassageDraft(0, len(text), None, text.split())])


def file(truth: Truth, *texts: str, **given: object) -> JournalEntry:
    """Accept a session of these pages and file it."""
    return truth.journal.file(accept(truth, "".join(texts), **given), [draft(text) for text in texts])


def texts(pages: list[Page]) -> list[str]:
    return [page.text for page in pages]


NOTHING = {"sessions": 0, "waiting": 0, "pages": 0, "passages": 0, "characters": 0}


class TruthContract:
    """Subclass it with a fixture `namespaces` that opens a namespace of one store by its name."""

    @pytest.fixture
    def namespaces(self) -> Callable[[str], Truth]:
        raise NotImplementedError("give the store to be tested")

    @pytest.fixture
    def truth(self, namespaces: Callable[[str], Truth]) -> Truth:
        return namespaces("ana")

    # The journal

    def test_a_new_truth_is_empty(self, truth: Truth) -> None:
        assert truth.pages.counts() == NOTHING
        assert truth.pages.pages() == []
        assert truth.journal.waiting() == []
        assert truth.pages.extent().heads == (0,)

    def test_what_was_accepted_waits_with_everything_that_was_given(self, truth: Truth) -> None:
        time = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
        turns = [(0, 7, "Ana"), (8, 15, "Ben")]
        accepted = accept(
            truth, "Ana: a\r\nBen: \ufeffb", session_id="s1", turns=turns, time=time, metadata={"k": ["ü", None, 1.5]}
        )
        expected = JournalEntry(accepted.n, "s1", time, {"k": ["ü", None, 1.5]}, "Ana: a\r\nBen: \ufeffb", turns, ())
        assert accepted == expected
        assert truth.journal.entry(accepted.n) == expected
        assert truth.journal.waiting() == [expected]
        assert truth.pages.counts() == {**NOTHING, "sessions": 1, "waiting": 1}

    def test_waiting_sessions_come_oldest_first(self, truth: Truth) -> None:
        accepted = [accept(truth, text) for text in ("c", "a", "b")]
        truth.journal.file(accepted[1], [draft("a")])
        assert [entry.text for entry in truth.journal.waiting()] == ["c", "b"]

    def test_filing_ends_the_waiting_and_gives_the_pages_their_ids(self, truth: Truth) -> None:
        filed = file(truth, "one ", "two", session_id="s1", metadata={"k": 1})
        assert truth.journal.waiting() == []
        assert (
            truth.journal.entry(filed.n) == filed == JournalEntry(filed.n, "s1", None, {"k": 1}, "", [], filed.page_ids)
        )
        assert truth.pages.pages() == [
            Page(
                id=page_id,
                session_id="s1",
                text=text,
                header=f"header of {text}",
                memo=f"memo of {text}",
                time=None,
                metadata={"k": 1},
                part=part,
                parts=2,
                namespace="ana",
            )
            for part, (page_id, text) in enumerate(zip(filed.page_ids, ["one ", "two"], strict=True), start=1)
        ]
        assert truth.pages.counts() == {"sessions": 1, "waiting": 0, "pages": 2, "passages": 2, "characters": 7}

    def test_the_same_id_with_the_same_content_is_one_session(self, truth: Truth) -> None:
        filed = file(truth, "one", session_id="s1")
        assert accept(truth, "one", session_id="s1") == filed
        assert truth.pages.counts()["sessions"] == 1

    def test_the_same_content_under_another_id_or_none_is_one_session(self, truth: Truth) -> None:
        filed = file(truth, "one", session_id="s1")
        assert accept(truth, "one", session_id="s2") == filed
        assert accept(truth, "one") == filed
        assert truth.pages.counts()["sessions"] == 1

    def test_the_same_text_at_another_time_is_another_session(self, truth: Truth) -> None:
        first = accept(truth, "one", time=datetime(2023, 5, 8))
        second = accept(truth, "one", time=datetime(2023, 5, 9))
        assert first.n != second.n
        assert truth.pages.counts()["sessions"] == 2

    def test_a_known_id_with_other_content_is_a_conflict_and_changes_nothing(self, truth: Truth) -> None:
        filed = file(truth, "one", session_id="s1")
        waiting = accept(truth, "two", session_id="s2")
        before = (truth.pages.counts(), truth.pages.pages(), truth.journal.waiting(), truth.pages.extent().heads)
        for known in ("s1", "s2"):
            with pytest.raises(SessionConflict, match=f"Session '{known}' is already in memory with other content"):
                accept(truth, "three", session_id=known)
        assert (
            truth.pages.counts(),
            truth.pages.pages(),
            truth.journal.waiting(),
            truth.pages.extent().heads,
        ) == before
        assert [truth.journal.entry(n) for n in (filed.n, waiting.n)] == [filed, waiting]

    def test_an_id_that_another_session_bears_is_a_conflict_even_if_it_was_made_from_content(
        self, truth: Truth
    ) -> None:
        made = accept(truth, "one").session_id
        with pytest.raises(SessionConflict):
            accept(truth, "two", session_id=made)

    def test_content_whose_made_id_is_taken_by_a_caller_is_kept_or_refused_by_name(
        self, truth: Truth, namespaces: Callable[[str], Truth]
    ) -> None:
        made = accept(namespaces("elsewhere"), "one").session_id
        accept(truth, "two", session_id=made)
        with suppress(SessionConflict):
            assert accept(truth, "one").text == "one"

    def test_filing_twice_files_once(self, truth: Truth) -> None:
        accepted = accept(truth, "one")
        first = truth.journal.file(accepted, [draft("one")])
        assert truth.journal.file(accepted, [draft("on"), draft("e")]) == first
        assert texts(truth.pages.pages()) == ["one"]
        assert truth.pages.counts()["passages"] == 1

    def test_a_filing_that_fails_midway_leaves_no_trace_and_the_session_waits(self, truth: Truth) -> None:
        accepted = accept(truth, "one two")
        with pytest.raises(Exception, match=r"surrogate|NOT NULL|not-null"):
            truth.journal.file(accepted, [draft("one "), draft("two\ud800")])  # no engine keeps a lone surrogate
        broken = PassageDraft(0, None, None, [])  # type: ignore[arg-type]
        with pytest.raises(Exception, match=r"NOT NULL|not-null"):
            truth.journal.file(accepted, [draft("one "), PageDraft("two", "", "", "", [broken])])
        assert truth.pages.counts() == {**NOTHING, "sessions": 1, "waiting": 1}
        assert truth.pages.extent().heads == (0,)
        assert truth.journal.waiting() == [accepted]
        assert len(truth.journal.file(accepted, [draft("one "), draft("two")]).page_ids) == 2

    def test_an_entry_that_is_not_there_is_unknown(self, truth: Truth) -> None:
        with pytest.raises(UnknownRecord, match="No session number 7"):
            truth.journal.entry(7)

    # Pages

    def test_a_page_is_opened_by_its_id_and_another_id_is_unknown(self, truth: Truth) -> None:
        filed = file(truth, "one", "two")
        assert texts([truth.pages.page(page_id) for page_id in filed.page_ids]) == ["one", "two"]
        with pytest.raises(UnknownRecord, match="No page 'nobody'; this memory holds 2 pages"):
            truth.pages.page("nobody")

    def test_pages_come_in_the_order_of_acceptance_not_of_filing(self, truth: Truth) -> None:
        first, second = accept(truth, "one"), accept(truth, "two")
        truth.journal.file(second, [draft("two")])
        truth.journal.file(first, [draft("one")])
        assert texts(truth.pages.pages()) == ["one", "two"]

    def test_pages_of_a_session(self, truth: Truth) -> None:
        file(truth, "one", session_id="s1")
        file(truth, "two", "three", session_id="s2")
        assert texts(truth.pages.pages(session_id="s2")) == ["two", "three"]
        assert truth.pages.pages(session_id="s%") == []

    def test_pages_by_limit_offset_and_newest(self, truth: Truth) -> None:
        for text in "abcde":
            file(truth, text)
        assert texts(truth.pages.pages(limit=2)) == ["a", "b"]
        assert texts(truth.pages.pages(limit=2, offset=3)) == ["d", "e"]
        assert texts(truth.pages.pages(offset=4)) == ["e"]
        assert texts(truth.pages.pages(limit=0)) == []
        assert texts(truth.pages.pages(newest=2)) == ["d", "e"]

    def test_pages_of_a_range_of_ids_both_ends_included(self, truth: Truth) -> None:
        ids = [file(truth, text).page_ids[0] for text in "abcde"]
        assert texts(truth.pages.pages(first_id=ids[1], last_id=ids[3])) == ["b", "c", "d"]
        assert texts(truth.pages.pages(first_id=ids[3])) == ["d", "e"]
        assert texts(truth.pages.pages(last_id=ids[1])) == ["a", "b"]
        assert texts(truth.pages.pages(first_id=ids[3], last_id=ids[1])) == []

    def test_pages_of_a_span_of_time_by_their_own_clocks_the_end_left_out(self, truth: Truth) -> None:
        file(truth, "never")
        file(truth, "midnight", time=datetime(2023, 5, 8))
        file(truth, "evening", time=datetime(2023, 5, 8, 23, 59, 59))
        file(truth, "tokyo", time=datetime.fromisoformat("2023-05-08T01:00+09:00"))
        file(truth, "next day", time=datetime(2023, 5, 9))
        day = (datetime(2023, 5, 8), datetime(2023, 5, 9))
        assert texts(truth.pages.pages(within=day)) == ["midnight", "evening", "tokyo"]
        assert texts(truth.pages.pages(within=(datetime.min, datetime(2023, 5, 8)))) == []
        assert texts(truth.pages.pages(within=(datetime(2023, 5, 9), datetime.max))) == ["next day"]

    def test_pages_of_a_span_of_instants_the_end_left_out(self, truth: Truth) -> None:
        file(truth, "tokyo", time=datetime.fromisoformat("2023-05-08T09:00+09:00"))
        file(truth, "samoa", time=datetime.fromisoformat("2023-05-07T13:30-11:00"))
        file(truth, "noon", time=datetime.fromisoformat("2023-05-08T12:00+00:00"))
        file(truth, "no zone", time=datetime(2023, 5, 8, 1))
        file(truth, "month", time=MonthTime(2023, 5, 1))
        morning = (datetime(2023, 5, 8, tzinfo=UTC), datetime(2023, 5, 8, 12, tzinfo=UTC))
        assert texts(truth.pages.pages(within=morning)) == ["tokyo", "samoa", "no zone"]
        assert texts(truth.pages.pages(within=morning, limit=2)) == ["tokyo", "samoa"]
        assert texts(truth.pages.pages(within=(morning[1], datetime.max))) == ["noon"]
        assert str(truth.pages.pages()[-1].time) == "2023-05"

    def test_page_ids_are_unique_and_rise(self, truth: Truth) -> None:
        ids = [page_id for text in range(40) for page_id in file(truth, f"{text} a", f"{text} b").page_ids]
        assert ids == sorted(set(ids))
        assert {len(page_id) for page_id in ids} == {12}

    # The log of changes

    def test_the_log_tells_every_page_once_in_the_order_of_filing(self, truth: Truth) -> None:
        for text in ("one two", "three", "four"):
            file(truth, text)
        extent = truth.pages.extent()
        rows = truth.pages.changed_pages(NOTHING_READ, extent)
        file(truth, "five")
        more = truth.pages.changed_pages(extent, truth.pages.extent())
        assert [row.id for row in (*rows, *more)] == [page.id for page in truth.pages.pages()]
        assert (extent.heads, truth.pages.extent().heads) == ((3,), (4,))
        assert truth.pages.changed_pages(extent, extent) == []

    # Namespaces

    def test_namespaces_never_see_each_other(self, namespaces: Callable[[str], Truth]) -> None:
        ana, ben = namespaces("ana"), namespaces("ben")
        filed = file(ana, "one", session_id="s1", time=datetime(2023, 5, 8))
        waiting = accept(ana, "two")
        assert ben.pages.counts() == NOTHING
        assert ben.pages.pages() == ben.pages.pages(newest=5) == ben.pages.pages(session_id="s1") == []
        assert ben.pages.pages(within=(datetime.min, datetime.max)) == []
        assert ben.pages.pages(first_id="0", last_id="z") == []
        assert ben.journal.waiting() == []
        assert ben.pages.extent().heads == (0,)
        assert ben.pages.changed_pages(NOTHING_READ, ben.pages.extent()) == []
        with pytest.raises(UnknownRecord, match="this memory holds 0 pages"):
            ben.pages.page(filed.page_ids[0])
        for n in (filed.n, waiting.n):
            with pytest.raises(UnknownRecord):
                ben.journal.entry(n)

    def test_each_namespace_has_its_own_sessions_of_one_id(self, namespaces: Callable[[str], Truth]) -> None:
        ana, ben = namespaces("ana"), namespaces("ben")
        file(ana, "of ana", session_id="s1")
        file(ben, "of ben", session_id="s1")
        file(ben, "of ana")
        assert texts(ana.pages.pages()) == ["of ana"]
        assert texts(ben.pages.pages()) == ["of ben", "of ana"]

    @pytest.mark.parametrize("name", ["../../etc", "a/b", "'; DROP TABLE page; --", "é", "e\u0301", "😀", "A", " a "])
    def test_any_name_is_a_namespace_of_its_own(self, namespaces: Callable[[str], Truth], name: str) -> None:
        file(namespaces("a"), "of a")
        file(namespaces(name), f"of {name}")
        assert texts(namespaces("a").pages.pages()) == ["of a"]
        assert texts(namespaces(name).pages.pages()) == [f"of {name}"]

    # Side by side

    def test_eight_threads_file_each_of_their_sessions_once(self, truth: Truth) -> None:
        with ThreadPoolExecutor(8) as pool:
            filed = list(pool.map(lambda n: file(truth, f"session {n % 20}"), range(60)))
        assert len({one.page_ids for one in filed}) == 20
        assert truth.pages.counts() == {
            "sessions": 20,
            "waiting": 0,
            "pages": 20,
            "passages": 20,
            "characters": sum(len(f"session {n}") for n in range(20)),
        }

    def test_eight_threads_with_one_id_and_other_content_leave_one_and_seven_conflicts(self, truth: Truth) -> None:
        def one(n: int) -> str:
            try:
                return accept(truth, f"content {n}", session_id="s1").text
            except SessionConflict:
                return "conflict"

        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(one, range(8)))
        assert told.count("conflict") == 7
        assert [entry.text for entry in truth.journal.waiting()] == [text for text in told if text != "conflict"]
