"""The packages of the `train` extra, imported on first use; `import jitmem` never imports them."""

from __future__ import annotations

import os
from functools import cache
from types import SimpleNamespace
from typing import Any

from ...stores.errors import MissingPackage

_MISSING = "pip install 'jitmem[train]' installs torch, transformers and trl, on which the training of weights stands"


@cache
def trl() -> Any:
    """The modules `torch`, `transformers`, `datasets`, and parts of trl; `MissingPackage` says how to install them."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # of environments it warns that they are new
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
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # jitmem tells nobody what is done with it
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
