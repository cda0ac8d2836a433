"""The export format: what each line must be like. docs/moving.md tells it to people."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .values import Count, Id, Kind, Name, Object, Sha, Span, Stamp, Text, Time, Turn, Vector

FORMAT = "jitmem"
VERSION = 1
LONGEST_LINE = 64 << 20  # bytes; so much of a file is in memory at once
DEEPEST = 500  # levels; metadata of a session may be nested as deep as Python's JSON allows


class Form(BaseModel):
    """Strict: no key more, no number for a text."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Line(Form):
    """A line that says of which type it is."""

    type: str


class HeaderLine(Form):
    """The first line."""

    format: Literal["jitmem"]
    version: int
    jitmem: Text
    namespaces: list[Name] = Field(min_length=1)
    at: Stamp


class NamespaceLine(Line):
    """Whose are the lines that follow."""

    type: Literal["namespace"]
    name: Annotated[Name, Field(max_length=512)]


class SessionLine(Line):
    """A session; `text` and `turns` stand here while it waits, and on its pages once it is filed."""

    type: Literal["session"]
    id: Name
    content: Sha
    time: Time | None
    metadata: Object
    accepted_at: Stamp
    filed_at: Stamp | None
    text: Text | None = None
    turns: list[Turn] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.filed_at is None) != (self.text is not None) or (self.text is None) != (self.turns is None):
            raise ValueError("a session has text and turns while it is not filed, and only then")
        if any(not start <= end <= len(self.text or "") for start, end, _ in self.turns or ()):
            raise ValueError("a turn ends before it begins, or after its text")
        return self


class PageLine(Line):
    """A page, word for word; a passage is its start, end and speaker."""

    type: Literal["page"]
    id: Id
    session: Name
    part: Annotated[int, Field(ge=1, lt=1 << 31)]
    parts: Annotated[int, Field(ge=1, lt=1 << 31)]
    text: Text
    header: Text
    memo: Text
    title: Text
    cause: Text
    at: Stamp
    passages: list[Span]
    uncurated: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.part > self.parts:
            raise ValueError(f"part {self.part} of {self.parts}")
        at = 0
        for start, end, _ in self.passages:
            if not at <= start < end <= len(self.text):
                raise ValueError(f"the passage from {start} to {end} overlaps another or lies outside of the text")
            at = end
        return self


class ItemLine(Line):
    """An item; what it said stands in its versions."""

    type: Literal["item"]
    id: Id
    kind: Kind


class VersionLine(Line):
    """What an item said at one time; no content where it was deleted."""

    type: Literal["version"]
    item: Id
    version: Annotated[int, Field(ge=1, lt=1 << 31)]
    op: Literal["insert", "update", "delete", "undo"]
    content: Text | None
    time: Time | None
    pages: list[Id]
    cause: Text
    at: Stamp


class EditForm(Form):
    """The edit that a proposal is for."""

    op: Literal["insert", "update", "delete", "undo"]
    kind: Text
    content: Text | None
    time: Time | None
    id: Id | None
    page_ids: list[Id]
    cause: Text
    expected_version: int | None


class ProposalLine(Line):
    """An edit that waits for a yes, or has had its answer."""

    type: Literal["proposal"]
    edit: EditForm
    reason: Text
    at: Stamp
    decision: Literal["approved", "rejected"] | None
    decided_at: Stamp | None


class EntryLine(Line):
    """What came through LangGraph's BaseStore; `texts` are what of it is searched."""

    type: Literal["entry"]
    path: list[Text]
    key: Text
    value: Object
    created_at: Stamp
    updated_at: Stamp
    ttl: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    expires_at: Annotated[float, Field(allow_inf_nan=False)] | None
    texts: list[Text]


class ShareLine(Line):
    """Who else may read the namespace."""

    type: Literal["share"]
    reader: Annotated[Name, Field(max_length=512)]


class RetentionLine(Line):
    """How long what is of a kind is kept."""

    type: Literal["retention"]
    kind: Literal["page", "core", "semantic", "episodic"]
    age_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ProbeLine(Line):
    """What an embedding model makes of one fixed text, by which it is known again."""

    type: Literal["probe"]
    model: Name
    vector: Vector


class VectorsLine(Line):
    """The vectors of a page's passages, of a version of an item, or of the texts of an entry; null where one lacks."""

    type: Literal["vectors"]
    model: Name
    page: Id | None = None
    item: Id | None = None
    version: int | None = None
    path: list[Text] | None = None
    key: Text | None = None
    vectors: list[Vector | None]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        of = [self.page is not None, self.item is not None, self.path is not None]
        if sum(of) != 1 or of[1] != (self.version is not None) or of[2] != (self.key is not None):
            raise ValueError("vectors are of a page, of an item and its version, or of a path and its key")
        return self


class EndLine(Line):
    """The last line: how many lines of each type there are, and the sha256 of all bytes between it and the first."""

    type: Literal["end"]
    lines: dict[str, Count]
    sha256: Sha


LINES: dict[str, type[Line]] = {
    "namespace": NamespaceLine,
    "session": SessionLine,
    "page": PageLine,
    "item": ItemLine,
    "version": VersionLine,
    "proposal": ProposalLine,
    "entry": EntryLine,
    "share": ShareLine,
    "retention": RetentionLine,
    "probe": ProbeLine,
    "vectors": VectorsLine,
    "end": EndLine,
}
