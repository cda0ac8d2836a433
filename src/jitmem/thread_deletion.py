"""Delete the LangGraph checkpoints of the threads whose sessions are forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .stores.deletion.receipt import Receipt
from .stores.errors import BadInput

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

_BYTES = "{kind} deletes rows; its own files, backups and replicas may hold their bytes until they are vacuumed."
_NO_THREAD = "{count:,} of the forgotten sessions name no thread: what a checkpointer holds of them is not known."


def validate_checkpointer(checkpointer: Any) -> None:
    if not callable(getattr(checkpointer, "delete_thread", None)):
        raise BadInput(
            f"threads is the checkpointer of your agent, which can delete a thread, not {type(checkpointer).__name__}."
        )


def delete_threads(
    checkpointer: BaseCheckpointSaver[Any], receipt: Receipt, thread_ids: Sequence[str | None]
) -> Receipt:
    """The receipt, with the threads that are deleted, and what is out of reach.

    `thread_ids` has one for each forgotten session, None for a session without.
    """
    deleted, unreached = [], []
    for thread_id in dict.fromkeys(one for one in thread_ids if one is not None):
        try:
            checkpointer.delete_thread(thread_id)
        except Exception as error:  # the sessions are forgotten already: whatever it is, the receipt has to say it
            reason = f"{type(error).__name__}: {error}".removesuffix(": ")
            unreached.append(f"Thread {thread_id!r} is left in {_kind(checkpointer)} ({reason}); delete it there.")
        else:
            deleted.append(thread_id)
    if unnamed := sum(one is None for one in thread_ids):
        unreached.append(_NO_THREAD.format(count=unnamed))
    if deleted and _kind(checkpointer) != "InMemorySaver":
        unreached.append(_BYTES.format(kind=_kind(checkpointer)))
    return replace(receipt, thread_ids=tuple(deleted), unreached=tuple(unreached))


def _kind(checkpointer: object) -> str:
    return type(checkpointer).__name__
