"""What is read of the pages of a namespace into memory, to search them by their words. It only grows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..analyzer import ANALYZER, stems, words
from ..records import MemoryItem, Page, Passage
from ..times import format_time
from ..truth.pages import PageRow
from .cache import Cache
from .keyword_index import IndexedPage, KeywordIndex


class PageIndex:
    """One thread appends at a time, and others read what their snapshot covers meanwhile. Where something that was
    read is erased or hidden, the whole index is replaced by another, and with it the texts that it holds."""

    def __init__(self) -> None:
        self.read = 0
        """The newest change that was read."""
        self.keyword = KeywordIndex()
        self.page_ids: list[str] = []
        self.by_seq: dict[int, str] = {}
        """The number of a page to its id."""
        self.places: dict[int, Passage] = {}
        """By the number of the passage."""
        self.passages: dict[str, tuple[int, list[Passage]]] = {}
        """By page: its position in `page_ids`, and its passages in order."""
        self.speakers: dict[str, int] = {}
        """Everybody who speaks, as they are written, to the position of the first page in which they do."""
        self.titles: dict[str, list[int]] = {}
        """`title_key` of a title to the positions of the pages that have it."""
        self.pages: Cache[Page] = Cache()
        self.newest_item = 0
        """The newest change of an item that was read."""
        self.items: Cache[MemoryItem] = Cache()
        """As they stood since then."""
        self.stems: Cache[frozenset[str]] = Cache()
        """By page id, the distinct stems of its header and its passages."""

    def append(self, row: PageRow, text: str) -> None:
        """Add a page. Its text is used where an older analyzer made the stems on file."""
        context = stems(" ".join(part for part in (format_time(row.time), row.title) if part))
        position = len(self.page_ids)
        current = row.analyzer == ANALYZER
        passages: list[tuple[int, Sequence[str]]] = []
        places = []
        for seq, start, end, speaker, kept in row.passages:
            place = self.places[seq] = Passage(row.id, start, end, speaker)
            places.append(place)
            passages.append((seq, kept.split() if current else stems(text[start:end])))
            if speaker:
                self.speakers.setdefault(speaker, position)
        self.passages[row.id] = (position, places)
        if row.title:
            self.titles.setdefault(title_key(row.title), []).append(position)
        self.page_ids.append(row.id)
        self.by_seq[row.seq] = row.id
        self.keyword.append(IndexedPage(row.seq, context, passages))


def title_key(title: str) -> str:
    """A title as it is looked up: its words, without what stands in brackets at the end."""
    return " ".join(words(re.sub(r"\([^()]*\)$", "", title.rstrip())))
