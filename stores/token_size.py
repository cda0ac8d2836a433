"""How much of a token budget a text takes; the unit is a quarter of a token, one ASCII character."""

from __future__ import annotations

CHARS_PER_TOKEN = 4  # as count_tokens_approximately counts


def text_size(text: str) -> int:
    """In quarters of a token: the length of ASCII text, more for other scripts."""
    if text.isascii():
        return len(text)
    from .script_sizes import script_size

    return script_size(text)


def fitting_length(text: str, room: float, start: int = 0) -> int:
    """How many characters from `start` on take about so many quarters of a token."""
    room = max(0.0, room)
    piece = text[start : start + int(room)]
    size = text_size(piece)
    return len(piece) if size <= room else int(len(piece) * room / size)
