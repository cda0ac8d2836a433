"""Stand-ins for models, to test agents without a key: scripted, or recorded and replayed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recorded import RecordingModel
    from .recorded_embeddings import RecordingEmbeddings, ReplayedEmbeddings
    from .recording import NotRecorded, RecordingError
    from .replayed import ReplayedModel
    from .scripted import ScriptedModel, ScriptEnded

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
    **dict.fromkeys(("NotRecorded", "RecordingError"), "recording"),
    "RecordingModel": "recorded",
    "ReplayedModel": "replayed",
    **dict.fromkeys(("RecordingEmbeddings", "ReplayedEmbeddings"), "recorded_embeddings"),
    **dict.fromkeys(("ScriptEnded", "ScriptedModel"), "scripted"),
}


def __getattr__(name: str) -> Any:
    """Names are imported when they are first used, as those of `jitmem` are."""
    if name not in __all__:
        raise AttributeError(f"module 'jitmem.testing' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
