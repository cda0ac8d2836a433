"""The packages of the `train` extra, imported on first use; `import jitmem` never imports them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

from ...stores.errors import MissingPackage

_MISSING = "pip install 'jitmem[train]' installs torch, transformers and trl, on which the training of weights stands"


@cache
def trl() -> Any:
    """The modules `torch`, `transformers`, `datasets`, and parts of trl; `MissingPackage` says how to install them."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # it warns that environments are experimental
    try:
        import datasets
        import huggingface_hub.constants
        import torch
        import transformers
        from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer
        from trl.chat_template_utils import (
            add_response_schema,
            get_training_chat_template,
            has_generation_markers,
            parse_response,
        )
    except ImportError as error:
        raise MissingPackage(f"{error.name or 'trl'} is not installed; {_MISSING}.") from error
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # no telemetry
    return SimpleNamespace(
        torch=torch,
        transformers=transformers,
        datasets=datasets,
        GRPOConfig=GRPOConfig,
        GRPOTrainer=GRPOTrainer,
        SFTConfig=SFTConfig,
        SFTTrainer=SFTTrainer,
        add_response_schema=add_response_schema,
        get_training_chat_template=get_training_chat_template,
        has_generation_markers=has_generation_markers,
        parse_response=parse_response,
    )


def trainer_callback(event: str, call: Callable[[Any, Mapping[str, Any]], object]) -> Any:
    """A callback of TRL's trainers: `call(state, logs)` on an event such as "on_log"."""

    def method(self: Any, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        call(state, logs or {})

    return type("Callback", (trl().transformers.TrainerCallback,), {event: method})()


def trainer_arguments(seed: int) -> dict[str, Any]:
    """What all trainings have in common: quiet, and on a graphics card where there is one."""
    cuda = trl().torch.cuda.is_available()
    return {"report_to": "none", "seed": seed, "disable_tqdm": True, "bf16": cuda, "use_cpu": not cuda}
