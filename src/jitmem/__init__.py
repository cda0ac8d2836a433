"""Just-in-time memory for LangGraph agents: keep every session word for word, think when somebody asks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .memory import Memory
    from .nodes.options import MemorizeOptions, ResearchOptions
    from .research import Research
    from .stores.errors import (
        BadInput,
        JitmemError,
        MemoryNotFound,
        MissingPackage,
        ModelError,
        ModelReplyError,
        ModelUnavailable,
        NotOurStore,
        SessionConflict,
        StoreClosed,
        StoreDamaged,
        StoreFull,
        StoreIsNewer,
        StoreReadOnly,
        UnknownRecord,
    )
    from .stores.records import Citation, Filed, Hit, Page, Passage, Session

__version__ = "0.1.0"

__all__ = [
    "BadInput",
    "Citation",
    "Filed",
    "Hit",
    "JitmemError",
    "MemorizeOptions",
    "Memory",
    "MemoryNotFound",
    "MissingPackage",
    "ModelError",
    "ModelReplyError",
    "ModelUnavailable",
    "NotOurStore",
    "Page",
    "Passage",
    "Research",
    "ResearchOptions",
    "Session",
    "SessionConflict",
    "StoreClosed",
    "StoreDamaged",
    "StoreFull",
    "StoreIsNewer",
    "StoreReadOnly",
    "UnknownRecord",
]

_HOME = {
    "Memory": "memory",
    "Research": "research",
    **dict.fromkeys(("MemorizeOptions", "ResearchOptions"), "nodes.options"),
    **dict.fromkeys(("Citation", "Filed", "Hit", "Page", "Passage", "Session"), "stores.records"),
}


def __getattr__(name: str) -> Any:
    """Names are imported when they are first used, so that `import jitmem` costs next to nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'jitmem' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME.get(name, 'stores.errors')}", __name__), name)
    globals()[name] = value
    return value
