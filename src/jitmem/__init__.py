"""Just-in-time memory for LangGraph agents: every session is kept word for word, and researched at question time."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .graphs.research_options import ResearchOptions as ResearchOptions
    from .history import read_history as read_history
    from .integrations.base_store import JitmemStore as JitmemStore
    from .integrations.middleware import JitmemMiddleware as JitmemMiddleware
    from .integrations.retriever import JitmemRetriever as JitmemRetriever
    from .memory import Memory as Memory
    from .memory_admin import MemoryAdmin as MemoryAdmin
    from .memory_items import MemoryItems as MemoryItems
    from .memory_options import ItemOptions as ItemOptions
    from .memory_options import ModelOptions as ModelOptions
    from .memory_transfer import MemoryTransfer as MemoryTransfer
    from .nodes.llm.ask import Budget as Budget
    from .nodes.options import MemorizeOptions as MemorizeOptions
    from .results import Estimate as Estimate
    from .results import Research as Research
    from .stores.analyzer import Analyzer as Analyzer
    from .stores.deletion.receipt import KeptItem as KeptItem
    from .stores.deletion.receipt import Receipt as Receipt
    from .stores.errors import BadInput as BadInput
    from .stores.errors import BatchIncomplete as BatchIncomplete
    from .stores.errors import ImportConflict as ImportConflict
    from .stores.errors import JitmemError as JitmemError
    from .stores.errors import MemoryNotFound as MemoryNotFound
    from .stores.errors import MissingPackage as MissingPackage
    from .stores.errors import ModelError as ModelError
    from .stores.errors import ModelRefused as ModelRefused
    from .stores.errors import ModelReplyError as ModelReplyError
    from .stores.errors import ModelUnavailable as ModelUnavailable
    from .stores.errors import NotOurStore as NotOurStore
    from .stores.errors import PromptTooLong as PromptTooLong
    from .stores.errors import SessionConflict as SessionConflict
    from .stores.errors import StoreClosed as StoreClosed
    from .stores.errors import StoreDamaged as StoreDamaged
    from .stores.errors import StoreFull as StoreFull
    from .stores.errors import StoreIsNewer as StoreIsNewer
    from .stores.errors import StoreIsOlder as StoreIsOlder
    from .stores.errors import StoreMoved as StoreMoved
    from .stores.errors import StoreReadOnly as StoreReadOnly
    from .stores.errors import UnknownRecord as UnknownRecord
    from .stores.errors import UnknownSchema as UnknownSchema
    from .stores.records import Citation as Citation
    from .stores.records import Edit as Edit
    from .stores.records import Filed as Filed
    from .stores.records import Hit as Hit
    from .stores.records import MemoryItem as MemoryItem
    from .stores.records import Outcome as Outcome
    from .stores.records import Page as Page
    from .stores.records import Passage as Passage
    from .stores.records import Proposal as Proposal
    from .stores.records import Session as Session
    from .stores.records import Usage as Usage
    from .stores.truth.backup import Backup as Backup
    from .tools.tools_of_run import jitmem_tools as jitmem_tools
    from .transfer.transfer_report import ExportReport as ExportReport
    from .transfer.transfer_report import ImportReport as ImportReport

__version__ = "0.1.0"

_HOME = {
    name: module
    for module, names in {
        "graphs.research_options": "ResearchOptions",
        "history": "read_history",
        "integrations.base_store": "JitmemStore",
        "integrations.middleware": "JitmemMiddleware",
        "integrations.retriever": "JitmemRetriever",
        "memory": "Memory",
        "memory_admin": "MemoryAdmin",
        "memory_items": "MemoryItems",
        "memory_options": "ItemOptions ModelOptions",
        "memory_transfer": "MemoryTransfer",
        "nodes.llm.ask": "Budget",
        "nodes.options": "MemorizeOptions",
        "results": "Estimate Research",
        "stores.analyzer": "Analyzer",
        "stores.deletion.receipt": "KeptItem Receipt",
        "stores.errors": "BadInput BatchIncomplete ImportConflict JitmemError MemoryNotFound MissingPackage"
        " ModelError ModelRefused ModelReplyError ModelUnavailable NotOurStore PromptTooLong"
        " SessionConflict StoreClosed StoreDamaged StoreFull StoreIsNewer StoreIsOlder StoreMoved StoreReadOnly"
        " UnknownRecord UnknownSchema",
        "stores.records": "Citation Edit Filed Hit MemoryItem Outcome Page Passage Proposal Session Usage",
        "stores.truth.backup": "Backup",
        "tools.tools_of_run": "jitmem_tools",
        "transfer.transfer_report": "ExportReport ImportReport",
    }.items()
    for name in names.split()
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import names when they are first used, so that `import jitmem` is cheap."""
    if name not in _HOME:
        raise AttributeError(f"module 'jitmem' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
