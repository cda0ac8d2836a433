"""Whatever a person or a model passes: only named errors, in a time that grows as the input does."""

from __future__ import annotations

import gc
import importlib.util
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fuzz.seeds import SEEDS
from fuzz.targets import TARGETS, forget_memory, memory, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from jitmem.formats import parse_sessions
from jitmem.integrations.entry_values import matches_filter
from jitmem.nodes.accept import normalize_session
from jitmem.nodes.curate import Curation
from jitmem.nodes.llm.prompt import fence
from jitmem.nodes.llm.structured_output import UnreadableReply, parse_reply, parse_tool_calls
from jitmem.nodes.plan import SearchPlan
from jitmem.nodes.split import heading, passages
from jitmem.stores import recall_markers
from jitmem.stores.analyzer import title_key, words
from jitmem.stores.errors import JitmemError
from jitmem.stores.times import parse_time, spans

SLOW = {
    "calls": 40,
    "queries": 60,
    "ids": 40,
    "namespaces": 40,
    "exports": 60,
    "edits": 150,
    "zips": 40,
    "foreign_folders": 40,
}  # examples: each of these asks a store or makes files


@pytest.fixture(scope="module", autouse=True)
def no_memory_left() -> Iterator[None]:
    yield
    forget_memory()


def spoiled(seed: bytes) -> st.SearchStrategy[bytes]:
    """A seed with a stretch of it replaced."""
    at = st.integers(0, len(seed))
    return st.builds(lambda a, b, by: seed[: min(a, b)] + by + seed[max(a, b) :], at, at, st.binary(max_size=12))


def inputs(name: str) -> st.SearchStrategy[bytes]:
    seeds = [seed.encode("utf-8", "surrogatepass") for seed in SEEDS[name]]
    texts = st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    return st.one_of(*map(spoiled, seeds), texts, st.binary(max_size=200))


@pytest.mark.parametrize("name", TARGETS)
def test_only_named_errors_come_of_any_input(name: str) -> None:
    for seed in SEEDS[name]:
        run(name, seed.encode("utf-8", "surrogatepass"))

    @settings(
        max_examples=SLOW.get(name, 200), derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(inputs(name))
    def holds(data: bytes) -> None:
        run(name, data)

    holds()


def test_the_same_led_by_coverage(tmp_path: Path) -> None:
    """Shortly, for all targets that ask no store; `make fuzz` takes its time, for every target."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: it has no package for every Python")
    options = ["-runs=6000", "-seed=1", "-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={tmp_path}/"]
    command = [sys.executable, "-W", "ignore", "-m", "fuzz.atheris_run", "storeless", *options]
    done = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, errors="replace", check=False
    )
    assert done.returncode == 0, "\n".join(done.stderr.splitlines()[-40:])
    assert re.search(r"^#6\d{3}\s+DONE", done.stderr, re.M)


# -- time ---------------------------------------------------------------------------------------------------


def read(form: Callable[[AIMessage], Any]) -> Callable[[str], Any]:
    def reading(text: str) -> None:
        try:
            form(AIMessage(text))
        except UnreadableReply:
            return

    return reading


READERS: dict[str, Callable[[str], Any]] = {
    "reply": read(lambda reply: parse_reply(reply, SearchPlan)),
    "calls": read(lambda reply: parse_tool_calls(reply, Curation, "prompt")),
    "json file": lambda text: parse_sessions(text.encode(), name="a.json"),
    "jsonl file": lambda text: parse_sessions(text.encode(), name="a.jsonl"),
    "markdown file": lambda text: parse_sessions(text.encode(), name="a.md"),
    "session": lambda text: passages(normalize_session(text)["text"]),
    "heading": heading,
    "time": parse_time,
    "times": spans,
    "words": words,
    "title": title_key,
    "page_id": lambda text: (
        memory()._runtime.searches[2].search(memory()._runtime.archive.snapshot(), f"title: {text}x", 5)
    ),
    "fence": fence,
    "recalled": lambda text: recall_markers.without_recalled(recall_markers.wrap_recalled(text)),
    "filter": lambda text: matches_filter({"a": text}, {"a": {"$gt": text}}),
}
PUMPED = [
    "{",
    '{"a":',
    '[{"a":[',
    '{"x":"',
    "[",
    "<think>",
    "</think>",
    ",  ",
    "\\",
    '"',
    " ",
    "\n",
    "\t ",
    "- ",
    "#",
    "(",
    "( ",
    "()",
]
PUMPED += [
    "1 ",
    "1",
    "May ",
    "from 2023 to ",
    "between 2023 and 2024 ",
    "2023-05-08 ",
    "12:",
    "a ",
    "A: b\n",
    ".",
    "。",
    "...\"' ",
    "…",
]
PUMPED += [
    "<",
    "</",
    "</h",
    "</history ",
    "<history>",
    "<\u200b",
    "＜",
    "&lt;",
    "\\u003c",
    "\u0301",
    "\u200b",
    "<recalled-memory>",
    "漢",
    "---\na: b\n",
]


def seconds(reader: Callable[[str], Any], pump: str, characters: int) -> float:
    text = pump * (characters // len(pump))
    gc.disable()  # what else there is in the process does not count
    try:
        started = time.process_time()
        with suppress(JitmemError):
            reader(text)
        return time.process_time() - started
    finally:
        gc.enable()


@pytest.mark.parametrize("name", READERS)
def test_the_time_grows_as_the_input_does(name: str) -> None:
    """Ten times the input takes about ten times as long, not a hundred times; the least of three where it seems not so.
    What takes next to no time is not compared."""
    reader, grown = READERS[name], {}
    for pump in PUMPED:
        long = seconds(reader, pump, 100_000)
        if long > 0.05:
            short = max(seconds(reader, pump, 10_000) for _ in range(3))
            if long > 30 * short:
                long = min(long, seconds(reader, pump, 100_000), seconds(reader, pump, 100_000))
            grown[pump] = long / max(short, 1e-4)
    assert not {pump: ratio for pump, ratio in grown.items() if ratio > 40}


@settings(max_examples=100, derandomize=True, database=None)
@given(st.lists(st.sampled_from(["Ana", "plums", "harbour", "OR", "NOT", "NEAR/2", '"', "'", "*", "%", "_", "(", ")", "--", ";", "^", ":", "\\", "{", "\0", "DROP TABLE page", "session", "\ud800"]), max_size=8), st.sampled_from(["", " "]))  # fmt: skip
def test_a_query_has_no_operators(parts: list[str], between: str) -> None:
    """What is found for a hostile query is found for its words alone."""
    query = between.join(parts).lower()  # "AnaAna" is an identifier, of two words
    snapshot = memory()._runtime.archive.snapshot()
    assert snapshot.keyword(query, 10) == snapshot.keyword(" ".join(words(query)), 10)
