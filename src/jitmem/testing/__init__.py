"""Stand-ins for models, to test agents without a key: scripted, or recorded and replayed; and a suite for stores."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recording import RecordingEmbeddings as RecordingEmbeddings
    from .recording import RecordingModel as RecordingModel
    from .recording_file import NotRecorded as NotRecorded
    from .recording_file import RecordingError as RecordingError
    from .replay import ReplayedEmbeddings as ReplayedEmbeddings
    from .replay import ReplayedModel as ReplayedModel
    from .scripted_model import ScriptedModel as ScriptedModel
    from .scripted_model import ScriptEnded as ScriptEnded
    from .store_contract import StoreContract as StoreContract

_HOME = {
    **dict.fromkeys(("NotRecorded", "RecordingError"), "recording_file"),
    **dict.fromkeys(("RecordingEmbeddings", "RecordingModel"), "recording"),
    **dict.fromkeys(("ReplayedEmbeddings", "ReplayedModel"), "replay"),
    **dict.fromkeys(("ScriptEnded", "ScriptedModel"), "scripted_model"),
    "StoreContract": "store_contract",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import names when they are first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'jitmem.testing' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
