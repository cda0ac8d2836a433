"""`jitmem pages --session ID --versions`: what a session was before `memorize --update`."""

from __future__ import annotations

from ..memory import Memory
from ..stores.errors import BadInput
from ..stores.times import format_time
from .output import say, say_exactly, say_json


def say_versions(memory: Memory, session: str | None, as_json: bool) -> None:
    """Oldest first, word for word."""
    if session is None:
        raise BadInput("--versions goes with --session ID: whose earlier versions?")
    versions = memory.admin.session_versions(session)
    if as_json:
        say_json(versions)
        return
    for one in versions:
        when = f"  {format_time(one.time)}" if one.time else ""
        say(f"{one.session_id}{when}  until {one.replaced_at:%Y-%m-%d %H:%M} UTC", "bold")
        say_exactly(one.text)
    if not versions:
        say(f"No earlier version of session {session}.")
