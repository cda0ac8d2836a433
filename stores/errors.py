"""Every error that jitmem raises on purpose, named by who can act on it."""


class JitmemError(Exception):
    """The root: `except JitmemError` catches whatever jitmem raises on purpose."""


class BadInput(JitmemError, ValueError):
    """The caller passed something that cannot be used; nothing was changed."""


class SessionConflict(BadInput):
    """A session id that is already filed came with other content; the filed one was kept."""


class UnknownRecord(JitmemError, LookupError):
    """An id that this namespace does not hold."""


class MemoryNotFound(JitmemError):
    """There is no memory at the path, and the caller asked not to make one."""


class NotOurStore(JitmemError):
    """The path holds something else than a jitmem memory; it was not touched."""


class StoreIsNewer(NotOurStore):
    """The memory was written by a newer jitmem; it was not touched."""


class StoreFull(JitmemError):
    """The disk is full; the transaction was rolled back whole."""


class StoreReadOnly(JitmemError):
    """The memory cannot be written here; reading goes on."""


class StoreDamaged(JitmemError):
    """SQLite says that the truth file is damaged."""


class StoreClosed(JitmemError):
    """The memory was used after `close()`."""


class ModelError(JitmemError):
    """A language model or embedding model did not do its part; whoever runs it can act."""


class ModelReplyError(ModelError):
    """A model's reply could not be read as the answer that the step needs."""


class ModelUnavailable(ModelError):
    """A model could not be reached, refused, or ran out of time after every retry."""


class MissingPackage(JitmemError, ImportError):
    """An optional package is needed; the message names it."""
