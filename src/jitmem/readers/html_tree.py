"""A page of HTML as a tree, for exports whose classes say what each element is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_LINES = frozenset("br div p blockquote pre li tr h1 h2 h3".split())


@dataclass
class HtmlNode:
    """An element with what is in it, in order."""

    tag: str
    attributes: dict[str, str]
    inner: list[HtmlNode | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    def find_all(self, name: str) -> Iterator[HtmlNode]:
        """The elements below this one that are of a class, in the order of the page."""
        below = [one for one in reversed(self.inner) if isinstance(one, HtmlNode)]
        while below:
            node = below.pop()
            if name in node.classes:
                yield node
            below += [one for one in reversed(node.inner) if isinstance(one, HtmlNode)]

    def find(self, name: str) -> HtmlNode | None:
        return next(self.find_all(name), None)

    def text(self, *without: str) -> str:
        """The words, a line a block, without those of elements of the classes `without`."""
        parts: list[str] = []
        self._collect(parts, frozenset(without), False)
        lines = [line.strip() for line in "".join(parts).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def _collect(self, parts: list[str], without: frozenset[str], exact: bool) -> None:
        if self.tag in ("style", "script") or without.intersection(self.classes):
            return
        exact = exact or self.tag == "pre" or any(one.endswith("markdown-preserve") for one in self.classes)
        line = self.tag in _LINES
        if line and self.tag != "br" and parts and not parts[-1].endswith("\n"):
            parts.append("\n")
        if self.tag == "img" and self.attributes.get("alt"):
            parts.append(self.attributes["alt"])
        for one in self.inner:
            if isinstance(one, str):
                parts.append(one if exact else re.sub(r"\s+", " ", one))
            else:
                one._collect(parts, without, exact)
        if line and (self.tag == "br" or (parts and not parts[-1].endswith("\n"))):
            parts.append("\n")


def parse_html(source: str) -> HtmlNode:
    """The root, whose elements are those of the page; what is never closed ends with what it stands in."""
    tree = _Tree()
    tree.feed(source)
    tree.close()
    return tree.root


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = HtmlNode("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = HtmlNode(tag, {name: value or "" for name, value in attrs})
        self._open[-1].inner.append(node)
        if tag not in _VOID and len(self._open) < 200:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        at = next((at for at in range(len(self._open) - 1, 0, -1) if self._open[at].tag == tag), 0)
        if at:
            del self._open[at:]

    def handle_data(self, data: str) -> None:
        self._open[-1].inner.append(data)
