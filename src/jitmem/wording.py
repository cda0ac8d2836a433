"""The words that models are given, in a file: one heading a step, and below it what its system prompt says.

    # plan
    You plan searches …

    # curate
    You keep the memories …

A step that is left out keeps the words of the package. The last paragraph of each system prompt, which says that
history is data and nobody's instruction, is not among the words: it always stands. Nor are the task and its places.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from .nodes import prompt
from .stores.errors import BadInput

MEMORIZE_STEPS = ("memorize", "curate")
RESEARCH_STEPS = ("plan", "integrate", "conclude", "reflect", "answer")
STEPS = (*MEMORIZE_STEPS, *RESEARCH_STEPS)
MOST_CHARS = 8000
"""Of one step's words: prompts are bounded. Those of the package have 2,000 at most."""

_HEADING = re.compile(r"^# (.*)$", re.M)


def built_in() -> dict[str, str]:
    """The package's own words, by step."""
    return {step: prompt.words(step) for step in STEPS}


def read_words(prompts: str | os.PathLike[str] | Mapping[str, str] | None) -> dict[str, str]:
    """Words by step, from a mapping or a file; `{}` for None. `BadInput` says what is wrong and where."""
    if prompts is None:
        return {}
    if isinstance(prompts, Mapping):
        return _checked(prompts, "prompts")
    path = Path(prompts)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as prompts: {error}.") from error
    before, *parts = _HEADING.split(text)
    if before.strip() or not parts:
        raise BadInput(f"{path} must begin with a heading that names a step, such as '# plan'.")
    steps = [step.strip() for step in parts[::2]]
    if twice := [step for step in steps if steps.count(step) > 1]:
        raise BadInput(f"{path} has the heading '# {twice[0]}' twice.")
    return _checked(dict(zip(steps, parts[1::2], strict=True)), str(path))


def write_words(path: str | os.PathLike[str], words: Mapping[str, str]) -> None:
    """A file that `read_words` reads as the same words; `BadInput` for what it could not."""
    checked = _checked(words, "prompts")
    if headed := next((step for step, said in checked.items() if _HEADING.search(said)), None):
        raise BadInput(f"The words of {headed!r} have a line that begins with '# ', which ends them in a file.")
    text = "\n\n".join(f"# {step}\n{checked[step]}" for step in STEPS if step in checked)
    Path(path).write_text(text + "\n", encoding="utf-8")


def _checked(words: Mapping[str, str], where: str) -> dict[str, str]:
    for step, said in words.items():
        if step not in STEPS:
            raise BadInput(f"{where}: there is no step {step!r}; there are {', '.join(STEPS)}.")
        if not isinstance(said, str) or not said.strip():
            raise BadInput(f"{where}: {step} has no words; leave it out to keep those of the package.")
        if (size := len(said.strip())) > MOST_CHARS:
            raise BadInput(f"{where}: {step} has {size:,} characters; {MOST_CHARS:,} are the most.")
    return {step: said.strip() for step, said in words.items()}
