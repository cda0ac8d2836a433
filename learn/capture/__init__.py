"""Record every request to a chat model in runs of compiled graphs."""

from .recorder import ABOUT, ROLLOUT, Recorder

__all__ = ["ABOUT", "ROLLOUT", "Recorder"]
