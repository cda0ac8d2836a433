"""What a search leaves behind: the prompts that were learned, how they differ, and a report."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...wording import write_words
from .gain_check import GainCheck
from .run_cache import Words

PROMPTS, CANDIDATE, DIFF, REPORT = "prompts.md", "candidate.md", "prompts.diff", "report.json"


@dataclass(frozen=True, slots=True)
class LearnedPrompts:
    """`accepted` says whether `words` are better than those `before`; if not, nothing was found, or it failed the check,
    and `reason` says which. Both map a step to its words; of the steps that were learned, `words` has the candidate's.

    `validation` is None where no candidate was better even in the search. `test` is None where there were no such
    tasks. `candidates` counts those that were tried on all of validation, the first included; `spent` counts runs.
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
        """Steps whose words are others now."""
        return {step: said for step, said in self.words.items() if said != self.before[step]}


def write_search(folder: Path, learned: LearnedPrompts, words: Words, **told: Any) -> None:
    """`prompts.md` (for `Memory.open(prompts=…)`) where it was accepted. What was not stands in `candidate.md`, so that
    nobody takes it for what was learned. `words` are those of every step that are not the package's."""
    for name in (PROMPTS, CANDIDATE):
        (folder / name).unlink(missing_ok=True)
    if learned.changes:
        write_words(folder / (PROMPTS if learned.accepted else CANDIDATE), words)
    (folder / DIFF).write_text(
        "".join(f"{line}\n" for line in prompt_diff(learned.before, learned.words)), encoding="utf-8"
    )
    report = {**told, **search_as_dict(learned)}
    (folder / REPORT).write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def search_as_dict(learned: LearnedPrompts) -> dict[str, Any]:
    """For JSON; the words themselves stand in the files."""
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
    """A unified diff of every step whose words are others, line by line, without line ends."""
    for step, old in before.items():
        yield from difflib.unified_diff(
            old.splitlines(), after.get(step, old).splitlines(), f"{step} (before)", f"{step} (after)", lineterm=""
        )
