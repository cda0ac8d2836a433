"""The tunables of both graphs: their fields, limits and defaults, and one way to read them; the kinds of questions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from ..stores.errors import BadInput
from ..stores.times import parse_time
from .llm.ask import Budget


def one_of_names(kind: str, names: Collection[str]) -> tuple[AfterValidator, WithJsonSchema]:
    """What makes a text one of some names, for a field's `Annotated`: as a literal type of them would."""

    def check_name(name: str) -> str:
        if name not in names:
            context = {"kind": kind, "names": ", ".join(names)}
            raise PydanticCustomError("unknown_name", "there is no {kind} of this name; there are {names}", context)
        return name

    return AfterValidator(check_name), WithJsonSchema({"type": "string", "enum": list(names)})


Effort = Literal["recall", "fast", "deep"]
Breadth = Literal["auto", "narrow", "wide"]
OnModelFailure = Literal["raise", "rules"]
OnFilingFailure = Literal["wait", "raise", "rules"]
_USUAL_TOKENS = 2400  # of a context; a longer one shows more of what is found
_ON_FAILURE = "When a model fails for good: raise an error, or let the rules answer the step."


class OptionsModel(BaseModel):
    """`BadInput` names the field that is wrong and what would be right, also where LangGraph makes one of a context."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            name = str(first["loc"][0]) if first["loc"] else "options"
            known = f"; there are {', '.join(type(self).model_fields)}" if first["type"] == "extra_forbidden" else ""
            raise BadInput(f"{name}: {first['msg']}{known}; got {first.get('input')!r}.") from error


class BaseResearchOptions(OptionsModel):
    """How a question is researched; `graphs.research_options` knows the searches and the outputs."""

    effort: Effort = Field(
        default="deep",
        description="recall: one round without a model; fast: one call to plan, one to integrate and reflect; "
        "deep: a call for each.",
    )
    depth: int = Field(default=3, ge=1, le=20, description="Rounds of plan, search, integrate and reflect, at most.")
    output: str = "snippets"
    context_tokens: int = Field(default=2000, ge=16, description="The context is never longer than this many tokens.")
    pages: int | None = Field(
        default=None, ge=1, description="How many pages may speak in the context; unset: no limit."
    )
    tools: tuple[str, ...]
    k: int = Field(
        default=200,
        ge=1,
        le=10_000,
        description="Passages that each search may return in a round; for a context of more than 2,400 tokens in proportion more.",
    )
    breadth: Breadth = Field(
        default="auto",
        description="narrow: the best passages; wide: passages of as many pages as there is room for; auto: as the question is.",
    )
    answer: bool = Field(default=False, description="Also give a short answer from the context.")
    known_text: str = Field(
        default="", description="What the reader has before them; what stands in it is not brought up again."
    )
    budget: Budget | None = Field(default=None, description="The most that a question may cost; unset: no limit.")
    on_model_failure: OnModelFailure = Field(default="raise", description=_ON_FAILURE)
    now: Annotated[datetime | None, BeforeValidator(parse_time)] = Field(
        default=None, description='The time of the question, by which "last week" is understood; unset: the clock.'
    )

    @property
    def rounds(self) -> int:
        """How many rounds there may be: the depth; one where no model is asked."""
        return 1 if self.effort == "recall" else self.depth

    @property
    def candidates(self) -> int:
        """How many passages each search may return in a round."""
        return max(self.k, self.k * self.context_tokens // _USUAL_TOKENS)


class MemorizeOptions(OptionsModel):
    """How a session is filed. Also the Memorizer's context schema."""

    curate: bool = Field(default=True, description="Draw core, semantic and episodic memories from each page.")
    page_tokens: int = Field(default=2048, ge=16, description="Sessions longer than this become several pages.")
    on_model_failure: OnFilingFailure = Field(
        default="wait",
        description="When a model fails for good: raise an error, let the rules answer the step, or (wait) let them "
        "answer where a reply is of no use, while the session waits for a model that cannot be reached.",
    )


QuestionKind = Literal["needle", "list", "order", "summary", "change", "instruction"]
BROAD: frozenset[str] = frozenset(("list", "order", "summary", "change"))
_MAYBE_BROAD = re.compile(
    r"\b(?:order|chronolog\w+|sequence|timeline|first|next|step|walk|summar\w+|overview|recap\w*|sum|everything|all|every|each|list"
    r"|over time|evolv\w+|how (?:has|have|did)|so far|progress\w*|story|catch|bring)\b",
    re.I,
)


def question_kind(question: str, planned: QuestionKind | None, breadth: Breadth) -> QuestionKind:
    """The kind that a model has planned, or where that is none or a needle, the one that the words of the question say, as
    far as `breadth` allows it."""
    kind: QuestionKind = planned or "needle"
    if kind == "needle" and _MAYBE_BROAD.search(question):
        from .breadth import kind_by_words

        kind = kind_by_words(question)
    if kind in BROAD:
        return "needle" if breadth == "narrow" else kind
    return "list" if breadth == "wide" else kind


Options = TypeVar("Options", bound=BaseModel)


def with_changes(options: Options, changes: Mapping[str, Any]) -> Options:
    """The options with some of them changed; `BadInput` names the one that is wrong and what would be right."""
    return type(options)(**options.model_dump() | {name: value for name, value in changes.items() if value is not None})


def options_in(context: Any, defaults: Options) -> Options:
    """The options of this run. A graph inside another gets its host's context, whatever that is: of a mapping, the
    fields that we know are taken; any other object is ignored."""
    if isinstance(context, type(defaults)):
        return context
    if isinstance(context, BaseModel) and isinstance(defaults, type(context)):  # options of ours, but not all of them
        return with_changes(defaults, context.model_dump())
    if isinstance(context, Mapping):
        known = {name: context[name] for name in type(defaults).model_fields if name in context}
        return with_changes(defaults, known)
    return defaults
