"""Long conversations written as a chat program, a table or a mailbox writes them, and read again, are the native sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jitmem import Session, read_history
from jitmem.evals.datasets.locomo import load
from jitmem.evals.datasets.written_forms import WRITERS, Said, timed_turns_of, write_mbox

DATA = next(
    (found for up in Path(__file__).parents if (found := up / "shared" / "data" / "locomo_dev.json").exists()), None
)

pytestmark = pytest.mark.skipif(DATA is None, reason="needs ../shared/data/locomo_dev.json")


def pieces(sessions: list[Session]) -> list[tuple[str, str, str]]:
    """Speaker, words and day of each turn, in the order of time."""
    timed = sorted(sessions, key=lambda one: str(one.time)[:19])
    return [(who, text.strip(), f"{one.time:%Y-%m-%d}") for one in timed for who, text in one.turns or []]


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_conversation_that_was_written_in_another_form_is_read_as_it_was(
    write: Callable[[Path, Said], None], tmp_path: Path
) -> None:
    assert DATA is not None
    for sample in load(DATA).samples:
        folder = tmp_path / sample.name
        folder.mkdir()
        said = timed_turns_of(sample.sessions)
        write(folder, said)
        read = read_history(folder, report=print)
        assert pieces(read) == [
            (who, text.strip(), f"{time:%Y-%m-%d}") for who, text, time in sorted(said, key=lambda one: one[2])
        ]
        if write is not write_mbox:
            native = [len(session.turns or []) for session in sample.sessions]
            assert abs(len(read) - len(native)) <= 2  # two sessions of one day, or one across midnight
