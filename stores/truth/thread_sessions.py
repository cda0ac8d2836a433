"""Which sessions of a conversation thread a namespace has accepted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .database import read_back
from .namespace import Namespace


def metadata_by_id(namespace: Namespace, prefix: str) -> dict[str, Mapping[str, Any]]:
    """The metadata of every session whose id begins with `prefix`, filed or waiting, by its id.

    Sessions that are hidden by their age are among them: their messages are not to be filed again.
    """
    rows = namespace.database.fetch(
        "SELECT id, metadata FROM session WHERE namespace = (SELECT id FROM namespace WHERE name = ?)"
        " AND id >= ? AND id < ? ORDER BY n",
        (namespace.name, prefix, f"{prefix}\U0010ffff"),
    )
    with read_back("The metadata of a session"):
        return {session_id: json.loads(metadata) for session_id, metadata in rows}
