"""Page ids: short, unique across processes, and sorted by the time of filing."""

from __future__ import annotations

import os
import secrets
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_EPOCH_S = 1_577_836_800  # 2020-01-01
_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """12 characters: 8 for the time in hundredths of a second since 2020 (to 2368), 4 at random.

    Ids of one process rise strictly; the UNIQUE constraint of the truth settles the rest.
    """
    global _last
    with _lock:
        ticks = int((time.time() - _EPOCH_S) * 100)
        value = max((ticks << 20) | secrets.randbits(20), _last + 1)
        _last = value
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(55, -1, -5))


def _after_fork_in_child() -> None:
    """Whoever had the lock is not here."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # there is no fork elsewhere
    os.register_at_fork(after_in_child=_after_fork_in_child)
