"""Output of the commands: text and tables on stdout, wrapped only on a terminal; progress on stderr.

A terminal is not a page: `escape_output` stands in the way of every print, `EscapingConsole` in that of styled text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..stores.invisible import escape_invisible

if TYPE_CHECKING:
    from ..memory import Memory
    from ..stores.records import Citation, Progress, Usage


class EscapingStream:
    """A stream that writes control and invisible characters as escapes; `unescaped` is the one below.

    It is no terminal: others would send it colours.
    """

    def __init__(self, unescaped: Any) -> None:
        self.unescaped = unescaped

    def write(self, text: str) -> int:
        self.unescaped.write(escape_invisible(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unescaped, name)


def escape_output() -> None:
    """From now on, for prints, prompts, logs and tracebacks alike."""
    for name in ("stdout", "stderr"):
        if not isinstance(stream := getattr(sys, name), EscapingStream):
            setattr(sys, name, EscapingStream(stream))


def below(name: str) -> Any:
    """stdout or stderr without the escapes."""
    return getattr(stream := getattr(sys, name), "unescaped", stream)


def say(line: str = "", style: str = "") -> None:
    """Print one line; a line break in it, which somebody's text brought, is an escape."""
    say_text(line.replace("\n", "\\n"), style)


def say_text(text: str, style: str = "") -> None:
    """Print lines; on a terminal in a style, and wrapped at words."""
    if not below("stdout").isatty():
        print(text)
        return
    from .terminal import print_text

    print_text(text, style)


def say_exactly(text: str) -> None:
    """Print every character, and a line end if there is none; escapes are for a terminal only."""
    out = below("stdout")
    (sys.stdout if out.isatty() else out).write(text if text.endswith("\n") else text + "\n")


def say_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def say_rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print columns under a head; on a terminal, lines are cut at its width."""
    lines = columns([head, *rows])
    if not below("stdout").isatty():
        print("\n".join(lines))
        return
    from .terminal import print_cut

    print_cut(lines)


def columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """One line for each row; all cells but the last are padded to the widest of their column."""
    from rich.cells import cell_len, set_cell_size

    table = [tuple(one_line(cell) for cell in row) for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    return ["  ".join([*map(set_cell_size, row[:-1], widths), row[-1]]).rstrip() for row in table]


def one_line(text: str) -> str:
    return escape_invisible(" ".join(text.split()))


def citation_rows(memory: Memory, citations: Iterable[Citation]) -> list[tuple[str, str, str, str]]:
    """For each cited page or item: its marks in the context, its id, its time, its session."""
    from ..stores.records import Page
    from ..stores.times import format_time

    marks: dict[str, list[int]] = {}
    for number, citation in enumerate(citations, start=1):
        marks.setdefault(citation.record_id, []).append(number)
    records = memory._runtime.archive.snapshot().records(marks)
    return [
        (
            _marks(marks[one.id]),
            one.id,
            format_time(one.time) or "-",
            one.session_id if isinstance(one, Page) else one.kind,
        )
        for record_id in marks
        if (one := records.get(record_id)) is not None
    ]


def _marks(numbers: list[int]) -> str:
    """`[1] [4]–[6]`"""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return " ".join(f"[{run[0]}]" if len(run) == 1 else f"[{run[0]}]–[{run[-1]}]" for run in runs)


def count(number: int, thing: str) -> str:
    """`1 page`, `2,048 pages`, `2 entries`."""
    return f"{number:,} {thing if number == 1 else f'{thing[:-1]}ies' if thing.endswith('y') else f'{thing}s'}"


def usage_text(usage: Usage) -> str:
    """`3 calls, 5,120 tokens in and 310 out, 4.2 s of waiting`"""
    tokens = f"{usage.prompt_tokens:,} tokens in and {usage.completion_tokens:,} out"
    return f"{count(usage.calls, 'call')}, {tokens}, {usage.seconds:.1f} s of waiting"


@contextmanager
def progress(doing: str, things: str) -> Iterator[Progress]:
    """A bar for a count and its total."""
    with progress_bar(doing, None, things) as advance:
        yield lambda done, total: advance(done, "", total)


@contextmanager
def progress_bar(doing: str, total: int | None, things: str = "") -> Iterator[Callable[..., None]]:
    """A bar with counts and the time left, on stderr if that is a terminal."""
    if not below("stderr").isatty():
        yield lambda done, note="", of=None: None
        return
    from .terminal import draw_bar

    with draw_bar(doing, total, things) as advance:
        yield advance


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else str(value)
