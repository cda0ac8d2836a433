"""KakaoTalk: a chat as it is saved on a PC or sent from a phone, in Korean or English."""

from __future__ import annotations

import re

from ..stores.records import Session
from .chat_turns import Chat, chat_sessions
from .day_sections import find_messages_by_day
from .source_file import SourceFile
from .stamped_lines import find_messages, is_stamp, timed_turns

_HEAD = re.compile(r"(?:저장한 날짜|Date Saved|Saved on)\s*:\s*\S|.*(?:카카오톡 대화|KakaoTalk Chats?)\b")
_CLOCK = r"(?:(?:오전|오후|AM|PM|am|pm)\s*)?\d{1,2}:\d\d(?::\d\d)?(?:\s*[AaPp][Mm])?"
_PC_DAY = re.compile(r"-{5,}\s*(.+?)\s*-{5,}$")
_PC = re.compile(rf"\[(?P<speaker>[^\]\n]{{1,80}})\] \[(?P<stamp>{_CLOCK})\] ?(?P<text>.*)")
_MONTH = r"(?:[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}|\d{1,2} [A-Z][a-z]{2,8}\.? \d{4})"
_DAY = rf"(?:\d{{4}}년 ?\d{{1,2}}월 ?\d{{1,2}}일|\d{{4}}\. ?\d{{1,2}}\. ?\d{{1,2}}\.?|\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}}|{_MONTH})"
_PHONE = re.compile(rf"(?P<stamp>{_DAY},?(?: at)? {_CLOCK}), (?:(?P<speaker>[^:\n]{{1,80}}?) : )?(?P<text>.*)")
_PHONE_DAY = re.compile(rf"{_DAY}(?:,?(?: at)? {_CLOCK}| [월화수목금토일]요일)?$|[A-Z][a-z]+day, {_MONTH}$")


def recognise(file: SourceFile) -> bool:
    """The head of a saved chat, or messages in either form behind a line that is a day."""
    lines = [line for line in file.lines[:60] if line.strip()]
    head = any(_HEAD.match(line) for line in lines[:3])
    phone = [match for line in lines if (match := _PHONE.match(line)) and match["speaker"]]
    pc = any(_day(line) for line in lines) and any(_PC.match(line) for line in lines)
    first = bool(lines) and bool(_PHONE.match(lines[0]) or _day(lines[0]))
    return (head or first) and (pc or bool(phone))


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day; lines of the program have no speaker and are left out."""
    if any(_day(line) for line in file.lines):
        messages = find_messages_by_day(file.lines, _day, _PC, _NOTICE)
    else:
        lines = [line for line in file.lines if not _PHONE_DAY.fullmatch(line.strip())]
        messages = list(find_messages(lines, _PHONE))
    turns = timed_turns(messages, file.label, file.day_first, lambda one: one.text.strip())
    title = _title(file)
    return chat_sessions(
        Chat(turns=turns, id=file.stem or "kakaotalk", dated=True, title=title, metadata={"source": "kakaotalk"})
    )


_NOTICE = re.compile(
    r"[^\[\n]{1,60}님이 .{0,60}(?:들어왔습니다|나갔습니다|초대했습니다|내보냈습니다)|.{1,60} (?:joined|left) this chatroom"
)


def _day(line: str) -> str | None:
    """The day of a line such as `--------------- 2025년 3월 1일 토요일 ---------------`."""
    match = _PC_DAY.match(line.strip())
    if match is None:
        return None
    day = re.sub(r"\s*[월화수목금토일]요일$|^[A-Z][a-z]+day,\s*", "", match[1])
    return day if is_stamp(day) else None


def _title(file: SourceFile) -> str:
    first = next((line for line in file.lines if line.strip()), "")
    found = re.match(
        r"(.+?)\s*(?:님과 카카오톡 대화|카카오톡 대화)$|KakaoTalk Chats? with (.+)$", first.lstrip("\ufeff")
    )
    return next((part.strip() for part in found.groups() if part), "") if found else ""
