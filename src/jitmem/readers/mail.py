"""Mail: mbox files and single messages, decoded by the `email` package; each message is a session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default as policy
from email.utils import parseaddr

from ..stores.records import Session
from .block_text import mark
from .html_page import html_text
from .source_file import SourceFile
from .western_text import decode_western
from .written_times import order_of, try_time

_FROM = re.compile(rb"^From [^\r\n]*\r?\n", re.M)
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:[ \t]?[^\r\n]*\r?\n")
_KNOWN = re.compile(rb"^(?:From|Date|Subject|Message-ID|Received|Return-Path|To|MIME-Version):", re.M | re.I)
_LONGEST_HEAD = 65_536
_TEXTS = ("text/plain", "text/markdown", "text/csv", "text/html", "text/calendar")
"""Attachments whose words are part of the page."""
_SHORT = 16  # bytes, of which nobody can tell the code page: that of western Europe is the most usual
_REPLY = re.compile(r"^\s*(?:(?:re|aw|sv|fwd?|wg|antw|rv|res|enc)\s*(?:\[\d+\])?:\s*)+", re.I)


def recognise(file: SourceFile) -> bool:
    """An mbox begins with "From " and a header, a message with headers of mail."""
    data = file.data
    if found := _FROM.match(data):
        data = data[found.end() :]
    elif file.suffix not in (".eml", ".mbox", ".mbx"):
        return False
    head = re.split(rb"\r?\n\r?\n", data[:_LONGEST_HEAD], maxsplit=1)[0]
    return _HEADER.match(head + b"\n") is not None and len({one.lower() for one in _KNOWN.findall(head)}) >= 2


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a message, or what several people wrote on one day under one subject: its id is the Message-ID, its title the
    subject, its speakers the senders."""
    found = [_session(one, file) for one in _messages(file.data)]
    seen: set[str] = set()
    sessions = []
    for one in found:
        # A message that stands in two folders of an account has one id.
        if one is not None and one.id not in seen:
            sessions.append(one)
            seen |= {one.id} if one.id else set()
    return _join_threads(sessions)


def _join_threads(sessions: list[Session]) -> list[Session]:
    """Mails of several people under one subject on one day as one session, which has the id of the first."""
    days: dict[tuple[str, str], list[Session]] = {}
    for number, one in enumerate(sessions):
        subject = _REPLY.sub("", str(one.metadata.get("title") or "")).casefold().strip()
        day = f"{one.time:%Y-%m-%d}" if isinstance(one.time, datetime) else ""
        days.setdefault((subject, day) if subject and day else ("", str(number)), []).append(one)
    joined = []
    for found in days.values():
        senders = {speaker for one in found for speaker, _ in one.turns or []}
        joined += [_join(found)] if len(senders) > 1 else found  # what one person sends are letters of their own
    return joined


def _join(mails: list[Session]) -> Session:
    mails = sorted(mails, key=lambda one: order_of(one.time) if isinstance(one.time, datetime) else 0)
    times = [one.time.isoformat() for one in mails if isinstance(one.time, datetime)]
    metadata = {**mails[0].metadata, "turn_times": times, "message_ids": [one.id for one in mails if one.id]}
    return replace(mails[0], turns=[turn for one in mails for turn in one.turns or []], metadata=metadata)


def _messages(data: bytes) -> Iterator[EmailMessage]:
    """The messages of an mbox, cut at lines with "From " behind an empty line and before a header; or the one of an eml."""
    starts = [
        match
        for match in _FROM.finditer(data)
        if (match.start() == 0 or data[: match.start()].endswith((b"\n\n", b"\n\r\n", b"\r\r")))
        and _HEADER.match(data, match.end())
    ]
    ends = [match.start() for match in starts[1:]] + [len(data)]
    pieces = [data[match.end() : end] for match, end in zip(starts, ends, strict=True)] if starts else [data]
    for piece in pieces:
        plain = re.sub(rb"^>(>*From )", rb"\1", piece, flags=re.M) if starts else piece
        message = message_from_bytes(plain, policy=policy)
        assert isinstance(message, EmailMessage)
        yield message


def _session(message: EmailMessage, file: SourceFile) -> Session | None:
    body = "\n".join(part for part in _bodies(message) if part.strip()).strip("\n")
    subject = _header(message, "Subject")
    if not body.strip() and not subject:
        return None
    name, address = parseaddr(_header(message, "From"))
    metadata = {"source": "mail", "title": subject, "from": address, "to": _header(message, "To")}
    metadata |= {"cc": _header(message, "Cc"), "in_reply_to": _header(message, "In-Reply-To").strip("<> ")}
    return Session(
        turns=[(name or address or "unknown", body or subject)],
        id=_header(message, "Message-ID").strip("<> ")[:400] or None,
        time=_date(message),
        metadata={key: value for key, value in metadata.items() if value},
    )


def _header(message: MIMEPart, name: str) -> str:
    """A decoded header; the package raises on some that are broken."""
    try:
        return re.sub(r"\s+", " ", str(message.get(name) or "")).strip()
    except (ValueError, IndexError, AttributeError, TypeError):
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return re.sub(r"\s+", " ", str(raw)).strip()


def _date(message: EmailMessage) -> datetime | None:
    """The date that the sender wrote, with its zone; else the one at which a server received it."""
    written = re.sub(r"\s*\([^()]*\)\s*$", "", _header(message, "Date"))
    return try_time(written) or try_time(_header(message, "Received").rpartition(";")[2])


def _bodies(message: MIMEPart, depth: int = 0) -> Iterator[str]:
    """Plain text where there is any, else the text of the HTML; attachments as marks, forwarded messages whole."""
    if message.get_content_type() == "multipart/alternative" and depth < 10:
        parts = [part for part in message.iter_parts() if isinstance(part, MIMEPart)]
        plain = [part for part in parts if part.get_content_type() == "text/plain" and _content(part).strip()]
        for part in plain[:1] or parts[-1:]:
            yield from _bodies(part, depth + 1)
    elif message.get_content_type() == "message/rfc822" and depth < 10:
        for part in message.iter_parts():
            if isinstance(part, MIMEPart):
                yield f"[forwarded message: {_header(part, 'From')}, {_header(part, 'Date')}, {_header(part, 'Subject')}]"
                yield from _bodies(part, depth + 1)
    elif message.is_multipart() and depth < 10:
        for part in message.iter_parts():
            if isinstance(part, MIMEPart):
                yield from _bodies(part, depth + 1)
    else:
        yield _leaf(message)


def _leaf(part: MIMEPart) -> str:
    name, kind = part.get_filename(), part.get_content_type()
    if not name and kind == "text/html":
        return html_text(_content(part))
    if not name and part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment":
        return _content(part).replace("\r\n", "\n")
    raw = part.get_payload(decode=True)
    plain = "image" if kind.startswith("image/") else "file"
    note = mark(plain, name, kind, len(raw) if isinstance(raw, bytes) else None)
    if kind not in _TEXTS or part.get_filename("").lower().endswith((".vcf", ".asc")):
        return note
    words = html_text(_content(part)) if kind == "text/html" else _content(part).replace("\r\n", "\n")
    return f"{note}\n{words}".rstrip()


def _content(part: MIMEPart) -> str:
    """The text of a part, in the charset that it names; where its bytes are of another, in UTF-8 or Windows-1252, else with the
    wrong ones replaced."""
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    for charset in (part.get_content_charset("utf-8"), "utf-8"):
        try:
            return raw.decode(charset)
        except (LookupError, ValueError):
            continue
    return decode_western(raw) or raw.decode("cp1252" if len(raw) < _SHORT else "utf-8", "replace")
