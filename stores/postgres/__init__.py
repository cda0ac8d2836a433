"""The truth in a schema of a PostgreSQL database: connections, dialect, schema, vectors; loaded for such memories only."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import MissingPackage


def load_postgres(module: str) -> Any:
    """A module of this package; `MissingPackage` where the extra is not installed."""
    try:
        return import_module(f".{module}", __package__)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("psycopg", "psycopg_pool"):
            raise
        raise MissingPackage('A memory in PostgreSQL needs: pip install "jitmem[postgres]"') from error
