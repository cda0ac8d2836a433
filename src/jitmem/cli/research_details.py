"""What `jitmem research` shows with --estimate and with --trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..results import next_request
from .output import count, say, say_json, say_rows

if TYPE_CHECKING:
    from ..results import Estimate


def show_estimate(estimate: Estimate, *, as_json: bool) -> None:
    if as_json:
        say_json(estimate)
        return
    say(f"Model calls    {_from_to(*estimate.calls)}")
    say(f"Prompt tokens  {_from_to(*estimate.prompt_tokens)}")
    if estimate.steps:
        say()
        say("If every round is used:")
        say_rows(
            ("step", "model", "prompt tokens"),
            [(step["step"], step["model"], f"{step['prompt_tokens']:,}") for step in estimate.steps],
        )


def _from_to(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def show_round(number: int, one: Mapping[str, Any]) -> None:
    say(f"Round {number}: {one['request']}", "bold")
    if one["kind"] != "needle":
        say(f"  kind       {one['kind']}")
    for need in one["needs"]:
        say(f"  need       {need}")
    for query in one["queries"]:
        say(f"  {query['tool']:<10} {query['text']}  ({count(query['hits'], 'hit')})")
    if not one["queries"]:
        say("  no new query")
    if one["dropped_queries"]:
        say(f"  dropped    planned searches that cannot be run: {one['dropped_queries']}")
    for statement in one["statements"]:
        say(f"  statement  {' '.join(statement.split())}")
    if one["dropped_citations"]:
        say(f"  dropped    {count(one['dropped_citations'], 'citation')} that no page supports")
    if one["unsupported_statements"]:
        say(f"  dropped    {count(one['unsupported_statements'], 'statement')} that its quotes do not carry")
    if one["missing"]:
        say(f"  missing    {', '.join(one['missing'])}")
    if one["next"]:
        say(f"  next       {next_request(one)}")
    say(f"  enough     {'yes' if one['enough'] else 'no'}")
    say()
