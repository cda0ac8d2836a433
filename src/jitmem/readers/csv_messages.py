"""CSV: messages a row, with the usual names of columns, between commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping

from ..stores.errors import BadInput
from ..stores.records import Session
from .chat_turns import Chat, ChatTurn, chat_sessions
from .flat_messages import sessions_of_rows
from .source_file import SourceFile
from .written_times import read_times

_COLUMNS = {
    "time": "timestamp datetime date_time message_date sent_at sent created_at created createdat time_stamp ts when date_sent"
    " sent_date created_date posted_at date time"
    " 날짜 日時 日期 fecha datum data дата zeit",
    "sender": "sender sender_name from from_name author user_name username user name speaker participant nickname role sent_by"
    " who 이름 사용자 作者 发送者 remitente absender autor auteur отправитель sender_id from_id",
    "content": "message text content body contents msg message_text message_body utterance transcript words comment value"
    " note notes entry journal_entry journal description 메모 メモ notiz nota"
    " 내용 메시지 メッセージ 内容 消息 mensaje nachricht mensagem texto сообщение",
    "conversation_id": "conversation_id thread_id chat_id session_id dialog_id dialogue_id chat_session session conversation thread chat"
    " channel channel_name room group",
    "asked": "prompt question user_message query input human request instruction",
    "answered": "response answer completion assistant_message output assistant reply ai",
}
_NAMES = {name: (what, rank) for what, names in _COLUMNS.items() for rank, name in enumerate(names.split())}
_SUBJECTS = "subject title betreff asunto assunto objet oggetto 제목 件名 主题".split()
_GIVEN, _FAMILY = (
    "first_name firstname vorname given_name".split(),
    "last_name lastname nachname family_name surname".split(),
)
_WAYS = "type direction".split()
_OWN = "outgoing sent out outbox".split()
"""What a phone writes of its owner's own messages, which have no sender."""
_DAYS = "date fecha datum data 날짜 日期 дата".split()
_CLOCKS = "time hora uhrzeit tijd heure ora 시간 時間 时间 время".split()
_RIGHT = "name the columns timestamp, sender and message (and conversation_id for several conversations), or prompt and response"


def recognise(file: SourceFile) -> bool:
    """A header with a column of words, and one of times, senders or answers; any file that is called CSV."""
    if file.suffix in (".csv", ".tsv"):
        return True
    if file.suffix not in ("", ".txt"):
        return False
    header = _header(file)
    return len(header) >= 3 and "content" in _roles(header) and "time" in _roles(header)


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a conversation, cut by day; rows with a prompt and its response are two turns."""
    header, rows = _rows(file)
    roles = _roles(header)
    if "asked" in roles and "answered" in roles and "content" not in roles:
        return _pairs(file, rows, roles)
    if "content" not in roles:
        raise BadInput(f"{file.label}: no column of messages among {', '.join(map(repr, header[:12]))}; {_RIGHT}")
    found, names = [], [_plain_name(name) for name in header]
    for row in rows:
        values = {
            role: row[at].strip() if role != "content" else row[at] for role, at in roles.items() if at < len(row)
        }
        cells = dict(zip(names, row, strict=False))
        clock = next((row[at] for at in _clocks(header, roles) if at < len(row)), "")
        stamp = f"{values.get('time', '')} {clock}".strip()
        chat = values.get("conversation_id", "")
        words, subject = values.get("content", ""), next((cells[name] for name in _SUBJECTS if cells.get(name)), "")
        text = "\n".join(filter(None, ("" if subject in words else subject, words, _attachments(header, row))))
        sender = values.get("sender", "") or _sender(cells)
        found.append({"timestamp": stamp, "sender": sender, "content": text, "conversation_id": chat})
    return sessions_of_rows(file, found)


def _sender(cells: Mapping[str, str]) -> str:
    """The given and the family name where they have columns of their own; "me" where a phone says that it sent the message."""
    parts = [next((cells[name] for name in names if cells.get(name)), "") for names in (_GIVEN, _FAMILY)]
    sent = any(cells.get(name, "").strip().lower() in _OWN for name in _WAYS)
    return " ".join(filter(None, parts)) or ("me" if sent else "")


def _pairs(file: SourceFile, rows: list[list[str]], roles: Mapping[str, int]) -> list[Session]:
    def cell(row: list[str], role: str) -> str:
        return row[roles[role]] if role in roles and roles[role] < len(row) else ""

    times = read_times([cell(row, "time") for row in rows], file.label, file.day_first, in_order=True)
    chats: dict[str, list[ChatTurn]] = {}
    for row, time in zip(rows, times, strict=True):
        turns = [ChatTurn("user", cell(row, "asked"), time), ChatTurn("assistant", cell(row, "answered"), time)]
        chats.setdefault(cell(row, "conversation_id"), []).extend(turns)
    return [
        one
        for name, turns in chats.items()
        for one in chat_sessions(Chat(turns=turns, id=name or file.stem, dated=not name))
    ]


def _rows(file: SourceFile) -> tuple[list[str], list[list[str]]]:
    csv.field_size_limit(max(csv.field_size_limit(), 16_000_000))
    reader = csv.reader(io.StringIO(file.text, newline=""), delimiter=_delimiter(file))
    try:
        rows = [row for row in reader if any(cell.strip() for cell in row)]
        rows = rows[1:] if rows and rows[0][0].startswith("sep=") else rows  # as Excel writes it
    except csv.Error as error:
        raise BadInput(f"{file.label}, line {reader.line_num}: no CSV ({error}); {_RIGHT}") from error
    if len(rows) < 2:
        raise BadInput(f"{file.label}: has a header and no rows, or no header; {_RIGHT}")
    return rows[0], rows[1:]


def _header(file: SourceFile) -> list[str]:
    first = _first_line(file)
    return next(csv.reader([first], delimiter=_delimiter(file)), []) if len(first) < 2000 else []


def _delimiter(file: SourceFile) -> str:
    first = _first_line(file)
    return "\t" if file.suffix == ".tsv" and "\t" in first else max(",;\t|", key=first.count)


def _first_line(file: SourceFile) -> str:
    return next((line for line in file.lines if line.strip() and not line.startswith("sep=")), "")


def _roles(header: list[str]) -> dict[str, int]:
    """The column of each role; where two could be it, the more usual name."""
    best: dict[str, tuple[int, int]] = {}
    for at, name in enumerate(header):
        what, rank = _NAMES.get(_plain_name(name), ("", 0))
        if what and (what not in best or rank < best[what][0]):
            best[what] = rank, at
    return {what: at for what, (_, at) in best.items()}


def _plain_name(name: str) -> str:
    return re.sub(r"[\s./-]+", "_", name.strip().strip("\ufeff").lower()).strip("_")


def _clocks(header: list[str], roles: Mapping[str, int]) -> list[int]:
    """The column of the clock where the date has one of its own."""
    plain = [name.strip().strip("\ufeff").lower() for name in header]
    at = roles.get("time")
    if at is None or plain[at] not in _DAYS:
        return []
    return [number for number, name in enumerate(plain) if name in _CLOCKS]


def _attachments(header: list[str], row: list[str]) -> str:
    """Names in a column of attachments, as marks."""
    plain = [name.strip().lower() for name in header]
    found = [
        row[plain.index(name)]
        for name in ("attachment", "attachments")
        if name in plain and plain.index(name) < len(row)
    ]
    names = [
        one.strip().rpartition("/")[2].partition("?")[0] for cell in found for one in cell.split(",") if one.strip()
    ]
    return "\n".join(f"[file: {name}]" for name in names if name)
