"""Run tasks many times, each in a fresh memory, and write down every step and what it earned."""

from ..sizes import items_of, memory_tokens, tokens_of
from .asking import read_items
from .making import Making
from .many import ROLLOUTS, read, record, roll
from .one import arollout, rollout
from .progress import Tell, Told

__all__ = [
    "ROLLOUTS",
    "Making",
    "Tell",
    "Told",
    "arollout",
    "items_of",
    "memory_tokens",
    "read",
    "read_items",
    "record",
    "roll",
    "rollout",
    "tokens_of",
]
