"""From the turns of a chat to sessions: cut by day and by long pauses, with ids that stay when the chat grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..stores.records import Session

PAUSE = timedelta(hours=6)
"""A longer one on the same day begins a new session."""
_LONGEST_NAME = 400  # characters of an id, which has room for 512


class ChatTurn(NamedTuple):
    """What one speaker said, and when; `speaker` is "" where the file names none."""

    speaker: str
    text: str
    time: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Chat:
    """A conversation as a reader found it.

    `id` names its sessions. `dated` says that each session's id ends with its day, for chats that never end and of which
    an export may begin anywhere; otherwise the first session has the id alone. `time` is used where turns have none.
    """

    turns: Sequence[ChatTurn]
    id: str = ""
    title: str = ""
    time: datetime | None = None
    dated: bool = False
    whole: bool = False
    """Never cut: a file that is one meeting or one day."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


def chat_sessions(chat: Chat) -> list[Session]:
    """The sessions of a chat, in the order of its turns; turns without text are left out."""
    turns = [turn for turn in chat.turns if turn.text.strip()]
    pieces = [turns] if chat.whole and turns else list(_cut(turns))
    seen: Counter[str] = Counter()
    sessions = []
    for number, piece in enumerate(pieces):
        time = next((turn.time for turn in piece if turn.time), chat.time)
        name = chat.id[:_LONGEST_NAME]
        if name and time is not None and (chat.dated or number):
            day = f"{time:%Y-%m-%d}"
            seen[day] += 1
            name = f"{name}/{day}" + (f"-{seen[day]}" if seen[day] > 1 else "")
        sessions.append(_session(piece, name or None, time, chat))
    return sessions


def merge_turns(turns: Iterable[ChatTurn], gap: str = "\n") -> list[ChatTurn]:
    """Turns of one speaker in a row as one, which has the time of the first; what is of two sessions stays two."""
    merged: list[ChatTurn] = []
    last: datetime | None = None
    for turn in turns:
        if not turn.text.strip():
            continue
        apart = last is not None and turn.time is not None and _apart(last, turn.time)
        last = turn.time or last
        if merged and merged[-1].speaker == turn.speaker and not apart:
            merged[-1] = merged[-1]._replace(text=f"{merged[-1].text}{gap}{turn.text}")
        else:
            merged.append(turn)
    return merged


def _cut(turns: Sequence[ChatTurn]) -> Iterator[list[ChatTurn]]:
    piece: list[ChatTurn] = []
    last: datetime | None = None
    for turn in turns:
        if turn.time is not None:
            if piece and last is not None and _apart(last, turn.time):
                yield piece
                piece = []
            last = turn.time
        piece.append(turn)
    if piece:
        yield piece


def _apart(last: datetime, time: datetime) -> bool:
    if last.date() != time.date():
        return True
    return (time.tzinfo is None) == (last.tzinfo is None) and abs(time - last) > PAUSE


def _session(turns: Sequence[ChatTurn], name: str | None, time: datetime | None, chat: Chat) -> Session:
    metadata: dict[str, Any] = {"title": chat.title} if chat.title else {}
    metadata |= chat.metadata
    times = [turn.time for turn in turns]
    if len({one for one in times if one is not None}) > 1:
        metadata["turn_times"] = [one.isoformat() if one else None for one in times]
    if not any(turn.speaker for turn in turns):
        return Session(text="\n".join(turn.text for turn in turns), id=name, time=time, metadata=metadata)
    pairs = [(turn.speaker or "unknown", turn.text) for turn in turns]
    return Session(turns=pairs, id=name, time=time, metadata=metadata)
