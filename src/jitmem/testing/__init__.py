"""Stand-ins for models, to test agents without a key: scripted, or recorded and replayed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recording import RecordingEmbeddings, RecordingModel
    from .recording_file import NotRecorded, RecordingError
    from .replay import ReplayedEmbeddings, ReplayedModel
    from .scripted_model import ScriptedModel, ScriptEnded

__all__ = [
    "NotRecorded",
    "RecordingEmbeddings",
    "RecordingError",
    "RecordingModel",
    "ReplayedEmbeddings",
    "ReplayedModel",
    "ScriptEnded",
    "ScriptedModel",
]

_HOME = {
    **dict.fromkeys(("NotRecorded", "RecordingError"), "recording_file"),
    **dict.fromkeys(("RecordingEmbeddings", "RecordingModel"), "recording"),
    **dict.fromkeys(("ReplayedEmbeddings", "ReplayedModel"), "replay"),
    **dict.fromkeys(("ScriptEnded", "ScriptedModel"), "scripted_model"),
}


def __getattr__(name: str) -> Any:
    """Names are imported when they are first used, as those of `jitmem` are."""
    if name not in _HOME:
        raise AttributeError(f"module 'jitmem.testing' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
