"""Recordings: WebVTT, SubRip and SBV with or without speakers, as Zoom, Teams, Meet, YouTube and players write them."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import NamedTuple

from ..stores.records import Session
from .chat_turns import Chat, ChatTurn, chat_sessions, merge_turns
from .file_dates import date_in_name, date_in_text
from .source_file import SourceFile

_CLOCK = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_CUE = re.compile(rf"\s*{_CLOCK}\s*-->\s*(?:\d{{1,3}}:)?\d{{1,2}}:\d{{2}}[.,]\d{{1,3}}(?:[ \t].*)?$")
# What whisper prints: `[00:00:03.000 --> 00:00:05.000]  [SPEAKER_00]: Hi`.
_PRINTED = re.compile(rf"\[{_CLOCK} --> (?:\d{{1,3}}:)?\d{{1,2}}:\d{{2}}[.,]\d{{1,3}}\]\s*")
_SBV = re.compile(rf"{_CLOCK},{_CLOCK}$")
_VOICE = re.compile(r"<v(?:\.[\w.]+)?\s+([^>]+)>")
_TAG = re.compile(r"</?(?:[bciuv]|ruby|rt|lang|font)(?:[.\s][^>]*)?>|<\d\d:\d\d[^>]*>|\{\\[^}]*\}", re.I)
_NAMED = re.compile(
    r"(?:-\s?)?(?:\[(?P<a>[^\]\n:]{1,60})\]:?|(?P<b>[^\W\d_][^:\n<>]{0,60}?)\s?[:：])\s+(?P<text>\S.*)", re.S
)
_BLOCKS = ("NOTE", "STYLE", "REGION", "WEBVTT")


class _Cue(NamedTuple):
    offset: timedelta
    speaker: str
    text: str


def recognise(file: SourceFile) -> bool:
    """It begins as WebVTT, or with a cue, which a number may precede."""
    head = [line.strip().lstrip("\ufeff") for line in file.lines[:12] if line.strip()]
    if not head:
        return False
    if re.match(r"WEBVTT(?:\s|$)", head[0]) and "-->" in file.text:
        return True
    first = head[1] if head[0].isdigit() and len(head) > 1 else head[0]
    return (
        _CUE.match(first) is not None
        or _PRINTED.match(first) is not None
        or (file.suffix == ".sbv" and _SBV.match(first) is not None)
    )


def read_file_sessions(file: SourceFile) -> list[Session]:
    """One session: its time is in the file's name, or in a note; where cues name speakers, turns are theirs."""
    cues = _printed_cues(file) or _cues(file)
    named = [_with_name(cue) for cue in cues]
    if 2 * sum(bool(cue.speaker) for cue in named) > len(cues):  # otherwise a colon is one of a sentence
        cues = _carry_speakers(named)
    start = date_in_name(file) or _time_in_note(file)
    turns = []
    for cue in cues:
        time = start + cue.offset if start and (start.hour or start.minute or cue.offset < timedelta(days=1)) else start
        turns.append(ChatTurn(cue.speaker, cue.text, time))
    if any(turn.speaker for turn in turns):
        turns = merge_turns(turns, " ")
    return chat_sessions(Chat(turns=turns, id=file.stem, title=_title(file), time=start, whole=True))


def _printed_cues(file: SourceFile) -> list[_Cue]:
    """Of lines that begin with their span; a line without one goes on with the cue before it."""
    found: list[_Cue] = []
    for line in file.lines:
        if match := _PRINTED.match(line):
            found.append(_Cue(_offset(match), "", line[match.end() :].strip()))
        elif found and line.strip():
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line.strip()}")
        elif line.strip():
            return []
    return found


def _offset(clock: re.Match[str]) -> timedelta:
    hours, minutes, seconds, part = (int(one or 0) for one in clock.groups()[:4])
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=part)


def _cues(file: SourceFile) -> list[_Cue]:
    """The cues of every block between empty lines, without repeated ones (live captions write a line twice)."""
    found: list[_Cue] = []
    rolling = re.search(r"<\d\d:\d\d:\d\d\.\d{3}><c>", file.text) is not None  # captions of YouTube, made by a program
    for block in re.split(r"\n[ \t]*\n", "\n".join(file.lines)):
        lines = block.strip("\n").split("\n")
        at = next((number for number, line in enumerate(lines[:3]) if _CUE.match(line) or _SBV.match(line)), None)
        if at is None:
            if found and block.strip() and not block.strip().startswith(_BLOCKS) and not block.strip().isdigit():
                found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{_words(block.strip())}")
            continue
        clock = _CUE.match(lines[at]) or _SBV.match(lines[at])
        assert clock is not None
        offset = _offset(clock)
        raw = "\n".join(lines[at + 1 :])
        if rolling and found:  # the line that was written last stands above the new one
            first, _, rest = _words(raw).partition("\n")
            raw = rest if first.strip() == found[-1].text.rpartition("\n")[2].strip() else raw
        voices = list(_VOICE.finditer(raw))
        ends = [*(voice.start() for voice in voices[1:]), len(raw)]
        spoken = [(raw[one.end() : end], one[1].strip()) for one, end in zip(voices, ends, strict=False)]
        pieces = spoken or [(raw, "")]
        for words, speaker in pieces:
            text = _words(words)
            if text and not (found and found[-1].text == text and found[-1].speaker == speaker):
                found.append(_Cue(offset, speaker, text))
    return found


def _words(raw: str) -> str:
    return html.unescape(_TAG.sub("", raw)).strip()


def _with_name(cue: _Cue) -> _Cue:
    match = None if cue.speaker else _NAMED.match(cue.text)
    return cue._replace(speaker=(match["a"] or match["b"]).strip(), text=match["text"]) if match else cue


def _carry_speakers(cues: list[_Cue]) -> list[_Cue]:
    """A cue without a name goes on with the speaker before it."""
    carried: list[_Cue] = []
    for cue in cues:
        before = carried[-1].speaker if carried else ""
        carried.append(cue if cue.speaker else cue._replace(speaker=before))
    return carried


def _time_in_note(file: SourceFile) -> datetime | None:
    head = [line for line in file.lines[:12] if line.strip() and not _CUE.match(line)]
    return next((found for line in head if (found := date_in_text(line))), None)


def _title(file: SourceFile) -> str:
    return "" if re.fullmatch(r"[\d\W_]*|GMT[\d-]+.*", file.title) else file.title
