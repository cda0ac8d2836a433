"""What only a terminal gets: styles, lines wrapped or cut at its width, progress bars, the step under way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich import progress as bars
from rich.console import Console
from rich.text import Text

from ..stores.invisible import escape_invisible
from .output import below, count, one_line

if TYPE_CHECKING:
    from ..memory import Memory
    from ..results import Research


class EscapingConsole(Console):
    """Prints no markup, no emoji codes, no highlighting, and of a text's own no control sequence."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(file=below("stderr" if stderr else "stdout"), markup=False, emoji=False, highlight=False)

    def render(self, *args: Any, **options: Any) -> Iterator[Any]:
        for part in super().render(*args, **options):
            yield part if part.control else part._replace(text=escape_invisible(part.text))


class TerminalSink:
    """A binary file for text: what is written there is printed."""

    def write(self, data: bytes) -> int:
        sys.stdout.write(data.decode())
        return len(data)


def print_text(text: str, style: str) -> None:
    """Wrapped at words."""
    EscapingConsole().print(Text(escape_invisible(text), style))


def print_cut(lines: list[str]) -> None:
    """Lines that are cut at the width, the first one bold."""
    out = EscapingConsole()
    for number, row in enumerate(lines):
        line = Text(row, "" if number else "bold")
        line.truncate(out.width, overflow="ellipsis")
        out.print(line, soft_wrap=True)


@contextmanager
def draw_bar(doing: str, total: int | None, things: str) -> Iterator[Callable[..., None]]:
    """A bar with counts and the time left, on stderr; removed at the end."""
    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn(things, markup=False),
    )
    times = (bars.TimeElapsedColumn(), bars.TimeRemainingColumn())
    with bars.Progress(*columns, *times, console=EscapingConsole(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total)

        def advance(done: int, note: str = "", of: int | None = total) -> None:
            bar.update(task, completed=done, total=of, description=one_line(f"{doing}{note}"))

        yield advance


def research_with_status(memory: Memory, question: str, options: Mapping[str, Any]) -> Research:
    """As `Memory.research`, with the current step on stderr."""
    with EscapingConsole(stderr=True).status("Planning") as status:
        for event in memory.stream(question, **options):
            if event["event"] == "done":
                result: Research = event["result"]
            else:
                status.update(Text(one_line(_event_text(event))))
    return result


def _event_text(event: Mapping[str, Any]) -> str:
    match event["event"]:
        case "planned":
            return f"Searching: {event['request']}"
        case "found":
            return f"{event['tool']} found {count(event['hits'], 'passage')}"
        case "integrated":
            return f"{count(len(event['statements']), 'statement')} so far; reflecting"
        case "retrying":
            return f"{event['step']}: {event['why']} Again in {event['pause_s']:.1f} s"
        case "failed":
            return f"{event['step']}: {event['message']}"
        case "answered":
            return str(event["answer"])
        case "ranked":
            return f"{count(event['new'], 'new passage')}; integrating"
        case _:
            missing = ", ".join(event["missing"])
            return f"Round {event['round']}: " + ("enough" if event["enough"] else f"still missing {missing}")
