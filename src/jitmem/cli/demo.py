"""`jitmem demo`: file the sample history, then research a few questions about it and show every step."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..results import next_request
from .output import citation_rows, columns, console, count, progress, say
from .settings import settings_of, was_given

if TYPE_CHECKING:
    from rich.text import Text

    from ..memory import Memory
    from ..results import Research

_WIDEST = 92
_LABEL = 11  # columns, with the space after it
_CONTEXT_TOKENS = 400


EXAMPLES = """\b
Example:
  jitmem demo --memory /tmp/demo
"""


def demo(ctx: typer.Context) -> None:
    """File a sample history of 32 sessions, then research six questions and show every step.

    The memory is ./demo-memory, unless --memory names another: never the one that JITMEM_MEMORY names.
    """
    from dataclasses import replace

    from ..sample_history import sample_questions, sample_sessions

    settings = settings_of(ctx)
    if not was_given(ctx, "memory"):
        settings = replace(settings, memory=Path("demo-memory"))
    _print_line()
    _print_line("jitmem: it keeps every session word for word, and thinks when somebody asks", "bold")
    _print_line()
    sessions = sample_sessions()
    questions = [one for one in sample_questions() if one.get("demo")]
    model = settings.researcher_model or settings.model
    with settings.open_memory() as memory:
        started = time.perf_counter()
        with progress("Memorizing", "sessions") as tell:
            filed = memory.memorize_many(sessions, progress=tell)
        known = sum(one.duplicate for one in filed)
        pages = sum(len(one.page_ids) for one in filed)
        again = f" ({known} known already)" if known else ""
        _print_line(
            f"Memorized {count(len(filed), 'session')}{again} as {count(pages, 'page')} in "
            f"{time.perf_counter() - started:.1f} s: fourteen months of a family that turns an old water mill into a "
            f"bakery. {f'The model is {model}.' if model else 'No model is used: rules answer every step.'}"
        )
        for number, one in enumerate(questions, start=1):
            started = time.perf_counter()
            result = memory.research(one["question"], context_tokens=_CONTEXT_TOKENS)
            _print_research(memory, f"{number}/{len(questions)}", result, time.perf_counter() - started)
    _print_end(settings.memory)


def _print_research(memory: Memory, place: str, result: Research, seconds: float) -> None:
    _print_line()
    _print_line("─" * _width(), "dim")
    _print_labelled(place, result.question, "bold")
    _print_line()
    for number, one in enumerate(result.rounds, start=1):
        _print_line(f"round {number}", "bold")
        for label, text, style in _steps(result.question, one):
            _print_labelled(f"  {label}", text, style)
    found = "not in memory" if result.stopped == "no_evidence" else result.stopped
    spent = f"{count(len(result.rounds), 'round')}, {count(result.usage.calls, 'model call')}, {seconds:.2f} s"
    _print_labelled("result", f"{found} ({spent})", "bold green" if result.enough else "bold yellow")
    _print_line()
    _print_block(result.context)
    _print_line()
    _print_block("\n".join(columns(citation_rows(memory, result.citations))), "cyan")


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
        yield "search", "nothing that was not searched before", "dim"
    else:
        fresh, known = count(one["new_passages"], "new passage"), count(len(one["statements"]), "statement")
        yield "found", f"{fresh}; {known} known now", ""
    if one["missing"]:
        yield "missing", ", ".join(one["missing"]), "yellow"
    if one["next"]:
        yield "next", next_request(one), ""


def _print_end(memory_path: Path) -> None:
    _print_line()
    _print_line("─" * _width(), "dim")
    _print_line(f"The memory is in {memory_path}. Try:")
    _print_line()
    option = f"--memory {shlex.quote(str(memory_path))}"
    say(f'  jitmem research "How high did the water stand during the flood?" --trace {option}')
    say(f'  jitmem recall "flood insurance" -k 3 {option}')
    say(f"  jitmem pages {option}")
    _print_line()


def _width() -> int:
    return min(console().width, _WIDEST)


def _print_line(text: str = "", style: str = "") -> None:
    from rich.text import Text

    console().print(Text(text, style), width=_width())


def _print_labelled(label: str, text: str, style: str) -> None:
    from rich.text import Text

    _print_indented(Text(f"{label:<{_LABEL - 1}} ", "dim"), Text(" ".join(text.split()), style))


def _print_block(text: str, style: str = "") -> None:
    from rich.text import Text

    for line in text.splitlines():
        _print_indented(Text("  "), Text(line, style))


def _print_indented(label: Text, text: Text) -> None:
    """The label, and the text wrapped beside it."""
    out = console()
    for line in text.wrap(out, max(20, _width() - len(label))) or [text]:
        whole = label + line
        whole.rstrip()
        out.print(whole, soft_wrap=True)
        label = type(label)(" " * len(label))
