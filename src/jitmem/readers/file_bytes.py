"""The bytes of a file, and the text in them."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

from ..stores.errors import BadInput

Lookup = Callable[[str], bytes | None]
"""The bytes of a file by its path from the folder that is read; None if there is none."""

LARGEST = 512 * 1024 * 1024  # bytes of one file, and of all that an archive holds
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def read_bytes(file: Path) -> bytes:
    """The bytes of a file; `BadInput` if it cannot be read, or is larger than a history is."""
    try:
        with open(file, "rb") as stream:
            data = stream.read(LARGEST + 1)  # a device never ends
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise BadInput(unreadable(file, error)) from error
    if len(data) > LARGEST:
        raise BadInput(f"{file}: holds more than {LARGEST // 2**20} MB; split it")
    return data


def unreadable(path: object, error: Exception) -> str:
    """What to say of a path that cannot be read."""
    reason = getattr(error, "strerror", None) or error
    return f"{path}: cannot be read ({reason}); give a file or folder that exists and may be read"


def decode_text(data: bytes, name: str) -> str:
    """Decode a text, without its byte order mark and otherwise unchanged; `name` is for messages."""
    encoding = _UTF_16.get(data[:2], "utf-8")
    bom = data[:2] if data[:2] in _UTF_16 else codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    remedy = "save it as UTF-8, or as UTF-16 with a byte order mark"
    try:
        text = data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        from .western_text import decode_western

        if (western := decode_western(data)) is not None:
            return western
        at = len(bom) + error.start
        raise BadInput(
            f"{name}: not text (the byte 0x{data[at]:02x} at offset {at} is not {encoding.upper()}); {remedy}"
        ) from error
    if "\0" in text:
        raise BadInput(f"{name}: not text (a NUL after {text.index(chr(0))} characters); {remedy}")
    if not text.strip():
        raise BadInput(f"{name}: is empty; a session needs some text")
    return text
