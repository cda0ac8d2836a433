"""Present: the smallest context that does the job, within its token budget, every statement with its citation."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..stores.analyzer import is_english
from ..stores.index.snapshot import Snapshot
from ..stores.records import Citation, Hit, MemoryItem, Page
from ..stores.times import date_terms, explain_dates, format_day, format_time, order_key
from ..stores.token_size import fitting_length, text_size
from .evidence import LOOKED_AT, as_values, citation_of, hits_from_state, record_id, row_record_id
from .options import BROAD, BaseResearchOptions, options_in
from .run_step import Backends, SnapshotBody
from .states import ResearcherState

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

_ENDED = {
    "budget": "The search was ended early: its budget was used up.",
    "failure": "The search was ended early: a model failed.",
}


ConfidenceEstimate = Callable[[Snapshot, str, Sequence[Hit], bool | None], float]
"""From the best hits for a question, and whether a model found it enough (None where none was asked)."""


def present(backends: Backends, estimate_confidence: ConfidenceEstimate, defaults: BaseResearchOptions) -> SnapshotBody:
    """The node: statements and evidence → context, citations, and page ids, the cited ones first."""

    def node(state: ResearcherState, runtime: Runtime[Any], snapshot: Snapshot) -> dict[str, Any]:
        options = options_in(runtime.context, defaults)
        cited = [record_id(citation) for statement in state["statements"] for citation in statement["citations"]]
        ids = list(dict.fromkeys([*cited, *map(row_record_id, state["evidence"])]))[: options.pages]
        general = [record_id(one["citations"][0]) for one in state["instructions"]]
        snapshot.records([*ids, *cited, *general])
        named = set(ids)
        evidence: Iterable[Hit] = hits_from_state(row for row in state["evidence"] if row_record_id(row) in named)
        if state["found_by_question"]:
            from .cited_hits import cited_first

            evidence = cited_first(evidence, state["statements"])
        context = Context(snapshot, options.context_tokens)
        share = 1.0 if options.output == "integration" else STATEMENTS_SHARE
        context.add_instructions(state["instructions"])
        statements = _of(ids, state["statements"])
        is_broad = state["rounds"][0]["kind"] in BROAD
        if is_broad:  # passages stand in the order of time, and no statement repeats one
            statements = [one for one in statements if [cited["quote"] for cited in one["citations"]] != [one["text"]]]
        context.add_statements(statements, share)
        context.add_remark(remark(state, follows=options.output != "integration"))
        room = None if is_broad else char_budget(options.context_tokens)
        material = Material(snapshot, evidence, ids, options.pages, room)
        context.add_passages(OUTPUTS[options.output](material))
        text, citations = context.text()
        concluded = state["enough"] if backends.has_model("reflect") and options.effort != "recall" else None
        best = list(hits_from_state(state["evidence"][:LOOKED_AT]))
        best.sort(key=lambda hit: -hit.score)
        return {
            "confidence": estimate_confidence(snapshot, state["dated_question"], best, concluded),
            "context": text,
            "citations": [as_values(citation) for citation in citations],
            "page_ids": snapshot.origins([*ids, *general]),
        }

    return node


def route_after_present(defaults: BaseResearchOptions) -> Any:
    """The edge after present: an answer where one is asked for, or the end."""
    from langgraph.runtime import get_runtime

    def edge(state: ResearcherState) -> str:
        return "answer" if options_in(get_runtime().context, defaults).answer else "__end__"

    return edge


def _of(ids: Sequence[str], statements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The statements with what they cite of these pages and items; one that cites none of them is left out."""
    kept = []
    for statement in statements:
        citations = [citation for citation in statement["citations"] if record_id(citation) in ids]
        if citations:
            kept.append({**statement, "citations": citations})
    return kept


STATEMENTS_SHARE = 1 / 3
"""Of a context with passages, the most that statements in other words than the passages' may take."""


def remark(state: ResearcherState, *, follows: bool = True) -> str:
    """What a reader must know of the gaps: nothing when it is enough. `follows`: passages do."""
    unmet = ", ".join(part.strip().rstrip("?!.？！。।؟") for part in state["unmet"] or [state["question"]])
    best = next(hits_from_state(state["evidence"][:1]), None)
    absent, unfound = "Not in memory: {}.", "Not found: {}."
    if not is_english(state["question"]):
        from ..stores.own_sentences import sentences_for

        absent, unfound = sentences_for(state["question"])
    elif best is not None and not best.score and not state["statements"] and follows:
        return "Nothing in memory has the words of the question. What follows is the newest in it."
    seen = follows and any(one["unsupported_statements"] or one["dropped_citations"] for one in state["rounds"])
    if state["stopped"] == "no_evidence" and not seen:  # by a model, whose words for it nothing carries
        return absent.format(unmet)
    said = unfound.format(unmet) if state["unmet"] and (state["statements"] or not seen) else ""
    return " ".join(filter(None, (said, _ENDED.get(state["stopped"], ""))))


PAGES = 5  # that are shown whole where no number is given


@dataclass(frozen=True, slots=True)
class Material:
    """What a context is made of. `evidence` and `record_ids` (of pages and items) are best first, cited pages before all others, and no more
    pages than `limit`, where one is given. `room` is that of the context, in characters; None where the order of the
    evidence itself makes it broad."""

    snapshot: Snapshot
    evidence: Iterable[Hit]
    record_ids: Sequence[str]
    limit: int | None
    room: int | None


def integration(material: Material) -> Iterable[Hit]:
    """Nothing: the statements alone."""
    return []


def snippets(material: Material) -> Iterable[Hit]:
    """The best passages, those first that are worth the room they take."""
    if material.room is None:
        return material.evidence
    hits: list[Hit] = []
    left, rest = material.room / 2, iter(material.evidence)
    for hit in rest:
        hits.append(hit)
        left -= text_size(hit.text) + _LARGEST_HEADING
        if left < 0:  # all might not fit, beside statements
            from .fill_order import fill_order

            return fill_order(chain(hits, rest), material.room)
    return hits


def pages(material: Material) -> Iterable[Hit]:
    """Every passage of the first pages."""
    found = [material.snapshot.record(one) for one in material.record_ids[: material.limit or PAGES]]
    return [hit for page in found if isinstance(page, Page) for hit in material.snapshot.passages(page, "page_id", 1.0)]


OUTPUTS: Mapping[str, Callable[[Material], Iterable[Hit]]] = {
    "integration": integration,
    "snippets": snippets,
    "pages": pages,
}
"""By name, from the material to the passages that follow the statements, best first: as many are shown as fit."""


_GENERAL = "Said to hold in general:"
_NOTES_SHARE = 1 / 30  # of a context, for what relative dates mean, those of the best passages first
_ONE_NOTE = 60  # characters that there are for them in any context
_PASSED_OVER = 6  # passages that do not fit, before the filling ends
_LARGEST_HEADING = 80  # characters, at most, of a page's
_MARK = len(" [99]")  # what a citation mark counts as; the last check is exact


def char_budget(tokens: int) -> int:
    """How many characters `count_tokens_approximately` counts as so many tokens of one message: it takes a token
    for 4 characters, of the role's name as well, and 3 for the message."""
    return max(0, 4 * (tokens - 3) - len("user"))


class Context:
    """What is added is kept when it fits, and passed over when it does not; nothing is shown twice."""

    def __init__(self, snapshot: Snapshot, tokens: int) -> None:
        self._record = snapshot.record
        self._room = char_budget(tokens)
        self._used = 0
        self._instructions: list[tuple[str, list[Citation]]] = []
        self._statements: list[tuple[str, list[Citation]]] = []
        self._remark = ""
        self._spans: dict[str, list[tuple[int, int]]] = {}
        self._joined: dict[str, list[tuple[int, int]]] = {}
        """By page its spans in order, neighbours as one."""
        self._note_room = max(_ONE_NOTE, int(self._room * _NOTES_SHARE))
        self._notes: dict[tuple[str, int], str] = {}
        self._said: set[tuple[str, int, int]] = set()
        self._added: list[tuple[str, int, int]] = []

    def add_instructions(self, instructions: Sequence[Mapping[str, Any]]) -> None:
        """What holds in general stands before all else, each on a line with the day on which it was said."""
        for one in instructions:
            [citation] = [Citation(**citation) for citation in one["citations"]]
            when = format_day(self._record(citation.record_id).time)
            text = (f"({when}) " if when else "") + str(one["text"])
            cost = len(text) + len("- \n") + _MARK + (0 if self._instructions else len(_GENERAL) + 2)
            if self._used + cost <= self._room:
                self._used += cost
                self._instructions.append((text, [citation]))
                self._said.add((citation.record_id, citation.start, citation.end))

    def add_statements(self, statements: Sequence[Mapping[str, Any]], share: float = 1.0) -> None:
        """Each on a line of its own, followed by the marks of its citations. Those that are no passages take at most
        this share of the room."""
        room = int(self._room * share)
        for statement in statements:
            citations = [Citation(**citation) for citation in statement["citations"]]
            text = str(statement["text"])
            record = self._record(citations[0].record_id)
            if [citation.quote for citation in citations] != [text]:
                dated = bool(date_terms(text, None))
                note = explain_dates(text, record.time) if isinstance(record, Page) and not dated else ""
                when = "" if note or dated else format_day(record.time)
            else:  # the passage itself: its time is not in it
                note, when = self._note(record, citations[0].start, citations[0].end), format_day(record.time)
                self._said.add((citations[0].record_id, citations[0].start, citations[0].end))
            text = (f"({when}) " if when else "") + text + note
            cost = text_size(text) + len("- \n") + _MARK * len(citations)
            verbatim = bool(self._said) and (citations[0].record_id, citations[0].start, citations[0].end) in self._said
            if self._used + cost <= (self._room if verbatim else room):
                self._used += cost
                self._statements.append((text, citations))
            else:
                self._said.discard((citations[0].record_id, citations[0].start, citations[0].end))

    def add_remark(self, text: str) -> None:
        """One line between statements and passages."""
        size = text_size(text) + 2
        if text and self._used + size <= self._room:
            self._remark = text
            self._used += size

    def add_passages(self, hits: Iterable[Hit]) -> None:
        """Best first; neighbours on a page are joined to one span with one citation."""
        passed_over = 0
        for hit in hits:
            place = (hit.record_id, hit.start, hit.end)
            if place in self._said or self._add(*place):
                continue
            passed_over += 1
            if passed_over > _PASSED_OVER:  # what would still fit by being short is no evidence
                break
            if not self._statements and not self._spans:
                page = self._record(hit.record_id)
                left = self._room - self._used - len(_page_heading(page)) - _MARK - 3
                end = hit.start + fitting_length(page.text, left, hit.start)
                cut = page.text.rfind(" ", hit.start, end)
                if cut < 0 and not page.text[hit.start : end].isascii():  # a script without spaces
                    cut = end
                if cut > hit.start:  # better the beginning of the best passage than nothing
                    self._add(hit.record_id, hit.start, cut)

    def text(self) -> tuple[str, list[Citation]]:
        """The context, and the citations that its marks [1], [2], … number."""
        text, citations = self._render()
        while text_size(text) > self._room and self._added:
            page_id, start, end = self._added.pop()
            self._spans[page_id].remove((start, end))
            text, citations = self._render()
        return text[: fitting_length(text, self._room)] if not citations else text, citations

    def _add(self, page_id: str, start: int, end: int) -> bool:
        if (start, end) in self._spans.get(page_id, ()):
            return True
        page = self._record(page_id)
        joined = self._joined.get(page_id, [])
        first = last = bisect_left(joined, (start, end))
        while first and not page.text[joined[first - 1][1] : start].strip():
            first -= 1
        while last < len(joined) and not page.text[end : joined[last][0]].strip():
            last += 1
        near = joined[first:last]
        whole = min([start, *(one[0] for one in near)]), max([end, *(one[1] for one in near)])
        cost = self._size(page, whole) - sum(self._size(page, one) for one in near)
        cost += text_size(self._note(page, start, end)) + (0 if joined else text_size(_page_heading(page)) + 2)
        if self._used + cost > self._room:
            return False
        self._used += cost
        self._spans.setdefault(page_id, []).append((start, end))
        self._joined[page_id] = [*joined[:first], whole, *joined[last:]]
        self._added.append((page_id, start, end))
        return True

    def _size(self, page: Page | MemoryItem, span: tuple[int, int]) -> int:
        return text_size(page.text[span[0] : span[1]]) + _MARK + 1

    def _note(self, record: Page | MemoryItem, start: int, end: int) -> str:
        """What the relative dates of a passage mean, as long as there is room for notes."""
        place = (record.id, start)
        if place not in self._notes:
            note = explain_dates(record.text[start:end], record.time) if isinstance(record, Page) else ""
            self._notes[place] = note if len(note) <= self._note_room else ""
            self._note_room -= len(self._notes[place])
        return self._notes[place]

    def _render(self) -> tuple[str, list[Citation]]:
        citations: list[Citation] = []
        marks: dict[Citation, int] = {}

        def mark(citation: Citation) -> str:
            if citation not in marks:
                citations.append(citation)
                marks[citation] = len(citations)
            return f" [{marks[citation]}]"

        general, said = (
            "\n".join(f"- {text}{''.join(mark(c) for c in cited)}" for text, cited in lines)
            for lines in (self._instructions, self._statements)
        )
        blocks = [part for part in (general and f"{_GENERAL}\n{general}", said, self._remark) if part]
        pages = [self._record(page_id) for page_id, spans in self._spans.items() if spans]
        for page in sorted(pages, key=lambda page: (order_key(page.time), page.id)):
            lines = [_page_heading(page)]
            for start, end in _join_spans(page.text, self._spans[page.id]):
                inside = sorted(one for one in self._spans[page.id] if start <= one[0] < end)
                notes = "".join(self._note(page, *one) for one in inside)
                lines.append(page.text[start:end] + mark(citation_of(page, start, end)) + notes)
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks), citations


@lru_cache(maxsize=4096)
def _page_title(page_id: str, time: datetime | None) -> str:
    return f"# {' '.join(part for part in (page_id, format_time(time)) if part)}"


def _page_heading(page: Page | MemoryItem) -> str:
    """The line above a page's passages: its id, by which it can be opened, and when it was."""
    if isinstance(page, MemoryItem):
        return f"# {page.id} {page.header}"  # it says so
    return _page_title(page.id, page.time)


def _join_spans(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """In page order, spans with nothing but white space between them as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
