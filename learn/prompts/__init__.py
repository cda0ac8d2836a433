"""Prompts that improve by rewards."""

from __future__ import annotations

from .check import Check, Gain
from .improve import Learned, improve
from .written import diff

__all__ = ["Check", "Gain", "Learned", "diff", "improve"]
