"""What LangSmith is sent, by its own client, where tracing is on: nothing without a model, no text with one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from model_server import ModelServer
from wiretap import Wiretap

SCRIPT = Path(__file__).with_name("traced_runs.py")
WORDS = re.compile("quokka", re.I)
PART = re.compile(r'name="(?:post|patch)\.([0-9a-f-]+)(?:\.(\w+))?"\r?\n.*?\r?\n\r?\n(.*?)\r?\n--', re.S)


def trace(scenario: str, folder: Path, url: str = "", *, switch: str = "LANGSMITH_TRACING") -> Wiretap:
    """What was sent while the scenario ran in a process of its own."""
    with Wiretap() as tap:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("LANGSMITH_", "LANGCHAIN_"))}
        env |= {switch: "true", "LANGSMITH_ENDPOINT": tap.url, "LANGSMITH_API_KEY": "key", "OPENAI_API_KEY": "key"}
        done = subprocess.run(
            [sys.executable, str(SCRIPT), scenario, str(folder), *([url] if url else [])],
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
    return tap


def sent_runs(tap: Wiretap) -> dict[str, dict[str, str]]:
    """By id, the parts of each run as they were sent: `""` is what has no part of its own, and holds the name."""
    runs: dict[str, dict[str, str]] = {}
    for run_id, part, text in PART.findall(tap.text):
        runs.setdefault(run_id, {})[part] = text
    return runs


def name_of(run: dict[str, str]) -> str:
    found: Any = json.loads(run.get("", "{}"))
    return str(found.get("name", ""))


@pytest.mark.parametrize("switch", ["LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2"])
def test_without_a_model_nothing_is_sent(switch: str, folder: Path) -> None:
    tap = trace("all", folder, switch=switch)
    assert sent_runs(tap) == {}
    assert not WORDS.search(tap.text)


def test_with_a_model_the_steps_are_sent_and_no_text(folder: Path, running: ModelServer) -> None:
    tap = trace("all", folder, running.base_url)
    names = {name_of(run) for run in sent_runs(tap).values()}
    assert {"memorizer", "researcher", "plan", "integrate", "search_pages", "JitmemRetriever"} <= names
    assert not WORDS.search(tap.text), WORDS.split(tap.text)[0][-500:]
    assert '"run_type":"llm"' in tap.text
    assert "usage_metadata" in tap.text
    assert '"session_name":"own"' in tap.text  # the tracer of the config keeps its project


def test_texts_are_sent_where_they_are_asked_for(folder: Path, running: ModelServer) -> None:
    runs = sent_runs(trace("all content", folder, running.base_url)).values()
    telling = {name_of(run) for run in runs if WORDS.search("".join(run.values()))}
    assert any('"run_type":"llm"' in run[""] and WORDS.search(run["inputs"]) for run in runs)
    assert {"memorizer", "researcher", "plan", "integrate", "search_pages", "JitmemRetriever"} <= telling


@pytest.mark.parametrize("model", [False, True])
def test_in_a_graph_of_somebody_else_the_hosts_runs_are_sent_and_our_texts_are_not(
    model: bool, folder: Path, running: ModelServer
) -> None:
    tap = trace("host graph", folder, running.base_url if model else "")
    runs = sent_runs(tap)
    names = {name_of(run) for run in runs.values()}
    assert {"host", "host_step", "host_function"} <= names
    assert not WORDS.search(tap.text), WORDS.split(tap.text)[0][-500:]
    assert ("researcher" in names) == model
    roots = {name_of(run) for run in runs.values() if "parent_run_id" not in json.loads(run.get("", "{}"))}
    assert "researcher" not in roots  # ours are children of the host's


@pytest.mark.parametrize("model", [False, True])
def test_in_an_agent_of_somebody_else_our_own_spans_hold_no_text(
    model: bool, folder: Path, running: ModelServer
) -> None:
    runs = sent_runs(trace("host agent", folder, running.base_url if model else "")).values()
    names = {name_of(run) for run in runs}
    assert {"JitmemMiddleware.before_agent", "ScriptedModel"} <= names
    telling = {name_of(run) for run in runs if WORDS.search("".join(run.values()))}
    hosts = {"LangGraph", "model", "tools", "ScriptedModel"}
    assert telling <= hosts, telling - hosts
    assert "ScriptedModel" in telling  # its prompt holds what was recalled: docs/limits.md says so
