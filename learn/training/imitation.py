"""Train weights to imitate replies, before training by rewards: TRL's SFTTrainer on rows of `jitmem learn export`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...stores.errors import BadInput
from .grpo import load_weights
from .packages import trainer_arguments, trainer_callback, trl

_UNTRAINED = -100
LossProgress = Callable[[int, int, float], None]
"""Called with the step, the number of steps, and the loss."""


@dataclass(frozen=True, kw_only=True)
class ImitationOptions:
    """`steps` of `batch` rows each. `longest` is in tokens: longer rows are left out, never truncated. Only the model's
    own messages are learned, not its input. `trainer` is passed to TRL's SFTConfig."""

    steps: int = 200
    batch: int = 16
    learning_rate: float = 2e-5
    longest: int = 4096
    seed: int = 0
    trainer: Mapping[str, Any] = field(default_factory=dict)


def imitate(
    model: Any,
    rows: Iterable[Mapping[str, Any]],
    out: str | Path,
    *,
    options: ImitationOptions | None = None,
    tokenizer: Any = None,
    progress: LossProgress = lambda step, steps, loss: None,
) -> Path:
    """A model that imitates the rows, in the folder `out`. `model` as for `grpo.train`; rows as `exports.sft_rows`."""
    chosen = options or ImitationOptions()
    modules = trl()
    target = Path(out)
    weights, tokens = load_weights(model, tokenizer)
    tokenized = [_tokenize_row(tokens, row) for row in rows]
    fitting = [one for one in tokenized if len(one["input_ids"]) <= chosen.longest]
    if not fitting:
        raise BadInput(
            f"There is nothing to imitate: of {len(tokenized)} rows none has at most {chosen.longest:,} tokens."
            if tokenized
            else "There is nothing to imitate: no rows were given; `jitmem learn export --format sft` writes them."
        )

    def report_loss(state: Any, logs: Mapping[str, Any]) -> None:
        if "loss" in logs:
            progress(state.global_step, chosen.steps, logs["loss"])

    arguments = {
        "output_dir": str(target / "checkpoints"),
        "max_steps": chosen.steps,
        "per_device_train_batch_size": chosen.batch,
        "learning_rate": chosen.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": min(20, chosen.steps // 10),
        "max_length": chosen.longest,
        "logging_steps": 1,
        "save_strategy": "no",
        **trainer_arguments(chosen.seed),
        **chosen.trainer,
    }
    trainer = modules.SFTTrainer(
        model=weights,
        processing_class=tokens,
        args=modules.SFTConfig(**arguments),
        train_dataset=modules.datasets.Dataset.from_list(fitting),
        callbacks=[trainer_callback("on_log", report_loss)],
    )
    trainer.remove_callback(modules.transformers.PrinterCallback)
    trainer.train()
    trainer.save_model(str(target))
    tokens.save_pretrained(str(target))
    return target


def _tokenize_row(tokens: Any, row: Mapping[str, Any]) -> dict[str, list[int]]:
    """A row's tokens, and which of them are the model's own. Tokenized here, since a table of rows would give every
    call all arguments that any call has, the missing ones as null."""
    template = tokens.chat_template
    if not trl().has_generation_markers(template):
        template = trl().get_training_chat_template(tokens) or template
    encoded = tokens.apply_chat_template(
        list(row["messages"]),
        tools=list(row["tools"]) or None,
        chat_template=template,
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    labels = [
        one if own else _UNTRAINED for one, own in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
    ]
    return {"input_ids": list(encoded["input_ids"]), "labels": labels}
