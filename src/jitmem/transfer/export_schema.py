"""The schema of the export format, line by line; docs/moving.md documents it."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, model_validator

from ..stores.times import parse_iso_time

FORMAT = "jitmem"
VERSION = 1
LONGEST_LINE = 64 << 20  # bytes; a line is read as a whole
DEEPEST = 500  # levels; metadata of a session may be nested as deep as Python's JSON allows


def _storable(value: Any) -> Any:
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str) and "\0" in one:
            raise ValueError("contains a NUL, which cannot be stored")
        if isinstance(one, dict):
            rest += [*one, *one.values()]
        elif isinstance(one, list):
            rest += one
    return value


def _time(text: str) -> str:
    try:
        if (time := parse_iso_time(text)) and time.isoformat() == text:
            return text
    except ValueError:
        pass
    raise ValueError("is not a time in the form 2023-05-08T13:56:00, with or without an offset, nor a month or a year")


def _stamp(text: str) -> str:
    if datetime.fromisoformat(_time(text)).utcoffset() != timedelta(0):
        raise ValueError("is not a time in UTC, such as 2026-11-21T07:00:00.000000+00:00")
    return text


def _vector(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if not raw or len(raw) % 4 or not np.isfinite(np.frombuffer(raw, "<f4")).all():
        raise ValueError("is not a vector: finite float32, little endian, as base64")
    return text


def _matching(pattern: str, reason: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(reason)
        return text

    return AfterValidator(check)


Count = Annotated[int, Field(ge=0, lt=1 << 31)]
Number = Annotated[int, Field(ge=1, lt=1 << 31)]
Text = Annotated[str, AfterValidator(_storable)]
Name = Annotated[Text, Field(min_length=1)]
NamespaceName = Annotated[Name, Field(max_length=512)]
Id = Annotated[str, _matching("[0-9A-Za-z_-]{10,64}", "is not an id: 10 to 64 letters, digits, - and _")]
Time = Annotated[str, AfterValidator(_time)]
Stamp = Annotated[str, AfterValidator(_stamp)]
Sha = Annotated[str, _matching("[0-9a-f]{64}", "is not a sha256 in hexadecimal")]
Vector = Annotated[str, AfterValidator(_vector)]
Object = Annotated[dict[str, Any], AfterValidator(_storable)]
Turn = Annotated[tuple[Count, Count, Text], Field(strict=False)]
Span = Annotated[tuple[Count, Count, Text | None], Field(strict=False)]
Op = Literal["insert", "update", "delete", "undo"]
ItemKind = Literal["core", "semantic", "episodic"]


class StrictModel(BaseModel, extra="forbid", strict=True):
    """Unknown keys and type coercion are errors."""


class Line(StrictModel):
    """Every line but the first."""

    type: str


class HeaderLine(StrictModel):
    """The first line."""

    format: Literal["jitmem"]
    version: int
    jitmem: Text
    namespaces: list[Name] = Field(min_length=1)
    at: Stamp


class NamespaceLine(Line):
    """The namespace of the lines that follow."""

    name: NamespaceName


class SessionLine(Line):
    """A session that is not filed has `text` and `turns`; the text of a filed one is in its pages."""

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
    """A page; passages are `(start, end, speaker)`."""

    id: Id
    session: Name
    part: Number
    parts: Number
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
    """An item; its versions hold its content."""

    id: Id
    kind: ItemKind


class VersionLine(Line):
    """A version of an item; without content it is a deletion."""

    item: Id
    version: Number
    op: Op
    content: Text | None
    time: Time | None
    pages: list[Id]
    cause: Text
    at: Stamp


class EditModel(StrictModel):
    op: Op
    kind: Text
    content: Text | None
    time: Time | None
    id: Id | None
    page_ids: list[Id]
    cause: Text
    expected_version: int | None


class ProposalLine(Line):
    """A proposal, decided or waiting."""

    edit: EditModel
    reason: Text
    at: Stamp
    decision: Literal["approved", "rejected"] | None
    decided_at: Stamp | None


class EntryLine(Line):
    """An entry of LangGraph's BaseStore; `texts` are its searchable texts."""

    path: list[Text]
    key: Text
    value: Object
    created_at: Stamp
    updated_at: Stamp
    ttl: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    expires_at: Annotated[float, Field(allow_inf_nan=False)] | None
    texts: list[Text]


class ShareLine(Line):
    reader: NamespaceName


class RetentionLine(Line):
    kind: Literal["page", "core", "semantic", "episodic"]
    age_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ProbeLine(Line):
    """The vector of a fixed text, which identifies an embedding model."""

    model: Name
    vector: Vector


class VectorsLine(Line):
    """The vectors of a page's passages, an item's version, or an entry's texts; null where one is missing."""

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
            raise ValueError("vectors belong to a page, to an item and its version, or to a path and its key")
        return self


class EndLine(Line):
    """The last line: lines by type, and the sha256 of all bytes between the first line and this one."""

    lines: dict[str, Count]
    sha256: Sha


LINES = {kind.__name__.removesuffix("Line").lower(): kind for kind in Line.__subclasses__()}
