"""The results of a search: the learned prompts, their diff, and a report."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...prompt_overrides import write_overrides
from .gain_check import GainCheck
from .run_cache import Words

PROMPTS, CANDIDATE, DIFF, REPORT = "prompts.md", "candidate.md", "prompts.diff", "report.json"


@dataclass(frozen=True, slots=True)
class LearnedPrompts:
    """`accepted` says whether `words` are better than those `before`; if not, `reason` says why. Both map a step to its
    prompt; `words` has the candidate's for the steps that were learned.

    `validation` is None where no candidate was better even in the search, `test` where there were no such tasks.
    `candidates` counts those tried on all of validation, the first included; `spent` counts runs.
    """

    accepted: bool
    reason: str
    before: Words
    words: Words
    validation: GainCheck | None
    test: GainCheck | None
    candidates: int
    spent: int
    reflections: int

    @property
    def changes(self) -> dict[str, str]:
        """Steps whose prompt differs."""
        return {step: said for step, said in self.words.items() if said != self.before[step]}


def write_search(folder: Path, learned: LearnedPrompts, words: Words, **told: Any) -> None:
    """`prompts.md` (for `Memory.open(prompts=…)`) where it was accepted, else `candidate.md`, so that nobody takes it
    for an accepted one. `words` are those of every step that differ from the package's."""
    for name in (PROMPTS, CANDIDATE):
        (folder / name).unlink(missing_ok=True)
    if learned.changes:
        write_overrides(folder / (PROMPTS if learned.accepted else CANDIDATE), words)
    (folder / DIFF).write_text(
        "".join(f"{line}\n" for line in prompt_diff(learned.before, learned.words)), encoding="utf-8"
    )
    report = {**told, **search_as_dict(learned)}
    (folder / REPORT).write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def search_as_dict(learned: LearnedPrompts) -> dict[str, Any]:
    """For JSON, without the prompts."""
    return {
        "accepted": learned.accepted,
        "reason": learned.reason,
        "steps": list(learned.before),
        "changed": list(learned.changes),
        "validation": learned.validation.as_dict() if learned.validation else None,
        "test": learned.test.as_dict() if learned.test else None,
        "candidates": learned.candidates,
        "spent": learned.spent,
        "reflections": learned.reflections,
    }


def prompt_diff(before: Words, after: Words) -> Iterator[str]:
    """A unified diff of every step whose prompt differs, line by line, without line ends."""
    for step, old in before.items():
        yield from difflib.unified_diff(
            old.splitlines(), after.get(step, old).splitlines(), f"{step} (before)", f"{step} (after)", lineterm=""
        )
