"""Long conversations written as a chat program, a table or a mailbox writes them, and read again, are the native sessions."""

from __future__ import annotations

import csv
import io
import json
import mailbox
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from jitmem import Session, read_history
from jitmem.evals.datasets.locomo import load
from jitmem.stores.times import parse_time

DATA = next(
    (found for up in Path(__file__).parents if (found := up / "shared" / "data" / "locomo_dev.json").exists()), None
)
Said = list[tuple[str, str, datetime]]
"""Speaker, words and time of each turn of a conversation."""

pytestmark = pytest.mark.skipif(DATA is None, reason="needs ../shared/data/locomo_dev.json")


def flat(sessions: tuple[Session, ...]) -> Said:
    """Ten seconds a turn from the start of each session, a session an hour apart at least."""
    found: Said = []
    for session in sessions:
        start = parse_time(session.time)
        assert start is not None
        found += [
            (speaker, text, start + timedelta(seconds=10 * number))
            for number, (speaker, text) in enumerate(session.turns or [])
        ]
    return found


def whatsapp(folder: Path, said: Said) -> None:
    lines = [f"[{time:%d/%m/%Y, %H:%M:%S}] {who}: {text}\n" for who, text, time in said]
    (folder / "chat.txt").write_text("".join(lines), encoding="utf-8")


def slack(folder: Path, said: Said) -> None:
    names = sorted({who for who, _, _ in said})
    (folder / "users.json").write_text(json.dumps([{"id": f"U{n}", "real_name": name} for n, name in enumerate(names)]))
    (folder / "channels.json").write_text("[]")
    days: dict[str, list[dict[str, str]]] = {}
    for number, (who, text, time) in enumerate(said):
        stamp = f"{int(time.replace(tzinfo=UTC).timestamp())}.{number:06d}"
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        days.setdefault(f"{time:%Y-%m-%d}", []).append(
            {"type": "message", "user": f"U{names.index(who)}", "text": escaped, "ts": stamp}
        )
    (folder / "talk").mkdir()
    for day, messages in days.items():
        (folder / "talk" / f"{day}.json").write_text(json.dumps(messages))


def table(folder: Path, said: Said) -> None:
    out = io.StringIO()
    csv.writer(out).writerows(
        [("timestamp", "sender", "message"), *((time.isoformat(), who, text) for who, text, time in said)]
    )
    (folder / "chat.csv").write_text(out.getvalue(), encoding="utf-8")


def flat_jsonl(folder: Path, said: Said) -> None:
    rows = [
        {"sender": who, "text": text, "timestamp": time.isoformat(), "conversation_id": "c"} for who, text, time in said
    ]
    (folder / "chat.jsonl").write_text("\n".join(map(json.dumps, rows)))


def mbox(folder: Path, said: Said) -> None:
    box = mailbox.mbox(folder / "chat.mbox")
    for number, (who, text, time) in enumerate(said):
        message = EmailMessage()
        message["From"], message["Message-ID"], message["Subject"] = (
            f"{who} <{who.lower()}@x.org>",
            f"<{number}@x.org>",
            "Talk",
        )
        message["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S +0000")
        message.set_content(text)
        box.add(message)
    box.close()


def pieces(sessions: list[Session]) -> list[tuple[str, str, str]]:
    """Speaker, words and day of each turn, in the order of time."""
    timed = sorted(sessions, key=lambda one: str(one.time)[:19])
    return [(who, text.strip(), f"{one.time:%Y-%m-%d}") for one in timed for who, text in one.turns or []]


@pytest.mark.parametrize("write", [whatsapp, slack, table, flat_jsonl, mbox])
def test_a_conversation_that_was_written_in_another_form_is_read_as_it_was(
    write: Callable[[Path, Said], None], tmp_path: Path
) -> None:
    assert DATA is not None
    for sample in load(DATA).samples:
        folder = tmp_path / sample.name
        folder.mkdir()
        said = flat(sample.sessions)
        write(folder, said)
        read = read_history(folder, report=print)
        assert pieces(read) == [
            (who, text.strip(), f"{time:%Y-%m-%d}") for who, text, time in sorted(said, key=lambda one: one[2])
        ]
        if write is not mbox:
            native = [len(session.turns or []) for session in sample.sessions]
            assert abs(len(read) - len(native)) <= 2  # two sessions of one day, or one across midnight
