"""Prompts that improve by rewards."""

from __future__ import annotations

from .gain_check import Gain, GainCheck
from .improve import improve_prompts
from .search_report import LearnedPrompts, prompt_diff

__all__ = ["Gain", "GainCheck", "LearnedPrompts", "improve_prompts", "prompt_diff"]
