"""JSON in which the chats stand below a key of another name: `{"conversations": [{"id": …, "messages": […]}]}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .message_objects import is_message

_BODIES = {"text", "turns", "messages", "sessions"}


def unwrap(value: object) -> Any:
    """What native JSON would have written: session objects, or one of them; None where nothing else is inside.

    Lists of messages are sessions, with the plain values beside them; under keys that are no words of a session they are named
    by the key. Of several lists nothing is taken: which one is the history cannot be known.
    """
    if not isinstance(value, Mapping) or _BODIES & value.keys():
        return None
    if len(value) > 1 and all(_are_messages(one) for one in value.values()):
        return [{"id": str(name), "messages": one} for name, one in value.items()]
    plain = {key: one for key, one in value.items() if isinstance(one, str | int | float) and one != ""}
    held = [one for one in value.values() if _is_chat(one) or _are_messages(one) or _are_chats(one)]
    if len(held) != 1:
        return None
    if _are_messages(held[0]):
        name = next((str(plain[key]) for key in plain if key == "id" or key.lower().endswith("id")), "")
        return {**plain, **({"id": name} if name else {}), "messages": held[0]}
    return held[0]


def _are_messages(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(is_message(one) for one in value)


def _are_chats(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_chat(one) for one in value)


def _is_chat(value: object) -> bool:
    return isinstance(value, Mapping) and any(isinstance(value.get(key), list) for key in ("messages", "turns"))
