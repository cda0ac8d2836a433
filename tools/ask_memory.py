"""Research a question as a tool: `research_memory`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

from langchain_core.tools import BaseTool, ToolException
from pydantic import BaseModel, Field

from ..stores.errors import BadInput
from ..stores.recall_markers import wrap_recalled
from .expose import NOTHING, ToolResult, ToolSpec, expose

EffortName = Literal["recall", "fast", "deep"]


class Researched(Protocol):
    """What a research comes to."""

    @property
    def context(self) -> str: ...


Researchers = tuple[Callable[..., Researched], Callable[..., Awaitable[Researched]]]
"""`Memory.research` and `Memory.aresearch`, or what is called as they are: `(question, depth=…, effort=…)`."""


class AskInput(BaseModel):
    """What a model gives to `research_memory`."""

    question: str = Field(min_length=1, max_length=2000, description="The question, with every name and time it needs.")
    depth: int | None = Field(default=None, ge=1, le=20, description="Rounds of searching and reflecting, at most.")
    effort: EffortName | None = Field(
        default=None, description="recall: one quick look; fast: fewer thoughts a round; deep: the most careful."
    )


ASK = ToolSpec(
    "research_memory",
    "Research a question in everything that was ever said: plans, searches, follows up, and gives a short text with "
    "its sources. Slower than a search; best for questions that need several pages.",
    AskInput,
)


def ask_tool(researchers: Researchers) -> BaseTool:
    """`research_memory` over the two forms of a research."""
    research, aresearch = researchers

    def run(question: str, depth: int | None = None, effort: EffortName | None = None) -> ToolResult:
        try:
            return _render_research(research(question, depth=depth, effort=effort))
        except BadInput as error:
            raise ToolException(str(error)) from error

    async def arun(question: str, depth: int | None = None, effort: EffortName | None = None) -> ToolResult:
        try:
            return _render_research(await aresearch(question, depth=depth, effort=effort))
        except BadInput as error:
            raise ToolException(str(error)) from error

    return expose(ASK, run, arun)


def _render_research(result: Any) -> ToolResult:
    return wrap_recalled(result.context) if result.context else NOTHING, result
