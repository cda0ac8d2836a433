"""The options of a training, and the record of each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...stores.errors import BadInput
from ..rewards import PRESETS

LONGEST = 30_000
"""Tokens of a task that is trained on, as in Mem-α."""
PATIENCE = 10
"""Steps without a difference in rewards before the training stops."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Values that Mem-α reports are as there: groups of 8, 1e-6, KL 0.001, clip 0.2; the rest is ours.

    A step takes `groups` turns, each `group` times. `learning_rate` is for models of billions of weights; smaller ones
    need more, and far more ends in collapse. After `refresh` steps the graphs make new turns with the current policy
    (0: never). `places` is the number of turns between, None for as many as are needed. `max_completion` is in tokens,
    answers of tools included. With `tool_turns=0` a turn is one reply, whose calls are executed when it is complete, as
    the Memorizer works; with more the model sees the tools' answers and continues, as an agent works. `longest` is in
    tokens of a task. `vllm` is the address of a `trl vllm-serve`, which then writes the replies. `patience` is the
    number of steps until a collapse ends the training. `trainer` is passed to TRL's GRPOConfig.
    """

    steps: int = 200
    group: int = 8
    groups: int = 4
    learning_rate: float = 1e-6
    beta: float = 0.001
    epsilon: float = 0.2
    temperature: float = 1.0
    max_completion: int = 2048
    tool_turns: int = 0
    per_device: int | None = None
    refresh: int = 20
    places: int | None = None
    longest: int = LONGEST
    begin: float = 0.25
    whole: float = 0.5
    preset: str = "default"
    patience: int = PATIENCE
    seed: int = 0
    save_steps: int = 50
    vllm: str | None = None
    trainer: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.group < 2:
            raise BadInput(f"A group is compared with itself, so it has 2 replies or more; got {self.group}.")
        if min(self.steps, self.groups, self.max_completion) < 1 or min(self.refresh, self.patience) < 0:
            raise BadInput("steps, groups and max_completion are 1 or more, refresh and patience 0 or more.")
        if self.preset not in PRESETS:
            raise BadInput(f"There are no rewards {self.preset!r}; there are: {', '.join(PRESETS)}.")


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """Means over the replies of a step, and the share of groups whose rewards were all equal."""

    step: int
    steps: int
    rewards: Mapping[str, float]
    equal: float = 0.0
    loss: float | None = None
    seconds: float = 0.0


StepProgress = Callable[[TrainingStep], None]
