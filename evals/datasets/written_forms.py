"""Conversations of a data set as a chat program, a table or a mailbox writes them, read again by `read_history`."""

from __future__ import annotations

import csv
import io
import json
import mailbox
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from ...history import read_history
from ...stores.errors import BadInput
from ...stores.records import Session
from ...stores.times import parse_time
from .benchmark_records import DataSet

Said = list[tuple[str, str, datetime]]
"""Speaker, words and time of each turn of a conversation."""


def in_form(data: DataSet, form: str) -> DataSet:
    """The same questions over sessions that were written in a form and read again; "native" changes nothing."""
    if form == "native":
        return data
    if form not in WRITERS:
        raise BadInput(f"There is no form {form!r}; use native, {', '.join(WRITERS)}.")
    samples = [replace(sample, sessions=tuple(write_and_read(sample.sessions, form))) for sample in data.samples]
    return replace(data, samples=tuple(samples))


def write_and_read(sessions: Sequence[Session], form: str) -> list[Session]:
    """What `read_history` makes of a folder in which the sessions stand in a form."""
    with tempfile.TemporaryDirectory() as name:
        WRITERS[form](Path(name), timed_turns_of(sessions))
        return read_history(name, report=lambda line: None)


def timed_turns_of(sessions: Sequence[Session]) -> Said:
    """Ten seconds a turn from the start of each session."""
    found: Said = []
    for session in sessions:
        start = parse_time(session.time)
        if start is None:
            raise BadInput(f"Session {session.id} has no time; a chat program writes one beside each message.")
        found += [
            (speaker, text, start + timedelta(seconds=10 * number))
            for number, (speaker, text) in enumerate(session.turns or [])
        ]
    return found


def write_whatsapp(folder: Path, said: Said) -> None:
    lines = [f"[{time:%d/%m/%Y, %H:%M:%S}] {who}: {text}\n" for who, text, time in said]
    (folder / "chat.txt").write_text("".join(lines), encoding="utf-8")


def write_slack(folder: Path, said: Said) -> None:
    """An export: `users.json`, and a file for each day of one channel."""
    names = sorted({who for who, _, _ in said})
    (folder / "users.json").write_text(json.dumps([{"id": f"U{n}", "real_name": name} for n, name in enumerate(names)]))
    (folder / "channels.json").write_text("[]")
    days: dict[str, list[dict[str, str]]] = {}
    for number, (who, text, time) in enumerate(said):
        stamp = f"{int(time.replace(tzinfo=UTC).timestamp())}.{number:06d}"
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        message = {"type": "message", "user": f"U{names.index(who)}", "text": escaped, "ts": stamp}
        days.setdefault(f"{time:%Y-%m-%d}", []).append(message)
    (folder / "talk").mkdir()
    for day, messages in days.items():
        (folder / "talk" / f"{day}.json").write_text(json.dumps(messages))


def write_csv(folder: Path, said: Said) -> None:
    out = io.StringIO()
    rows = [(time.isoformat(), who, text) for who, text, time in said]
    csv.writer(out).writerows([("timestamp", "sender", "message"), *rows])
    (folder / "chat.csv").write_text(out.getvalue(), encoding="utf-8")


def write_flat_jsonl(folder: Path, said: Said) -> None:
    rows = [
        {"sender": who, "text": text, "timestamp": time.isoformat(), "conversation_id": "c"} for who, text, time in said
    ]
    (folder / "chat.jsonl").write_text("\n".join(map(json.dumps, rows)))


def write_mbox(folder: Path, said: Said) -> None:
    """A mail a turn."""
    box = mailbox.mbox(folder / "chat.mbox")
    for number, (who, text, time) in enumerate(said):
        message = EmailMessage()
        message["From"] = f"{who} <{who.lower()}@x.org>"
        message["Message-ID"], message["Subject"] = f"<{number}@x.org>", "Talk"
        message["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S +0000")
        message.set_content(text)
        box.add(message)
    box.close()


WRITERS: Mapping[str, Callable[[Path, Said], None]] = {
    "whatsapp": write_whatsapp,
    "slack": write_slack,
    "csv": write_csv,
    "jsonl": write_flat_jsonl,
    "mbox": write_mbox,
}
