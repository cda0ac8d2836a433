"""A folder of rollouts belongs to one configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...evals.datasets.benchmark_records import Sample
from ...stores.errors import BadInput
from ..tasks import task_as_dict
from .rollout_config import RolloutConfig

CONFIG_FILE = "config.json"
_VERSION = 1


def claim_folder(folder: Path, tasks: Sequence[Sample], config: RolloutConfig) -> None:
    """Record configuration and tasks in the folder; `BadInput` where others are recorded.

    More tasks, and more runs of each, may follow.
    """
    path = folder / CONFIG_FILE
    claim: dict[str, Mapping[str, Any]] = {
        "config": config.as_dict(),
        "tasks": {task.name: task_hash(task) for task in tasks},
    }
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        for name, value in claim["config"].items():
            if (recorded := known["config"].get(name)) != value:
                raise BadInput(
                    f"{folder} holds rollouts with {name}={recorded!r:.80}, not {value!r:.80}; choose another folder."
                )
        if gone := known["config"].keys() - claim["config"].keys():
            name = min(gone)
            raise BadInput(f"{folder} holds rollouts with {name}={known['config'][name]!r:.80}; choose another folder.")
        for name, digest in claim["tasks"].items():
            if known["tasks"].get(name, digest) != digest:
                raise BadInput(f"{folder} holds rollouts of another task {name!r}; choose another folder.")
        claim["tasks"] = {**known["tasks"], **claim["tasks"]}
    content = {"version": _VERSION, **claim}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def task_hash(task: Sample) -> str:
    """The same for the same sessions and questions."""
    return hashlib.sha256(json.dumps(task_as_dict(task), sort_keys=True, default=str).encode()).hexdigest()[:16]
