"""Name PostgreSQL's errors by who can act on them; loaded with the first error."""

from __future__ import annotations

import psycopg
from psycopg import errors as pg
from psycopg_pool import PoolTimeout

from ..errors import BadInput, JitmemError, StoreDamaged, StoreFull, StoreReadOnly, StoreUnreachable

_SETUP = "`jitmem setup {place}` makes a memory there, run by a role that may create tables."


def unreachable(place: str, error: object, *, committing: bool = False) -> StoreUnreachable:
    """What to check; while it was committing, what is known of the write."""
    reason = " ".join(str(error).split()) or type(error).__name__
    known = (
        " The connection broke while the transaction was committed: it is written whole or not at all, and the same call"
        " again does no harm to a session or an edit that was written."
        if committing
        else " Nothing of this call was written."
    )
    return StoreUnreachable(
        f"The database {place} cannot be reached ({reason}).{known} Check that the server runs, its address, and that"
        " it has a connection to spare; then try again."
    )


def raise_named(error: Exception, place: str) -> None:
    """Raise the error under its name; return for one that has none."""
    if isinstance(error, psycopg.Error | PoolTimeout):
        _raise_of_server(error, place)
    elif isinstance(error, UnicodeError | OverflowError):
        raise BadInput(
            f"No text with half a surrogate pair, and no number beyond 64 bits, is kept here: {error}."
        ) from error


def _raise_of_server(error: Exception, place: str) -> None:
    reason = str(error).split("\n")[0]
    if isinstance(error, pg.ReadOnlySqlTransaction):
        raise StoreReadOnly(f"{place} cannot be written: {reason}. Reading works.") from error
    if isinstance(error, pg.InsufficientPrivilege):
        raise StoreReadOnly(f"{place}: this role may not do that ({reason}). Ask the owner of the schema.") from error
    if isinstance(error, pg.UndefinedTable | pg.UndefinedColumn | pg.InvalidSchemaName):
        raise StoreDamaged(
            f"{place} lacks a table or column of a memory ({reason}). Restore it, or start in another schema."
        ) from error
    if isinstance(error, pg.DiskFull | pg.OutOfMemory | pg.ConfigurationLimitExceeded):
        raise StoreFull(f"The server of {place} has no room ({reason}); nothing was changed.") from error
    if isinstance(error, pg.TooManyConnections | pg.AdminShutdown | pg.CrashShutdown | pg.CannotConnectNow):
        raise unreachable(place, reason) from error
    if isinstance(error, pg.LockNotAvailable | pg.QueryCanceled | pg.IdleInTransactionSessionTimeout):
        raise StoreUnreachable(
            f"{place} is busy ({reason}): another transaction held the memory for too long. Nothing was written; try again."
        ) from error
    if isinstance(error, pg.ProgramLimitExceeded):
        raise BadInput(
            f"An id, a key or a name is longer than PostgreSQL can index (about 2,700 bytes): {reason}."
        ) from error
    if isinstance(error, pg.DataCorrupted | pg.IndexCorrupted):
        raise StoreDamaged(f"{place} is damaged ({reason}). Restore it from a backup.") from error
    if isinstance(error, psycopg.DataError | pg.UndefinedFunction | pg.DatatypeMismatch | pg.AmbiguousFunction):
        # The message may quote a text, which belongs in no log.
        raise BadInput(
            "A text has no NUL and no half surrogate pair, an id is a text, a limit and an offset are whole numbers, and"
            " no number is beyond 64 bits; PostgreSQL took one that is otherwise."
        ) from error
    if isinstance(error, psycopg.IntegrityError):
        raise JitmemError(f"{place} refused a row that another writer had changed ({reason}); try again.") from error
    if isinstance(error, psycopg.OperationalError | PoolTimeout):
        raise unreachable(place, reason) from error
