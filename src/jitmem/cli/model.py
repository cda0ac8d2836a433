"""`jitmem model check`: whether a model is fit for each step, before a memory trusts it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from ..stores.errors import BadInput
from .errors import FAILED
from .output import below, say, say_json, say_rows
from .settings import prints_json, settings_of

if TYPE_CHECKING:
    from ..model_check import StepCheck

_STYLES = {"right": "", "wrong": "yellow", "failed": "bold red"}


def check(ctx: typer.Context) -> None:
    """Ask each step one small question through the real prompts.

    It says whether the model is fit for the step. A temporary memory is used, not yours. A small model on a laptop needs a few minutes, and --set timeout_s=600.

    Examples:
      jitmem model check --model openai:qwen2.5-7b --base-url http://localhost:8080/v1      llama.cpp, vLLM
      jitmem model check --model openai:qwen2.5:7b --base-url http://localhost:11434/v1     Ollama
      jitmem model check --model openai:gpt-4.1-mini                                        with OPENAI_API_KEY
      jitmem model check --json | jq '.steps[] | select(.verdict != "right")'

    Exit codes: 0 every step is right, 1 a step is not or the server cannot be reached, 2 bad input.
    """
    from ..model_check import check_model

    settings = settings_of(ctx)
    if settings.model is None:
        raise BadInput("Name the model to check: --model openai:NAME, with --base-url URL for a server of your own.")
    with _step_status() as status:
        checks = check_model(
            settings.model,
            base_url=settings.base_url,
            timeout_s=settings.timeout_s,
            prompts=settings.prompts,
            on_step=lambda step: status.update(f"Asking {step}") if status else None,
        )
    if prints_json(ctx):
        say_json({"model": settings.model, "steps": [asdict(one) for one in checks]})
    else:
        _show(settings.model, checks)
    if any(one.verdict != "right" for one in checks):
        raise typer.Exit(FAILED)


def _step_status() -> AbstractContextManager[Any]:
    """The step under way, on stderr if that is a terminal."""
    if not below("stderr").isatty():
        return nullcontext()
    from .terminal import EscapingConsole

    return EscapingConsole(stderr=True).status("Starting")


def _show(model: str, checks: Sequence[StepCheck]) -> None:
    head = ("step", "form", "calls", "seconds", "tokens in", "out", "cached", "verdict")
    say_rows(
        head,
        [
            (
                one.step,
                one.form,
                str(one.calls),
                f"{one.seconds:.1f} s",
                f"{one.prompt_tokens:,}",
                f"{one.completion_tokens:,}",
                "-" if one.cached_tokens is None else f"{one.cached_tokens:,}",
                one.verdict,
            )
            for one in checks
        ],
    )
    say()
    for one in checks:
        if one.problem:
            say(f"{one.step}: {one.problem}", _STYLES[one.verdict])
            say(f"  → {one.advice}")
    right = sum(one.verdict == "right" for one in checks)
    say(f"{model}: {right} of {len(checks)} steps are right.", "bold")
