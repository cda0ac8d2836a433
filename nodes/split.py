"""Split a session into pages and passages at its natural boundaries, never altering a byte."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, NamedTuple

from langgraph.runtime import Runtime

from ..stores import recall_markers
from ..stores.index.snapshot import NamespaceStore
from ..stores.token_size import text_size
from .options import MemorizeOptions, options_in
from .states import MemorizerState

CHARS_PER_TOKEN = 4  # as count_tokens_approximately counts
PASSAGE_TOKENS = 60  # what prose is packed to
LONGEST_PASSAGE = 120  # tokens; a turn up to this stays whole
LONGEST_TITLE = 200  # characters, for part of the header of every page

_LINE = re.compile(r"[^\r\n]+")
_SPEAKER = re.compile(
    r"""(?:[-*•]\ +)? (?:\[[\d:.,/\ -]{4,24}(?:[AaPp][Mm])?\]\ *)? (?:\*\*|__)?  # - [09:15:00] **
    (?: (?P<speaker>[^\W\d_](?:[\w\ .'’-]|[\u0300-\u036f\u0900-\u0e7f]){0,30}?(?:\ \([^\W\d_][\w\ .-]{0,19}\))?)
        (?:\ ?\([\w:.,\ ]{1,20}\))? (?:\*\*|__)? (?:\ ?:(?:\*\*|__)?\ +|\ ?：\s*)  # Ana (10:02): or Ana：
      | \[(?P<named>[^\W\d_][\w\ ]{0,30})\]\ \[[^\[\]\n]{3,20}\]\ )  # [Ana] [10:02 AM]
    (?=\S)""",
    re.X,
)
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[。！？]|[।॥؟۔](?=\s)")
_FIRST_LINE = re.compile(r"\s{0,3}+([^\r\n]{1,200})\r?\n\s*+\S")
_MARKED = re.compile(r"#{1,6}\s+(.*[^#\s])")


_DENSE = 1.1  # a text that takes more of a budget than its length, by so much, is cut to shorter pieces


@lru_cache(maxsize=16)
def chars_of(text: str, tokens: int) -> int:
    """How many characters of this text are about so many tokens: fewer than four each in most scripts."""
    return int(tokens * CHARS_PER_TOKEN * min(1.0, _DENSE * len(text) / max(1, text_size(text))))


class Span(NamedTuple):
    """A passage: characters `start` to `end` of the text it is cut from."""

    start: int
    end: int
    speaker: str | None


def split(archive: NamespaceStore, defaults: MemorizeOptions) -> Callable[..., dict[str, Any]]:
    """The node: the session in the journal → drafts of its pages, with passages and titles."""

    def node(state: MemorizerState, runtime: Runtime[Any]) -> dict[str, Any]:
        if (entry := state.get("entry")) is None:  # the run goes on from a checkpoint
            entry = asdict(archive.journal.entry(state["journal"]))
        text, turns, metadata = entry["text"], entry["turns"], entry["metadata"]
        if not text:  # filed by another process since it was accepted
            return {"pages": []}
        size = options_in(runtime.context, defaults).page_tokens
        title = str(metadata.get("title") or ("" if turns else heading(text)))[:LONGEST_TITLE]
        spoken = without_recalled(text, passages(text, turns), turns)
        pages = pack_pages(text, spoken, chars_of(text, size))
        return {
            "pages": [
                {"text": text[start:end], "title": title, "passages": [list(span) for span in inside]}
                for start, end, inside in pages
            ],
        }

    return node


def passages(text: str, turns: Sequence[tuple[int, int, str]] = ()) -> list[Span]:
    """In order, without overlap; what lies between them is white space only.

    With `turns` a turn is a passage. A text whose lines mostly begin with `Name: ` is read as turns too; other
    text gives sentences packed to about 60 tokens. A turn of more than 120 tokens is packed like prose.
    """
    blocks = [Span(*turn) for turn in turns] or _transcript_turns(text)
    found: list[Span] = []
    for block in blocks or [Span(0, len(text), None)]:
        block = _trim(text, block)
        if block.start == block.end:
            continue
        short = block.end - block.start <= chars_of(text, LONGEST_PASSAGE)
        if short and blocks:
            found.append(block)
        else:
            found.extend(_pack_sentences(text, block))
    return found


def without_recalled(text: str, spans: Sequence[Span], turns: Sequence[tuple[int, int, str]] = ()) -> list[Span]:
    """The passages without what was recalled from memory: that stays on its page when it comes back in a transcript,
    and is no passage that could be found and cited as if somebody had said it. A mark that is not closed ends with its
    turn: nobody takes away what others say after."""
    stretches = [(start, end) for start, end, _ in turns] or [(0, len(text))]
    marked = [
        (at + start, at + end) for at, to in stretches for start, end in recall_markers.recalled_spans(text[at:to])
    ]
    if not marked:
        return list(spans)
    parts: list[Span] = []
    for span in spans:
        start = span.start
        for first, last in [*marked, (span.end, span.end)]:
            part = _trim(text, Span(start, max(start, min(first, span.end)), span.speaker))
            if part.start < part.end:
                parts.append(part)
            start = min(span.end, max(start, last))
    return parts


def pack_pages(text: str, spans: Sequence[Span], size: int) -> list[tuple[int, int, list[Span]]]:
    """`(start, end, passages)` of each page, passages counted from the page's start; the pages join to the text."""
    pages: list[tuple[int, int, list[Span]]] = []
    start, inside = 0, list[Span]()
    for span in _cut_long_spans(text, spans, size):
        if inside and span.end - start > size:
            pages.append((start, span.start, inside))
            start, inside = span.start, []
        inside.append(Span(span.start - start, span.end - start, span.speaker))
    pages.append((start, len(text), inside))
    return pages


def heading(text: str) -> str:
    """The title of a text: a Markdown heading, or a short first line that ends like none of a sentence."""
    match = _FIRST_LINE.match(text)
    line = match[1].strip() if match else ""
    if marked := _MARKED.match(line):
        return marked[1]
    return line if len(line) <= 81 and line[-1:] not in set(".!?:,;") else ""


def _transcript_turns(text: str) -> list[Span]:
    """The turns of a transcript, a continuation line belonging to the turn before; none for other text."""
    lines = [(line.start(), _SPEAKER.match(line.group())) for line in _LINE.finditer(text) if line.group().strip()]
    starts = [(start, match["speaker"] or match["named"]) for start, match in lines if match]
    if len(starts) < 2 or 2 * len(starts) < len(lines) or lines[0][1] is None:
        return []
    ends = [start for start, _ in starts[1:]] + [len(text)]
    return [Span(start, end, speaker) for (start, speaker), end in zip(starts, ends, strict=True)]


def _pack_sentences(text: str, block: Span) -> Iterator[Span]:
    """Sentences of a block, packed to `PASSAGE_TOKENS`; a short piece is never left alone at a paragraph's end."""
    aim, least = chars_of(text, PASSAGE_TOKENS), chars_of(text, PASSAGE_TOKENS) // 4
    start, end = block.start, block.start
    for piece_start, piece_end, paragraph in _pieces(text, block):
        grown = piece_end - start
        full = end - start >= least and (grown > aim or paragraph)
        if end > start and (full or piece_start - end > aim):
            yield _trim(text, Span(start, end, block.speaker))
            start = piece_start
        end = piece_end
    if end > start:
        yield _trim(text, Span(start, end, block.speaker))


def _pieces(text: str, block: Span) -> Iterator[tuple[int, int, bool]]:
    """Sentences as `(start, end, first of its paragraph)`, cut at a space where one is too long."""
    longest = chars_of(text, LONGEST_PASSAGE)
    for line in _LINE.finditer(text, block.start, block.end):
        if not line.group().strip():
            continue
        cuts = [m.end() for m in _SENTENCE_END.finditer(text, line.start(), line.end())]
        fresh = text[max(0, line.start() - 4) : line.start()].endswith(("\n\n", "\r\n\r\n"))
        start = line.start()
        for end in [*cuts, line.end()]:
            while end - start > longest:
                cut = text.rfind(" ", start + longest // 2, start + longest) + 1 or start + longest
                if text[start:cut].strip():
                    yield start, cut, fresh
                    fresh = False
                start = cut
            if text[start:end].strip():
                yield start, end, fresh
                start, fresh = end, False


def _cut_long_spans(text: str, spans: Sequence[Span], size: int) -> Iterator[Span]:
    """The spans, those longer than a page cut to its size."""
    for span in spans:
        start = span.start
        while span.end - start > size:
            cut = text.rfind(" ", start + size // 2, start + size) + 1 or start + size
            if text[start:cut].strip():
                yield _trim(text, Span(start, cut, span.speaker))
            start = cut
        if text[start : span.end].strip():
            yield _trim(text, Span(start, span.end, span.speaker))


def _trim(text: str, span: Span) -> Span:
    """Without white space at its ends."""
    inner = text[span.start : span.end]
    start = span.start + len(inner) - len(inner.lstrip())
    return Span(start, max(start, span.end - (len(inner) - len(inner.rstrip()))), span.speaker)
