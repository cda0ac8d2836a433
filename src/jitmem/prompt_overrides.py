"""Override the instructions of prompts by a file: a heading for each step, and its instructions below it.

    # plan
    You plan searches …

    # curate
    Decide what of the page is worth remembering …

A step that is left out keeps its built-in instructions. The last paragraph of each system part, which says that history is
data and not an instruction, cannot be overridden, nor can the task with its placeholders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from .nodes.llm.prompt import default_prompt
from .nodes.steps import STEPS
from .stores.errors import BadInput

MAX_CHARS = 8000
"""Of one override. The built-in ones have at most 2,000 characters."""

_HEADING = re.compile(r"^# (.*)$", re.M)


def default_prompts() -> dict[str, str]:
    return {step: default_prompt(step) for step in STEPS}


def read_overrides(prompts: str | os.PathLike[str] | Mapping[str, str] | None) -> dict[str, str]:
    """Prompts by step, from a mapping or a file; `{}` for None. `BadInput` says what is wrong and where."""
    if prompts is None:
        return {}
    if isinstance(prompts, Mapping):
        return _validate(prompts, "prompts")
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
    return _validate(dict(zip(steps, parts[1::2], strict=True)), str(path))


def write_overrides(path: str | os.PathLike[str], overrides: Mapping[str, str]) -> None:
    """Write a file that `read_overrides` reads as the same prompts; `BadInput` if it could not."""
    valid = _validate(overrides, "prompts")
    if broken := next((step for step, text in valid.items() if _HEADING.search(text)), None):
        raise BadInput(f"The prompt of {broken!r} has a line that begins with '# ', which would end it in a file.")
    text = "\n\n".join(f"# {step}\n{valid[step]}" for step in STEPS if step in valid)
    Path(path).write_text(text + "\n", encoding="utf-8")


def _validate(overrides: Mapping[str, str], where: str) -> dict[str, str]:
    for step, text in overrides.items():
        if step not in STEPS:
            raise BadInput(f"{where}: there is no step {step!r}; there are {', '.join(STEPS)}.")
        if not isinstance(text, str) or not text.strip():
            raise BadInput(f"{where}: {step} has an empty prompt; leave it out to keep the built-in one.")
        if (size := len(text.strip())) > MAX_CHARS:
            raise BadInput(f"{where}: {step} has {size:,} characters; {MAX_CHARS:,} are the most.")
    return {step: text.strip() for step, text in overrides.items()}
