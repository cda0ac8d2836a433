"""The tunables of both graphs: what a run may be told, and one way to read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..stores.errors import BadInput

Output = Literal["integration", "snippets", "pages"]
Tool = Literal["keyword", "vector", "page_id"]
TOOLS: tuple[Tool, ...] = ("keyword", "vector", "page_id")


class ResearchOptions(BaseModel):
    """How a question is researched. Also the Researcher's context schema."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    depth: int = Field(default=3, ge=1, le=20, description="Rounds of plan, search, integrate and reflect, at most.")
    output: Output = Field(
        default="snippets", description="The integration alone, or followed by passages or whole pages."
    )
    context_tokens: int = Field(default=2000, ge=16, description="The context is never longer than this many tokens.")
    pages: int | None = Field(
        default=None, ge=1, description="How many pages may speak in the context; unset: no limit."
    )
    tools: tuple[Tool, ...] = Field(default=TOOLS, min_length=1, description="Which searches may be used.")
    k: int = Field(default=200, ge=1, le=10_000, description="Passages that each search may return in a round.")


class MemorizeOptions(BaseModel):
    """How a session is filed. Also the Memorizer's context schema."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page_tokens: int = Field(default=2048, ge=16, description="Sessions longer than this become several pages.")


Options = TypeVar("Options", ResearchOptions, MemorizeOptions)


def changed(options: Options, changes: Mapping[str, Any]) -> Options:
    """The options with some of them changed; `BadInput` names the one that is wrong and what would be right."""
    given = {name: value for name, value in changes.items() if value is not None}
    try:
        return type(options).model_validate({**options.model_dump(), **given})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "options"
        raise BadInput(f"{name}: {first['msg']}; got {first.get('input')!r}.") from error


def read(context: Any, defaults: Options) -> Options:
    """The options of this run. A graph inside another gets its host's context, whatever that is: of a mapping, the
    fields that we know are taken; an object that is not ours is none of our business."""
    if isinstance(context, type(defaults)):
        return context
    if isinstance(context, Mapping):
        known = {name: context[name] for name in type(defaults).model_fields if name in context}
        return changed(defaults, known)
    return defaults
