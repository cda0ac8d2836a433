"""Run tasks many times, each in a fresh memory, and record every step and its reward."""

from ..rollout_records import current_items, memory_tokens, task_tokens
from .many_rollouts import ROLLOUTS, RolloutStats, read_rollouts, record_rollouts, run_rollouts
from .one_rollout import arun_rollout, run_rollout
from .question_scores import answer_from_items
from .rollout_config import RolloutConfig

__all__ = [
    "ROLLOUTS",
    "RolloutConfig",
    "RolloutStats",
    "answer_from_items",
    "arun_rollout",
    "current_items",
    "memory_tokens",
    "read_rollouts",
    "record_rollouts",
    "run_rollout",
    "run_rollouts",
    "task_tokens",
]
