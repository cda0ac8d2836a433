"""Just-in-time memory for LangGraph agents: keep every session word for word, think when somebody asks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .graphs.research_options import ResearchOptions
    from .memory import Memory
    from .memory_admin import MemoryAdmin
    from .memory_items import MemoryItems
    from .memory_options import ItemOptions, ModelOptions
    from .memory_transfer import MemoryTransfer
    from .nodes.llm.ask import Budget
    from .nodes.options import MemorizeOptions
    from .results import Estimate, Research
    from .stores.deletion.receipt import KeptItem, Receipt
    from .stores.errors import (
        BadInput,
        BatchIncomplete,
        ImportConflict,
        JitmemError,
        MemoryNotFound,
        MissingPackage,
        ModelError,
        ModelRefused,
        ModelReplyError,
        ModelUnavailable,
        NotOurStore,
        PromptTooLong,
        SessionConflict,
        StoreClosed,
        StoreDamaged,
        StoreFull,
        StoreIsNewer,
        StoreReadOnly,
        UnknownRecord,
    )
    from .stores.records import (
        Citation,
        Edit,
        Filed,
        Hit,
        MemoryItem,
        Outcome,
        Page,
        Passage,
        Proposal,
        Session,
        Usage,
    )
    from .stores.truth.backup import Backup
    from .tools.memory_tools import make_memory_tools
    from .transfer.transfer_report import ExportReport, ImportReport

__version__ = "0.1.0"

__all__ = [
    "Backup",
    "BadInput",
    "BatchIncomplete",
    "Budget",
    "Citation",
    "Edit",
    "Estimate",
    "ExportReport",
    "Filed",
    "Hit",
    "ImportConflict",
    "ImportReport",
    "ItemOptions",
    "JitmemError",
    "KeptItem",
    "MemorizeOptions",
    "Memory",
    "MemoryAdmin",
    "MemoryItem",
    "MemoryItems",
    "MemoryNotFound",
    "MemoryTransfer",
    "MissingPackage",
    "ModelError",
    "ModelOptions",
    "ModelRefused",
    "ModelReplyError",
    "ModelUnavailable",
    "NotOurStore",
    "Outcome",
    "Page",
    "Passage",
    "PromptTooLong",
    "Proposal",
    "Receipt",
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
    "Usage",
    "make_memory_tools",
]

_HOME = {
    "Backup": "stores.truth.backup",
    "Memory": "memory",
    "MemoryAdmin": "memory_admin",
    "MemoryItems": "memory_items",
    "MemoryTransfer": "memory_transfer",
    **dict.fromkeys(("ItemOptions", "ModelOptions"), "memory_options"),
    **dict.fromkeys(("ExportReport", "ImportReport"), "transfer.transfer_report"),
    "Budget": "nodes.llm.ask",
    **dict.fromkeys(("Estimate", "Research"), "results"),
    "MemorizeOptions": "nodes.options",
    "ResearchOptions": "graphs.research_options",
    **dict.fromkeys(("KeptItem", "Receipt"), "stores.deletion.receipt"),
    **dict.fromkeys(
        (
            "Citation",
            "Edit",
            "Filed",
            "Hit",
            "MemoryItem",
            "Outcome",
            "Page",
            "Passage",
            "Proposal",
            "Session",
            "Usage",
        ),
        "stores.records",
    ),
    "make_memory_tools": "tools.memory_tools",
}


def __getattr__(name: str) -> Any:
    """Names are imported when they are first used, so that `import jitmem` costs next to nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'jitmem' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME.get(name, 'stores.errors')}", __name__), name)
    globals()[name] = value
    return value
