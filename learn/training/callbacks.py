"""What happens between the steps of TRL's trainer, and between its processes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .options import Step, Tell, Training
from .packages import trl
from .policy import Policy
from .pool import Pool, Share
from .snapshots import Snapshot

REWARDS = ("r1", "r2", "r3", "r4", "covered", "total")


def telling(path: Path, set_: Training, tell: Tell, first: bool) -> Any:
    """A callback that writes a line a step, in the first process."""

    class Telling(trl().transformers.TrainerCallback):  # type: ignore[misc]
        began = time.perf_counter()

        def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **kwargs: Any) -> None:
            if not first or "frac_reward_zero_std" not in logs:
                return
            step = Step(
                step=state.global_step,
                steps=set_.steps,
                rewards={name: logs[name] for name in REWARDS if logs.get(name) is not None},
                equal=logs["frac_reward_zero_std"],
                loss=logs.get("loss"),
                seconds=round(time.perf_counter() - self.began, 2),
            )
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(step)) + "\n")
            tell(step)

    return Telling()


def refreshing(pool: Pool, policy: Policy, set_: Training) -> Any:
    """A callback that makes new turns with the policy as it is, between two steps."""

    class Refreshing(trl().transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if set_.refresh and state.global_step % set_.refresh == 0 and state.global_step < set_.steps:
                pool.fill(policy, state.global_step / set_.steps)

    return Refreshing()


def shared(accelerator: Any) -> Share:
    """The turns of the first process, in every process: a group's replies may be spread over several."""
    if accelerator.num_processes == 1:
        return lambda made: made

    def share(made: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
        from accelerate.utils import broadcast_object_list

        told = [[one.to_json() for one in made]]
        broadcast_object_list(told)
        return tuple(Snapshot.from_json(one) for one in told[0])

    return share
