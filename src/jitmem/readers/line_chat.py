"""LINE: a chat history as the app saves it: a line for each day, then clock, name and words between tabs."""

from __future__ import annotations

import re

from ..stores.records import Session
from .chat_turns import Chat, chat_sessions
from .day_sections import find_messages_by_day
from .source_file import SourceFile
from .stamped_lines import StampedLine, is_stamp, timed_turns

_HEAD = re.compile(r"\[LINE\]|บันทึกเมื่อ|(?:Saved on|保存日時|保存日期|儲存日期|저장한 날짜)\s*[:：]\s*\d{4}")
_NUMBERS = r"\d{1,4}[./-]\s?\d{1,2}[./-]\s?\d{1,4}\.?"
_WEEKDAY = r"\s?(?:[（(][^()（）]{1,12}[)）]|[^\W\d]+(?:요일|day|曜日)|星期.|週.)"
_DAY = re.compile(rf"(?:[^\W\d_][^\d\s]{{0,8}}[.,] )?({_NUMBERS}|\d{{4}}年\d{{1,2}}月\d{{1,2}}日)(?:{_WEEKDAY})?$")
_HALF = r"(?:上午|下午|오전|오후|午前|午後|[AaPp][Mm])"
_CLOCK = rf"(?P<stamp>{_HALF}?\s?\d{{1,2}}:\d\d(?:\s?{_HALF})?)"
_TABS = re.compile(rf"{_CLOCK}\t(?:(?P<speaker>[^\t\n]{{1,80}})\t)?(?P<text>.*)")
_BLANKS = re.compile(rf"{_CLOCK} (?P<speaker>\S{{1,80}}) (?P<text>.*)")


def recognise(file: SourceFile) -> bool:
    """Messages between tabs behind a line that is a day; without the head of the app at least two of them."""
    lines = [line for line in file.lines[:100] if line.strip()]
    head = any(_HEAD.match(line.lstrip("\ufeff")) for line in lines[:3])
    found = [line for line in lines if (match := _TABS.match(line)) and match["speaker"]]
    return any(_day(line) for line in lines[:5]) and (head or len(found) >= 2 or _is_desktop(lines))


def _is_desktop(lines: list[str]) -> bool:
    """`2025.03.13 Thursday`, then clock, name and words with a blank between them: few names say many lines, where the words of
    a diary change."""
    if not lines or re.match(r"\d{4}\.\d\d\.\d\d \S+$", lines[0].lstrip("\ufeff")) is None:
        return False
    said = [match["speaker"] for line in lines if (match := _BLANKS.match(line))]
    return len(said) >= 3 and 2 * len(said) >= len(lines) and 2 * len(set(said)) <= len(said) + 1


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day; what the app says of itself has no name between its tabs and is left out."""
    pattern = _TABS if any("\t" in line for line in file.lines) else _BLANKS
    messages = find_messages_by_day(file.lines, _day, pattern)
    turns = timed_turns(messages, file.label, file.day_first, _unquote)
    head = next((line for line in file.lines if line.strip()), "").lstrip("\ufeff")
    title = re.sub(
        r"^\[LINE\]\s*(?:Chat history (?:with|in)\s*)?|とのトーク履歴$|님과의 대화$|的聊天記錄$|與", "", head
    ).strip()
    return chat_sessions(
        Chat(
            turns=turns,
            id=file.stem or "line",
            dated=True,
            title=title if head.startswith("[LINE]") else "",
            metadata={"source": "line"},
        )
    )


def _day(line: str) -> str | None:
    match = _DAY.match(line.strip())
    return match[1] if match and is_stamp(match[1]) else None


def _unquote(one: StampedLine) -> str:
    """A message of several lines stands in quotation marks, doubled inside."""
    text = one.text
    if "\n" in text and text.startswith('"') and text.endswith('"'):
        return text[1:-1].replace('""', '"')
    return text
