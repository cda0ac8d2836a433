"""Write each page's memo, and the header that says when it was, who spoke and which part it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel, Field

from ..stores.archive import Archive
from ..stores.journal import Accepted
from ..stores.times import show
from .ask import Answerer, Task
from .outline import outline
from .prompt import fence
from .states import MemorizerState
from .step import Body, Steps


@dataclass(frozen=True, slots=True)
class MemorizeQuestion:
    """What is to be noted of this page, and what was noted before (`outline`)."""

    header: str
    text: str
    outline: Callable[[], str]

    def shown(self) -> Mapping[str, str]:
        """For `prompts/memorize.md`."""
        return {"page": fence(f"{self.header}\n\n{self.text}"), "outline": self.outline()}


class Memo(BaseModel):
    """A page in a sentence or three."""

    memo: str = Field(
        min_length=1,
        max_length=2000,
        description="One to three sentences: who, what, when, how much; names and numbers as they stand in the page.",
    )


MEMORIZE = Task("memorize", MemorizeQuestion, Memo)


def memorize(archive: Archive, answerer: Answerer) -> Body:
    """The node: drafts of pages → the same with header and memo."""

    def node(state: MemorizerState, runtime: Any) -> Steps[dict[str, Any]]:
        entry = archive.journal.entry(state["journal"])
        pages, usage = [], []
        for number, page in enumerate(state["pages"], start=1):
            header = header_of(entry, page, number, len(state["pages"]))
            question = MemorizeQuestion(header, page["text"], partial(outline, archive, page["text"]))
            memo, cost = yield from answerer.ask(MEMORIZE, question)
            pages.append({**page, "header": header, "memo": memo.memo.strip()})
            usage += cost
        return {"pages": pages, "usage": usage}

    return node


def header_of(entry: Accepted, page: Mapping[str, Any], number: int, count: int) -> str:
    """`8 May 2023 13:56 · session_1 · Caroline, Melanie · part 1 of 2`, as far as these are known."""
    speakers = list(dict.fromkeys(speaker for _, _, speaker in page["passages"] if speaker))
    parts = [
        show(entry.time),
        page["title"],
        entry.session_id,
        ", ".join(speakers[:6]),
        f"part {number} of {count}" if count > 1 else "",
    ]
    return " · ".join(part for part in parts if part)
