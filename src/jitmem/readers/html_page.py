"""HTML: the text of a page, a line a block, without scripts, styles, menus and tags."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from ..stores.records import Session
from .source_file import SourceFile
from .written_times import try_time

_BLOCKS = frozenset(
    "address article aside blockquote body br caption dd details dialog div dl dt fieldset figcaption figure footer form"
    " h1 h2 h3 h4 h5 h6 header hr html li main ol option p pre section summary table tbody td tfoot th thead title tr ul".split()
)
_SILENT = frozenset("script style noscript template svg head nav iframe object".split())
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())


def recognise(file: SourceFile) -> bool:
    """A document: it begins as HTML does, or is called so and has tags."""
    head = file.text[:2000].lstrip().lower()
    if head.startswith(("<!doctype html", "<html")) or re.match(r"<\?xml[^>]*>\s*(<!doctype html|<html)", head):
        return True
    return (
        file.suffix in (".html", ".htm", ".xhtml") and re.search(r"<(p|div|body|span|br|h\d|table)\b", head) is not None
    )


def read_file_sessions(file: SourceFile) -> list[Session]:
    """One session: the text, with the title, and the time that the page gives for itself."""
    page = _Page()
    page.feed(file.text)
    page.close()
    text = page.text()
    if not text.strip():
        return []
    metadata = {"title": page.title.strip()} if page.title.strip() else {}
    return [
        Session(text=text, time=next((time for one in page.times if (time := try_time(one))), None), metadata=metadata)
    ]


def html_text(source: str) -> str:
    """The text of a fragment of HTML."""
    page = _Page()
    page.feed(source)
    page.close()
    return page.text()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.times: list[str] = []
        self._parts: list[str] = []
        self._silent: list[str] = []
        self._in_title = False
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "title":
            self._in_title = not self.title
        if tag == "time" and given.get("datetime"):
            self.times.append(given["datetime"])
        if tag == "meta" and re.search(r"published_time|^date$|dc\.date", given.get("property", given.get("name", ""))):
            self.times.insert(0, given.get("content", ""))
        if tag in _SILENT and tag not in _VOID:
            self._silent.append(tag)
        if tag == "body":
            self._silent.clear()  # a head that was never closed
        self._pre += tag == "pre"
        if self._silent:
            return
        if tag == "img" and (given.get("alt") or "").strip():
            self._parts.append(f"[image: {given['alt'].strip()}]")
        if tag in ("td", "th") and self._parts and self._parts[-1] != "\n":
            self._parts.append("\t")
        elif tag in _BLOCKS:
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if tag in self._silent:
            while self._silent.pop() != tag:
                pass
        self._pre -= tag == "pre" and self._pre > 0
        if not self._silent and tag in _BLOCKS and tag not in ("td", "th"):
            self._parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._silent:
            self._parts.append(data if self._pre else re.sub(r"\s+", " ", data))

    def text(self) -> str:
        """Without blank lines in a row, and without blanks at the ends of lines."""
        lines = [re.sub(r" +", " ", line).strip(" ") for line in "".join(self._parts).split("\n")]
        return "\n".join(line.strip("\t") for line in lines if line.strip())
