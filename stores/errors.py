"""Every error that jitmem raises on purpose, named by who can act on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .records import Filed


class JitmemError(Exception):
    """The root: `except JitmemError` catches whatever jitmem raises on purpose."""


class BadInput(JitmemError, ValueError):
    """The caller passed something that cannot be used; nothing was changed."""


class SessionConflict(BadInput):
    """A session id that is already filed came with other content; the filed one was kept."""


class ImportConflict(BadInput):
    """A file to import has other content under ids that are here; nothing was imported."""


class UnknownRecord(JitmemError, LookupError):
    """An id that this namespace does not hold."""


class RecordGone(UnknownRecord):
    """A page or an item was erased, or hidden by its age, while a step was working with it."""


class MemoryNotFound(JitmemError):
    """There is no memory at the path, and the caller asked not to make one."""


class NotOurStore(JitmemError):
    """The path holds something else than a jitmem memory; it was not touched."""


class StoreIsNewer(NotOurStore):
    """The memory was written by a newer jitmem; it was not touched."""


class StoreIsOlder(NotOurStore):
    """The memory was made by an older version, and a person must upgrade it first."""


class UnknownSchema(NotOurStore):
    """The truth file holds tables, views, triggers or definitions that no jitmem makes; nothing of it was run or changed."""


class StoreMoved(JitmemError):
    """The folder was moved or replaced while the memory was open; nothing was written."""


class StoreFull(JitmemError):
    """The disk is full; the transaction was rolled back whole."""


class StoreReadOnly(JitmemError):
    """The memory cannot be written here; reading goes on."""


class StoreDamaged(JitmemError):
    """SQLite says that the truth file is damaged."""


class StoreUnreachable(JitmemError):
    """The database server did not answer, or was busy for too long; the message says what is known of a write."""


class StoreClosed(JitmemError):
    """The memory was used after `close()`."""


class ModelError(JitmemError):
    """A language model or embedding model did not do its part; the person who runs it can act."""


class ModelReplyError(ModelError):
    """A model's reply could not be read as the answer that the step needs."""


class ModelUnavailable(ModelError):
    """A model could not be reached, turned the request down, or ran out of time, after every retry that may help."""


class ModelRefused(ModelError):
    """A model, or the filter before it, declined to answer what it was shown."""


class PromptTooLong(ModelError):
    """Even the shortest form of a prompt does not fit into the model's context."""


class BatchIncomplete(ModelError):
    """Some sessions of a batch are not filed; they wait in the journal, and `resume()` or the same call files them.

    `filed` are the results in the order of the input, `None` for what is not filed; `errors` the reasons by place.
    """

    def __init__(self, message: str, filed: Sequence[Filed | None], errors: Mapping[int, ModelError]) -> None:
        super().__init__(message)
        self.filed = list(filed)
        self.errors = dict(errors)


class MissingPackage(JitmemError, ImportError):
    """An optional package is needed; the message names it."""
