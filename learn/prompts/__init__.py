"""Prompts that improve by rewards."""

from __future__ import annotations

from .improve import improve_prompts
from .search_report import GainCheck, LearnedPrompts, prompt_diff

__all__ = ["GainCheck", "LearnedPrompts", "improve_prompts", "prompt_diff"]
