"""Tell the URL of a database from the path of a folder; imports nothing, since the command line reads it at each start."""

from __future__ import annotations

import re


def is_database_url(place: object) -> bool:
    return isinstance(place, str) and place.startswith(("postgresql://", "postgres://"))


def hide_password(place: object) -> str:
    """The place as it may be shown."""
    return re.sub(r"^(\w+://[^:/@]*):[^@]*@|([?&](?:password|sslpassword)=)[^&]*", r"\1\2***@", str(place)).replace(
        "=***@", "=***"
    )
