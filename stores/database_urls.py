"""A memory in a database instead of a folder, by its URL."""

from __future__ import annotations

import re


def is_database_url(place: object) -> bool:
    return isinstance(place, str) and place.startswith(("postgresql://", "postgres://"))


def hide_password(place: object) -> str:
    """The place as it may be shown."""
    return re.sub(r"(?<=://)([^:/@]*):[^/]*@", r"\1@", re.sub(r"(password=)[^&]*", r"\1", str(place)))
