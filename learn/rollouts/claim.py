"""A folder of rollouts belongs to one way of making them, and to one run at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...evals.datasets.records import Sample
from ...stores.errors import BadInput
from ..tasks import plain
from .making import Making

MAKING = "making.json"
_VERSION = 1


def claim(folder: Path, tasks: Sequence[Sample], making: Making) -> None:
    """Write down how the rollouts here are made, and of which tasks; `BadInput` where that differs from what stands.

    More tasks and more runs of each may follow.
    """
    path = folder / MAKING
    wanted: dict[str, Mapping[str, Any]] = {
        "making": making.plain(),
        "tasks": {task.name: digest(task) for task in tasks},
    }
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        for name, value in wanted["making"].items():
            if (made := known["making"].get(name)) != value:
                raise BadInput(
                    f"{folder} holds rollouts with {name}={made!r:.80}, not {value!r:.80}; choose another folder."
                )
        if gone := known["making"].keys() - wanted["making"].keys():
            name = min(gone)
            raise BadInput(f"{folder} holds rollouts with {name}={known['making'][name]!r:.80}; choose another folder.")
        for name, told_of in wanted["tasks"].items():
            if known["tasks"].get(name, told_of) != told_of:
                raise BadInput(f"{folder} holds rollouts of another task {name!r}; choose another folder.")
        wanted["tasks"] = {**known["tasks"], **wanted["tasks"]}
    told = {"version": _VERSION, **wanted}
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def digest(task: Sample) -> str:
    """The same for the same sessions and questions."""
    return hashlib.sha256(json.dumps(plain(task), sort_keys=True, default=str).encode()).hexdigest()[:16]
