"""What a search leaves behind: the prompts that were learned, how they differ, and a report."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...wording import write_words
from .runs import Words

if TYPE_CHECKING:
    from .improve import Learned

PROMPTS, CANDIDATE, DIFF, REPORT = "prompts.md", "candidate.md", "prompts.diff", "report.json"


def write(folder: Path, learned: Learned, words: Words, **told: Any) -> None:
    """`prompts.md` (for `ModelOptions(prompts=…)`) where it was accepted. What was not stands in `candidate.md`, so that
    nobody takes it for what was learned. `words` are those of every step that are not the package's."""
    for name in (PROMPTS, CANDIDATE):
        (folder / name).unlink(missing_ok=True)
    if learned.changed:
        write_words(folder / (PROMPTS if learned.accepted else CANDIDATE), words)
    (folder / DIFF).write_text("".join(f"{line}\n" for line in diff(learned.before, learned.words)), encoding="utf-8")
    report = {**told, **plain(learned)}
    (folder / REPORT).write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def plain(learned: Learned) -> dict[str, Any]:
    """For JSON; the words themselves stand in the files."""
    return {
        "accepted": learned.accepted,
        "reason": learned.reason,
        "steps": list(learned.before),
        "changed": list(learned.changed),
        "validation": learned.validation.as_dict() if learned.validation else None,
        "test": learned.test.as_dict() if learned.test else None,
        "candidates": learned.candidates,
        "spent": learned.spent,
        "reflections": learned.reflections,
    }


def diff(before: Words, after: Words) -> Iterator[str]:
    """A unified diff of every step whose words are others, line by line, without line ends."""
    for step, old in before.items():
        yield from difflib.unified_diff(
            old.splitlines(), after.get(step, old).splitlines(), f"{step} (before)", f"{step} (after)", lineterm=""
        )
