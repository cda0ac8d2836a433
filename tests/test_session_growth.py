"""A session that comes again with more at its end gets further pages; nothing that was filed changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jitmem import Memory, Session, SessionConflict, read_history
from jitmem.cli.app import app

FIRST = Session(id="talk", time="2025-05-20", turns=[("Ana", "I sold the blue van."), ("Ben", "To whom?")])
MORE = [("Ana", "To the baker from Esposende."), ("Ben", "Good.")]
GROWN = Session(id="talk", time="2025-05-20", turns=[*(FIRST.turns or []), *MORE])


def test_more_at_the_end_is_a_further_page_and_the_first_stays_as_it_was(memory: Memory) -> None:
    [before] = [memory.page(one) for one in memory.memorize(FIRST).page_ids]
    grown = memory.memorize(GROWN)
    [added] = [memory.page(one) for one in grown.page_ids]
    pages = memory.pages(session_id="talk")
    assert (grown.session_id, grown.duplicate) == ("talk", False)
    assert [(page.id, page.part, page.parts) for page in pages] == [(before.id, 1, 2), (added.id, 2, 2)]
    assert (pages[0].text, pages[0].header, pages[0].memo) == (before.text, before.header, before.memo)
    assert "".join(page.text for page in pages) == "\n".join(f"{who}: {said}" for who, said in GROWN.turns or [])
    assert [(hit.text, hit.speaker) for hit in memory.recall("baker Esposende", k=1)] == [
        ("Ana: To the baker from Esposende.", "Ana")
    ]
    assert memory.stats()["sessions"] == 1
    assert memory.admin.doctor().findings == ()


def test_the_grown_session_again_adds_nothing(memory: Memory) -> None:
    memory.memorize(FIRST)
    memory.memorize(GROWN)
    stats = memory.stats()
    assert memory.memorize(GROWN).duplicate
    assert memory.memorize(FIRST).duplicate
    assert memory.stats() == stats


def test_it_may_grow_again_and_again(memory: Memory) -> None:
    text = "Ana: one."
    for number in range(4):
        memory.memorize(Session(id="long", text=text))
        text += f"\nAna: and {number}."
    assert [page.part for page in memory.pages(session_id="long")] == [1, 2, 3, 4]
    assert {page.parts for page in memory.pages()} == {4}


def test_what_waits_joins_its_session_when_it_is_filed(memory: Memory) -> None:
    memory.memorize(FIRST)
    assert memory.accept(GROWN) == "talk"
    assert (memory.stats()["waiting"], len(memory.pages())) == (1, 1)
    assert [one.session_id for one in memory.resume()] == ["talk"]
    assert (memory.stats()["waiting"], len(memory.pages(session_id="talk"))) == (0, 2)


def test_a_part_whose_session_was_forgotten_is_filed_alone(memory: Memory) -> None:
    memory.memorize(FIRST)
    memory.accept(GROWN)
    memory.forget(session_id="talk")
    memory.resume()
    [page] = memory.pages()
    assert page.text == "\nAna: To the baker from Esposende.\nBen: Good."


@pytest.mark.parametrize(
    "other",
    [
        Session(id="talk", time="2025-05-20", text="Ana: I sold the red van."),
        Session(id="talk", time="2025-05-20", text="Ana: I sold the blue van.\nBen: To whom?!"),
        Session(id="talk", time="2025-05-21", turns=GROWN.turns),
    ],
)
def test_other_content_is_still_refused(memory: Memory, other: Session) -> None:
    memory.memorize(FIRST)
    with pytest.raises(SessionConflict):
        memory.memorize(other)
    assert memory.stats()["pages"] == 1


def test_an_export_that_begins_later_than_the_one_before_adds_nothing(memory: Memory) -> None:
    memory.memorize(GROWN)
    assert memory.memorize(Session(id="talk", time="2025-05-20", turns=MORE)).duplicate


def test_an_export_that_begins_in_the_middle_of_a_day_adds_what_is_new(memory: Memory, tmp_path: Path) -> None:
    """Some programs export the newest messages alone; the first day of such an export is a part of that day."""
    chat = tmp_path / "Ben.txt"
    lines = [f"20/05/2025, 10:0{n} - Ana: Line {n}." for n in range(6)]
    chat.write_text("\n".join(lines[:4]))
    memory.memorize_many(read_history(chat))
    for part, added in ((lines[1:], [False]), (lines[2:], [True]), (lines[:2], [True]), (lines, [True])):
        chat.write_text("\n".join(part))
        assert [one.duplicate for one in memory.memorize_many(read_history(chat))] == added
    assert "".join(page.text for page in memory.pages()) == "\n".join(f"Ana: Line {n}." for n in range(6))
    times = memory.pages()[0].metadata["turn_times"]
    assert [one[11:16] for one in times] == [f"10:0{n}" for n in range(6)]


def test_a_day_that_has_nothing_in_common_with_the_one_before_is_still_refused(memory: Memory, tmp_path: Path) -> None:
    chat = tmp_path / "Ben.txt"
    for said in ("20/05/2025, 10:00 - Ana: One.\n20/05/2025, 10:01 - Ana: Two.", "20/05/2025, 10:01 - Ana: Three."):
        chat.write_text(said)
        sessions = read_history(chat)
        if "Three" in said:
            with pytest.raises(SessionConflict):
                memory.memorize_many(sessions)
        else:
            memory.memorize_many(sessions)
    assert [page.text for page in memory.pages()] == ["Ana: One.\nAna: Two."]


def test_a_chat_that_is_exported_again_adds_only_what_is_new(memory: Memory, tmp_path: Path) -> None:
    chat = tmp_path / "Ben.txt"
    chat.write_text("20/05/2025, 10:00 - Ana: I sold the blue van.\n")
    memory.memorize_many(read_history(chat))
    chat.write_text(chat.read_text() + "20/05/2025, 10:05 - Ben: To whom?\n21/05/2025, 09:00 - Ana: The baker.\n")
    assert [one.duplicate for one in memory.memorize_many(read_history(chat))] == [False, False]
    name = f"{tmp_path.name}/Ben"
    assert [(page.session_id, page.part, page.text) for page in memory.pages()] == [
        (f"{name}/2025-05-20", 1, "Ana: I sold the blue van."),
        (f"{name}/2025-05-20", 2, "\nBen: To whom?"),
        (f"{name}/2025-05-21", 1, "Ana: The baker."),
    ]
    assert {one.duplicate for one in memory.memorize_many(read_history(chat))} == {True}


def test_the_command_files_a_paragraph_that_was_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    diary = Path("diary.txt")
    diary.write_text("Tuesday, 20 May 2025\nI sold the van.\n\nWednesday, 21 May 2025\nIt rained.\n")
    assert CliRunner().invoke(app, ["memorize", "diary.txt"]).exit_code == 0
    diary.write_text(diary.read_text() + "\nThe buyer came back for the spare wheel.\n")
    again = CliRunner().invoke(app, ["memorize", "diary.txt"])
    assert (again.exit_code, again.stderr) == (0, "")
    assert "Filed 1 session: 1 page" in again.stdout
    assert "spare wheel" in CliRunner().invoke(app, ["recall", "spare wheel"]).stdout


def test_two_chats_of_one_name_in_two_folders_are_both_filed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(name).mkdir()
        Path(name, "_chat.txt").write_text(f"[20/05/2025, 10:00:00] Ana: I am in chat {name}.\n")
        Path(name, "notes.txt").write_text(f"Notes of {name}.")
    for path in ("a/_chat.txt", "b/_chat.txt", "a", "b", "a", "b"):
        run = CliRunner().invoke(app, ["memorize", path])
        assert (path, run.exit_code, run.stderr) == (path, 0, "")
    with Memory.open("memory", create=False) as memory:
        assert sorted(page.text for page in memory.pages()) == [
            *("Ana: I am in chat a.", "Ana: I am in chat b.", "Notes of a.", "Notes of b.")
        ]
    shutil.rmtree("memory")
