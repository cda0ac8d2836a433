"""Prompts that improve by rewards."""

from __future__ import annotations

from .improve import improve_prompts
from .search_report import Gain, GainCheck, LearnedPrompts, prompt_diff

__all__ = ["Gain", "GainCheck", "LearnedPrompts", "improve_prompts", "prompt_diff"]
