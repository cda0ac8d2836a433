"""Write each page's memo, and the header that says when it was, who spoke and which part it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field

from ..stores.analyzer import SENTENCE, stems
from ..stores.index.snapshot import NamespaceStore, Snapshot
from ..stores.recall_markers import without_recalled
from ..stores.times import format_iso_time
from .llm.ask import StepSpec
from .llm.sync_async import Computation, NodeBody
from .options import MemorizeOptions, options_in
from .run_step import Backends, StepPolicy, run_step
from .states import MemorizerState

MEMO_CHARS = 500
_LONGEST_REPLY = 4000  # characters of a memo, of which the first sentences are taken


@dataclass(frozen=True, slots=True)
class MemorizeQuestion:
    """What is to be noted of this page, beside what was noted before."""

    header: str
    text: str
    snapshot: Snapshot
    part: int = 1
    sentences: Sequence[tuple[str, frozenset[str]]] = ()
    """Those of the text with their stems, where they are known already."""

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """For `llm/prompts/memorize.md`. The page is always shown whole."""
        from .memorize_prompt import memorize_values

        return memorize_values(self, share)


class Memo(BaseModel):
    """A page in two sentences."""

    memo: str = Field(
        min_length=1,
        max_length=_LONGEST_REPLY,
        json_schema_extra={"maxLength": MEMO_CHARS},
        description="Two sentences: who, what, when, how much; names and numbers as they stand in the page.",
    )


def check_memo(question: MemorizeQuestion, answer: Memo) -> str:
    """As `memo_checks.find_fault`, which is imported where a model has answered."""
    from .memo_checks import find_fault

    return find_fault(question, answer)


MEMORIZE = StepSpec("memorize", MemorizeQuestion, Memo, check=check_memo)


def memorize(archive: NamespaceStore, backends: Backends, defaults: MemorizeOptions) -> NodeBody:
    """The node: drafts of pages → the same with header and memo."""

    def node(state: MemorizerState, runtime: Runtime[Any]) -> Computation[dict[str, Any]]:
        texts = [without_recalled(page["text"]) for page in state["pages"]]
        sentences: list[Sequence[tuple[str, frozenset[str]]]] = [()] * len(texts)
        if not backends.has_model("memorize"):  # what the rules look up of all pages, in one statement
            sentences = [stem_sentences(text) for text in texts]
        terms = dict.fromkeys(stem for page in sentences for _, own in page for stem in own)
        snapshot = archive.snapshot(terms=list(terms))
        on_failure = options_in(runtime.context, defaults).on_model_failure
        pages: list[dict[str, Any]] = []
        usage: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        stop_reason = ""
        for number, page in enumerate(state["pages"], start=1):
            header = header_of(state, page, number)
            question = MemorizeQuestion(header, texts[number - 1], snapshot, number, sentences[number - 1])
            policy = StepPolicy(on_failure, required=True, stop_reason=stop_reason)
            memo, changes = yield from run_step(backends, MEMORIZE, question, policy, runtime.stream_writer)
            assert memo is not None, "a required question is answered, or its failure is raised"
            pages.append({**page, "header": header, "memo": _shorten(memo.memo)})
            usage += changes.get("usage", [])
            failures += changes.get("failures", [])
            stop_reason = changes.get("stop_reason", stop_reason)
        return {"pages": pages, "usage": usage, "failures": failures}

    return node


def stem_sentences(text: str) -> list[tuple[str, frozenset[str]]]:
    """The sentences of a page with their stems, as far as the rules look at them."""
    sentences = (match.group().strip() for match in SENTENCE.finditer(text[:20_000]))
    return [(sentence, frozenset(stems(sentence))) for sentence in sentences]


def _shorten(memo: str) -> str:
    """On one line, in whole sentences where it is too long."""
    memo = " ".join(memo.split())
    if len(memo) >= MEMO_CHARS:
        from .grounding import whole_sentences  # a rule's memo is shorter

        return whole_sentences(memo, MEMO_CHARS)
    return memo


def header_of(state: MemorizerState, page: Mapping[str, Any], number: int) -> str:
    """`8 May 2023 13:56 · session_1 · Caroline, Melanie · part 1 of 2`, as far as these are known. One line, whatever
    titles and names are made of."""
    count = len(state["pages"])
    speakers = list(dict.fromkeys(speaker for _, _, speaker in page["passages"] if speaker))
    parts = [
        format_iso_time(state["time"]),
        page["title"],
        state["session_id"],
        ", ".join(speakers[:6]),
        f"part {number} of {count}" if count > 1 else "",
    ]
    return " · ".join(" ".join(part.split()) for part in parts if part.strip())
