"""Make the model of each step that has one, from the options of a memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .memory_options import Profile
from .models import chat_model, without_thinking
from .nodes.llm.ask import Backend, name_of
from .nodes.llm.model_backend import ModelBackend
from .nodes.steps import STEPS
from .prompt_overrides import read_overrides
from .stores.errors import BadInput

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from .memory_options import ModelOptions

PROFILES: Mapping[Profile, float] = {"small": 0.4, "large": 1.0}
"""By profile, the share of the usual history in a prompt."""
_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)b(?![a-z0-9])", re.I)
_SMALL = 4  # billion parameters


def profile_of(model: str) -> Profile:
    """By the size that a model's name tells: `qwen2.5:1.5b` is small, a name without a size is large."""
    sizes = [float(size) for size in _SIZE.findall(model)]
    return "small" if sizes and min(sizes) <= _SMALL else "large"


def make_step_models(
    options: ModelOptions, model: str | BaseChatModel | None, base_url: str | None
) -> dict[str, Backend]:
    """By step: its own model, else its graph's, else `model`."""
    own = dict(options.step_models or {})
    for option, names in (("step_models", own), ("thinking_steps", options.thinking_steps or ())):
        if unknown := sorted(set(names) - set(STEPS)):
            raise BadInput(f"{option}: there is no step {unknown[0]!r}; there are {', '.join(STEPS)}.")
    if "integrate" in own:
        own.setdefault("conclude", own["integrate"])
    graph_models = {"memorizer": options.memorizer_model or model}
    chosen = {
        step: one
        for step, spec in STEPS.items()
        if (one := own.get(step, graph_models.get(spec.role, options.researcher_model or model))) is not None
    }
    prompts = read_overrides(options.prompts)
    backends: dict[str, Backend] = {}
    for step, one in chosen.items():
        made = chat_model(one, base_url=base_url, timeout_s=options.timeout_s)
        if options.thinking_steps is not None and step not in options.thinking_steps:
            made = without_thinking(made)
        share = PROFILES[options.profile or profile_of(name_of(made))]
        backends[step] = ModelBackend(made, options.timeout_s, prompts, share)
    return backends
