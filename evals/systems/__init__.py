"""Systems under test, by name: jitmem in several ways, baselines, and other memories."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from ...stores.errors import BadInput
from .setups import JITMEM, CitedText, EvalModels, Setup, System, SystemAnswer, SystemContext

if TYPE_CHECKING:
    from .jitmem_systems import SharedMemory

__all__ = [
    "SYSTEMS",
    "CitedText",
    "EvalModels",
    "Setup",
    "System",
    "SystemAnswer",
    "SystemContext",
    "open_system",
]

SYSTEMS: Mapping[str, tuple[str, str]] = {
    "research": ("jitmem_systems", "ResearchSystem"),
    "recall": ("jitmem_systems", "RecallSystem"),
    "memory-only": ("jitmem_systems", "MemoryOnly"),
    "whole-history": ("baselines", "WholeHistory"),
    "rag-bm25": ("baselines", "RagBm25"),
    "rag-vector": ("baselines", "RagVector"),
    "rag-hybrid": ("baselines", "RagHybrid"),
    "langmem": ("other_memories", "LangMem"),
    "mem0": ("other_memories", "Mem0"),
}
"""Module and class, imported on first use: some need packages of their own."""


def open_system(setup: Setup, context: SystemContext, *shared: SharedMemory) -> System:
    """`BadInput` for an unknown name; `MissingPackage` where a system is not installed."""
    if setup.system not in SYSTEMS:
        raise BadInput(f"There is no system {setup.system!r}; there are: {', '.join(SYSTEMS)}.")
    module, name = SYSTEMS[setup.system]
    system: System = getattr(import_module(f".{module}", __name__), name)(setup, context, *shared)
    return system


def open_sharing(setups: list[Setup], context: SystemContext) -> list[System]:
    """One system for each setup, all with the same `memory_key`; those of jitmem share one memory."""
    shared: list[SharedMemory] = []
    if setups[0].system in JITMEM:
        from .jitmem_systems import SharedMemory

        shared = [SharedMemory(setups[0], context)]
    return [open_system(setup, context, *shared) for setup in setups]
