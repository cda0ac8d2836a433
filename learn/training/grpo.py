"""Train weights by rewards: TRL's GRPOTrainer in an environment whose tools are the package's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from math import gcd
from pathlib import Path
from typing import Any

from ...evals.datasets.benchmark_records import Sample
from ...stores.errors import BadInput
from ..rewards import PRESETS, RewardPreset, Rewards
from ..rollouts import answer_from_items
from ..rollouts.rollout_config import RolloutConfig
from .callbacks import (
    PATIENCE,
    CollapseWatch,
    StepProgress,
    broadcast_turns,
    collapse_callback,
    metrics_callback,
    refresh_callback,
)
from .environment import MemoryEnvironment
from .packages import trainer_arguments, trl
from .policy import Policy, with_reply_parser
from .turn_pool import LONGEST, Curriculum, TurnPool

METRICS = "metrics.jsonl"
_READ_AT_ONCE = 16
_AT_ONCE = 4  # replies in one training pass of a device; they are generated all at once


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


def train(
    model: Any,
    tasks: Sequence[Sample],
    out: str | Path,
    *,
    training: TrainingOptions | None = None,
    config: RolloutConfig | None = None,
    tokenizer: Any = None,
    progress: StepProgress = lambda step: None,
) -> Path:
    """A model that learned to keep memories, in the folder `out`, with `metrics.jsonl`, a line for each step.

    `model` is a folder (or a name that transformers knows), or a model in this process with its `tokenizer`. `config`
    says how turns are made and questions are read: its reader is frozen. Only the curate step is trained. `accelerate
    launch` runs it on many machines. `TrainingCollapsed` when nothing is learned any more, with the weights of the last
    checkpoint on disk; `BadInput` for tasks without turns; `MissingPackage` without the `train` extra.
    """
    options = training or TrainingOptions()
    rollout_config = config or RolloutConfig()
    target = Path(out)
    target.mkdir(parents=True, exist_ok=True)
    weights, tokens = load_weights(model, tokenizer)
    if weights is model and options.beta:
        # TRL loads the reference model of the KL from disk: save the model first.
        weights.save_pretrained(target / "start")
        weights.config._name_or_path = str(target / "start")
    curriculum = Curriculum(tuple(tasks), options.longest, options.begin, options.whole, options.seed)
    pool = TurnPool(
        curriculum, rollout_config, options.places or options.groups * max(1, options.refresh), options.seed
    )
    trainer = make_trainer(weights, tokens, pool, options, rollout_config, target)
    pool.first, pool.share = trainer.accelerator.is_main_process, broadcast_turns(trainer.accelerator)
    policy = Policy(
        model=trainer.accelerator.unwrap_model(trainer.model),
        tokenizer=tokens,
        max_tokens=options.max_completion,
        temperature=options.temperature,
        seed=options.seed,
    )
    trainer.add_callback(refresh_callback(pool, policy, options.refresh, options.steps))
    main_process = trainer.accelerator.is_main_process
    trainer.add_callback(metrics_callback(target / METRICS, options.steps, progress, main_process))
    trainer.add_callback(collapse_callback(CollapseWatch(options.patience)))
    pool.fill(policy, 0.0)
    trainer.train()
    trainer.save_model(str(target))
    tokens.save_pretrained(str(target))
    return target


def load_weights(model: Any, tokenizer: Any) -> tuple[Any, Any]:
    """The weights, and a tokenizer with a reply parser; `BadInput` for weights without one."""
    if isinstance(model, str | os.PathLike):
        transformers = trl().transformers
        tokens = tokenizer or transformers.AutoTokenizer.from_pretrained(model)
        return transformers.AutoModelForCausalLM.from_pretrained(model), with_reply_parser(tokens)
    if tokenizer is None:
        raise BadInput("A model in this process needs its tokenizer: train(model, tasks, out, tokenizer=…).")
    return model, with_reply_parser(tokenizer)


def make_trainer(
    weights: Any, tokens: Any, pool: TurnPool, options: TrainingOptions, config: RolloutConfig, folder: Path
) -> Any:
    """TRL's trainer over the turns of a pool, which is filled before it runs; its checkpoints are in the folder."""
    modules = trl()
    batch = options.group * options.groups
    world = int(os.environ.get("WORLD_SIZE", "1"))
    each = options.per_device or gcd(max(1, batch // world), _AT_ONCE)
    if batch % (each * world):
        raise BadInput(
            f"{options.groups} groups of {options.group} are {batch} replies, which {world} processes with {each} each cannot"
            " share evenly; change groups, group or per_device."
        )
    vllm = {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": options.vllm} if options.vllm else {}
    arguments = {
        "output_dir": str(folder / "checkpoints"),
        "max_steps": options.steps,
        "num_generations": options.group,
        "per_device_train_batch_size": each,
        "gradient_accumulation_steps": batch // (each * world),
        "learning_rate": options.learning_rate,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": min(10, options.steps // 10),
        "beta": options.beta,
        "epsilon": options.epsilon,
        "temperature": options.temperature,
        "max_completion_length": options.max_completion,
        "max_tool_calling_iterations": options.tool_turns,
        "logging_steps": 1,
        "save_steps": options.save_steps,
        "save_total_limit": 2,
        "ddp_timeout": 7200,  # seconds: while the first process makes new turns, the others wait
        **trainer_arguments(options.seed),
        **vllm,
        **options.trainer,
    }
    places = modules.datasets.Dataset.from_dict({"place": list(range(pool.size))}).with_transform(pool.rows)
    trainer = modules.GRPOTrainer(
        model=weights,
        processing_class=tokens,
        args=modules.GRPOConfig(**arguments),
        train_dataset=places,
        reward_funcs=[
            turn_reward(PRESETS[options.preset], options.steps, _READ_AT_ONCE if config.reader or config.judge else 1)
        ],
        environment_factory=partial(MemoryEnvironment, partial(answer_from_items, config=config)),
    )
    trainer.remove_callback(modules.transformers.PrinterCallback)  # `progress` reports the steps
    return trainer


def turn_reward(preset: RewardPreset, steps: int, at_once: int = 1) -> Callable[..., list[float | None]]:
    """A reward function of TRL: the total of each turn's rewards. All rewards go to the trainer's log. `at_once` turns
    are read concurrently, where a remote reader answers."""

    def total(
        environments: Sequence[MemoryEnvironment],
        completions: Sequence[Sequence[Mapping[str, Any]]],
        trainer_state: Any = None,
        log_metric: Callable[[str, float], None] = lambda name, value: None,
        **rest: Any,
    ) -> list[float | None]:
        progress = 0.0 if trainer_state is None else min(1.0, trainer_state.global_step / steps)

        def rewards(environment: MemoryEnvironment, completion: Sequence[Mapping[str, Any]]) -> Rewards:
            environment.turn.finish(completion)
            return environment.turn.rewards(preset, progress)

        if at_once == 1:
            turn_rewards = list(map(rewards, environments, completions))
        else:
            with ThreadPoolExecutor(at_once, thread_name_prefix="jitmem-reading") as pool:
                turn_rewards = list(pool.map(rewards, environments, completions))
        for one in turn_rewards:
            for name, value in one.items():
                if value is not None:
                    log_metric(name, value)
        return [one["total"] for one in turn_rewards]

    return total
