"""Callbacks between the steps of TRL's trainer, and between its processes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .packages import trainer_callback
from .policy import Policy
from .training_options import Tell, TrainingOptions, TrainingStep
from .turn_pool import BroadcastTurns, TurnPool
from .turn_starts import TurnStart

REWARDS = ("r1", "r2", "r3", "r4", "coverage", "total")


def metrics_callback(path: Path, options: TrainingOptions, tell: Tell, first: bool) -> Any:
    """Writes a line for each step, in the first process."""

    began = time.perf_counter()

    def write_step(state: Any, logs: Mapping[str, Any]) -> None:
        if not first or "frac_reward_zero_std" not in logs:
            return
        step = TrainingStep(
            step=state.global_step,
            steps=options.steps,
            rewards={name: logs[name] for name in REWARDS if logs.get(name) is not None},
            equal=logs["frac_reward_zero_std"],
            loss=logs.get("loss"),
            seconds=round(time.perf_counter() - began, 2),
        )
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(step)) + "\n")
        tell(step)

    return trainer_callback("on_log", write_step)


def refresh_callback(pool: TurnPool, policy: Policy, options: TrainingOptions) -> Any:
    """Makes new turns with the current policy, between two steps."""

    def refresh(state: Any, logs: Mapping[str, Any]) -> None:
        if options.refresh and state.global_step % options.refresh == 0 and state.global_step < options.steps:
            pool.fill(policy, state.global_step / options.steps)

    return trainer_callback("on_step_end", refresh)


def broadcast_turns(accelerator: Any) -> BroadcastTurns:
    """The turns of the first process, in every process: a group's replies may be spread over several."""
    if accelerator.num_processes == 1:
        return lambda made: made

    def broadcast(turns: tuple[TurnStart, ...]) -> tuple[TurnStart, ...]:
        from accelerate.utils import broadcast_object_list

        payload = [[one.to_json() for one in turns]]
        broadcast_object_list(payload)
        return tuple(TurnStart.from_json(one) for one in payload[0])

    return broadcast
