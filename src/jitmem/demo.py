"""A tour: keep the sample history, then research a few questions about it and show every step."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli.output import citation_rows, columns, console, count, progress, say
from .formats import parse_sessions
from .memory import Memory
from .results import following

if TYPE_CHECKING:
    from rich.text import Text

    from .results import Research
    from .stores.records import Session

_WIDEST = 92
_LABEL = 11  # columns, with the space after it
_CONTEXT_TOKENS = 400


def demo(memory_path: str | Path, **opening: Any) -> None:
    """Print it, over the memory that `Memory.open(memory_path, **opening)` gives. A second run finds the sessions
    known already and researches them again."""
    _line()
    _line("jitmem: it keeps every session word for word, and thinks when somebody asks", "bold")
    _line()
    sessions = sample_sessions()
    questions = [one for one in sample_questions() if one.get("demo")]
    model = opening.get("researcher_model") or opening.get("model")
    with Memory.open(memory_path, **opening) as memory:
        started = time.perf_counter()
        with progress("Memorizing", "sessions") as tell:
            filed = memory.memorize_many(sessions, progress=tell)
        known = sum(one.duplicate for one in filed)
        pages = sum(len(one.page_ids) for one in filed)
        again = f" ({known} known already)" if known else ""
        _line(
            f"Memorized {count(len(filed), 'session')}{again} as {count(pages, 'page')} in "
            f"{time.perf_counter() - started:.1f} s: fourteen months of a family that turns an old water mill into a "
            f"bakery. {f'The model is {model}.' if model else 'No model is used: rules answer every step.'}"
        )
        for number, one in enumerate(questions, start=1):
            started = time.perf_counter()
            result = memory.research(one["question"], context_tokens=_CONTEXT_TOKENS)
            _show(memory, f"{number}/{len(questions)}", result, time.perf_counter() - started)
    _last_words(memory_path)


def sample_sessions() -> list[Session]:
    """The sample history, in the order of time."""
    files = sorted((_sample() / "sessions").iterdir(), key=lambda file: file.name)
    return [session for file in files for session in parse_sessions(file.read_bytes(), name=file.name)]


def sample_questions() -> list[dict[str, Any]]:
    """`{question, answer, kind, evidence}`; those of the tour have `demo`."""
    made: list[dict[str, Any]] = json.loads((_sample() / "questions.json").read_text(encoding="utf-8"))
    return made


def _sample() -> Traversable:
    return resources.files(__package__) / "sample"


def _show(memory: Memory, place: str, result: Research, seconds: float) -> None:
    _line()
    _line("─" * _width(), "dim")
    _labelled(place, result.question, "bold")
    _line()
    for number, one in enumerate(result.rounds, start=1):
        _line(f"round {number}", "bold")
        for label, text, style in _steps(result.question, one):
            _labelled(f"  {label}", text, style)
    found = "not in memory" if result.stopped == "no_evidence" else result.stopped
    spent = f"{count(len(result.rounds), 'round')}, {count(result.usage.calls, 'model call')}, {seconds:.2f} s"
    _labelled("result", f"{found} ({spent})", "bold green" if result.enough else "bold yellow")
    _line()
    _block(result.context)
    _line()
    _block("\n".join(columns(citation_rows(memory, result.citations))), "cyan")


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
        yield "next", following(one), ""


def _last_words(memory_path: str | Path) -> None:
    _line()
    _line("─" * _width(), "dim")
    _line(f"The memory is in {memory_path}. Try:")
    _line()
    option = f"--memory {shlex.quote(str(memory_path))}"
    say(f'  jitmem research "How high did the water stand during the flood?" --trace {option}')
    say(f'  jitmem recall "flood insurance" -k 3 {option}')
    say(f"  jitmem pages {option}")
    _line()


def _width() -> int:
    return min(console().width, _WIDEST)


def _line(text: str = "", style: str = "") -> None:
    from rich.text import Text

    console().print(Text(text, style), width=_width())


def _labelled(label: str, text: str, style: str) -> None:
    from rich.text import Text

    _indented(Text(f"{label:<{_LABEL - 1}} ", "dim"), Text(" ".join(text.split()), style))


def _block(text: str, style: str = "") -> None:
    from rich.text import Text

    for line in text.splitlines():
        _indented(Text("  "), Text(line, style))


def _indented(label: Text, text: Text) -> None:
    """The label, and the text wrapped beside it."""
    out = console()
    for line in text.wrap(out, max(20, _width() - len(label))) or [text]:
        whole = label + line
        whole.rstrip()
        out.print(whole, soft_wrap=True)
        label = type(label)(" " * len(label))
