"""Text that is no UTF-8: in the charset that a page of HTML names, or of older programs of western Europe (Windows-1252)."""

from __future__ import annotations

import re

# A letter with an accent stands in a word of plain letters; quotation marks, dashes and signs of currency between blanks.
_LETTERS = rb"\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xaa\xba\xc0-\xd6\xd8-\xf6\xf8-\xff"
_SIGNS = rb"\x80\x82\x84\x85\x8b\x91-\x97\x99\x9b\xa1\xa3\xa7\xab\xb0\xb2\xb3\xb4\xb7\xbb-\xbf\xa0\xa9\xae"
_WESTERN = re.compile(rb"(?:[\t\n\r\x20-\x7e]|[" + _LETTERS + rb"]{1,2}(?![" + _LETTERS + rb"])|[" + _SIGNS + rb"])+")
_UTF_8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
"""Characters of UTF-8, in which a byte is damaged elsewhere."""
_LEAST = 16  # bytes; of fewer nobody can tell
_MOST = 0.3  # share of the bytes that are not ASCII; words of other scripts have no others


_CHARSET = re.compile(rb"<meta[^>]{0,200}\bcharset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.I)


def decode_western(data: bytes) -> str | None:
    """The text; None where the bytes are no such text, as far as can be seen."""
    if named := _CHARSET.search(data[:4096]):
        try:
            return data.decode(named[1].decode("ascii"))
        except (LookupError, ValueError):
            pass
    if len(data) < _LEAST:
        return None
    high = sum(byte > 127 for byte in data[:1_000_000])
    if high > _MOST * len(data[:1_000_000]) or _UTF_8.search(data) or not _WESTERN.fullmatch(data):
        return None
    return data.decode("cp1252")
