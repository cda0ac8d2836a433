"""Systems under test, by name: jitmem in several ways, baselines, and other people's memories."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from ...stores.errors import BadInput
from .eval_models import EvalModels, SystemContext
from .setups import JITMEM, CitedText, Preparation, Setup, System, SystemAnswer

__all__ = [
    "SYSTEMS",
    "CitedText",
    "EvalModels",
    "Preparation",
    "Setup",
    "System",
    "SystemAnswer",
    "SystemContext",
    "open_system",
]

SYSTEMS: Mapping[str, tuple[str, str]] = {
    "research": ("research_system", "ResearchSystem"),
    "recall": ("recall_system", "RecallSystem"),
    "memory-only": ("memory_only", "MemoryOnly"),
    "whole-history": ("whole_history", "WholeHistory"),
    "rag-bm25": ("rag", "RagBm25"),
    "rag-vector": ("rag", "RagVector"),
    "rag-hybrid": ("rag", "RagHybrid"),
    "langmem": ("langmem_system", "LangMem"),
    "mem0": ("mem0_system", "Mem0"),
}
"""The module here, and the class in it, imported when a system is used: some need packages of their own."""


def open_system(setup: Setup, opening: SystemContext) -> System:
    """`BadInput` for a name that is none; `MissingPackage` where a system is not installed."""
    if setup.system not in SYSTEMS:
        raise BadInput(f"There is no system {setup.system!r}; there are: {', '.join(SYSTEMS)}.")
    module, name = SYSTEMS[setup.system]
    made: System = getattr(import_module(f".{module}", __name__), name)(setup, opening)
    return made


def open_sharing(setups: list[Setup], opening: SystemContext) -> list[System]:
    """One system a setup, all of which take a sample in alike; those of jitmem ask one memory."""
    if setups[0].system not in JITMEM:
        return [open_system(setup, opening) for setup in setups]
    from .shared_memory import SharedMemory

    filled = SharedMemory(setups[0], opening)
    made: list[System] = []
    for setup in setups:
        module, name = SYSTEMS[setup.system]
        made.append(getattr(import_module(f".{module}", __name__), name)(setup, opening, filled))
    return made
