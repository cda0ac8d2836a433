"""`jitmem demo`: file the sample history, research questions about it, and show every step."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..results import next_request
from ..stores.database_urls import hide_password
from ..stores.invisible import escape_invisible
from .output import citation_rows, columns, count, progress, say
from .settings import settings_of, was_given

if TYPE_CHECKING:
    from ..memory import Memory
    from ..results import Research

_WIDEST = 92
_LABEL = 11  # columns, with the space after it
_CONTEXT_TOKENS = 400


def demo(ctx: typer.Context) -> None:
    """File a sample history of 32 sessions, and research six questions.

    The memory is ./demo-memory, unless --memory names another: never the one that JITMEM_MEMORY names.

    Example:
      jitmem demo --memory /tmp/demo
    """
    from ..sample_history import sample_questions, sample_sessions

    settings = settings_of(ctx)
    if not was_given(ctx, "memory"):
        settings = replace(settings, memory=Path("demo-memory"))
    _print("\njitmem: every session is kept word for word, and researched at question time\n", "bold")
    sessions = sample_sessions()
    questions = [one for one in sample_questions() if one.get("demo")]
    model = settings.researcher_model or settings.model
    with settings.open_memory() as memory:
        started = time.perf_counter()
        with progress("Memorizing", "sessions") as advance:
            filed = memory.memorize_many(sessions, progress=advance)
        known = sum(one.duplicate for one in filed)
        pages = sum(len(one.page_ids) for one in filed)
        again = f" ({known} known already)" if known else ""
        _print(
            f"Memorized {count(len(filed), 'session')}{again} as {count(pages, 'page')} in "
            f"{time.perf_counter() - started:.1f} s: fourteen months of a family that turns an old water mill into a "
            f"bakery. {f'The model is {model}.' if model else 'No model is used: rules answer every step.'}"
        )
        for number, one in enumerate(questions, start=1):
            started = time.perf_counter()
            result = memory.research(one["question"], context_tokens=_CONTEXT_TOKENS)
            _print_research(memory, f"{number}/{len(questions)}", result, time.perf_counter() - started)
    _print_line()
    option = f"--memory {shlex.quote(hide_password(settings.memory))}"
    _print(f"The memory is in {hide_password(settings.memory)}. Try:\n")
    say(f'  jitmem research "How high did the water stand during the flood?" --trace {option}')
    say(f'  jitmem recall "flood insurance" -k 3 {option}')
    say(f"  jitmem pages {option}")
    say()


def _print_research(memory: Memory, place: str, result: Research, seconds: float) -> None:
    _print_line()
    _print(result.question, "bold", place)
    for number, one in enumerate(result.rounds, start=1):
        _print(f"{'' if number > 1 else chr(10)}round {number}", "bold")
        for label, text, style in _steps(result.question, one):
            _print(text, style, f"  {label}")
    found = "not in memory" if result.stopped == "no_evidence" else result.stopped
    spent = f"{count(len(result.rounds), 'round')}, {count(result.usage.calls, 'model call')}, {seconds:.2f} s"
    _print(f"{found} ({spent})", "bold green" if result.enough else "bold yellow", "result")
    _print(f"\n{result.context}\n", "", " ")
    _print("\n".join(columns(citation_rows(memory, result.citations))), "cyan", " ")


def _steps(question: str, one: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What happened in a round, as label, text and style."""
    for need in one["needs"]:
        if need != question:
            yield "need", need, ""
    found: dict[str, list[str]] = {}
    for query in one["queries"]:
        found.setdefault(query["text"], []).append(f"{query['tool']} {query['hits']}")
    for text, hits in found.items():
        yield "search", f"{'the question' if text == question else text} → {', '.join(hits)}", ""
    if not found:
        yield "search", "no new query", "dim"
    else:
        new, known = count(one["new_passages"], "new passage"), count(len(one["statements"]), "statement")
        yield "found", f"{new}; {known} known now", ""
    if one["missing"]:
        yield "missing", ", ".join(one["missing"]), "yellow"
    if one["next"]:
        yield "next", next_request(one), ""


def _print_line() -> None:
    from .terminal import EscapingConsole

    _print(f"\n{'─' * min(EscapingConsole().width, _WIDEST)}", "dim")


def _print(text: str, style: str = "", label: str = "") -> None:
    """Print lines, wrapped at the width; with a label in a column of its own, or the indentation of a blank one."""
    from rich.text import Text

    from .terminal import EscapingConsole

    out, text = EscapingConsole(), escape_invisible(text)
    column = f"{label:<{_LABEL}}" if label.strip() else label * 2
    first, rest = Text(column, "dim"), Text(" " * len(column))
    for line in (" ".join(text.split()) if label.strip() else text).split("\n"):
        for part in Text(line, style).wrap(out, max(20, min(out.width, _WIDEST) - len(rest))) or [Text()]:
            whole = first + part
            whole.rstrip()
            out.print(whole, soft_wrap=True)
            first = rest
