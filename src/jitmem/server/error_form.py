"""The one form of an error over HTTP: what kind it is, what was wrong, and what would be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from ..stores import errors
from ..stores.errors import JitmemError
from ..stores.invisible import escape_invisible


class EditRefused(JitmemError):
    """An edit of an item was ruled out: by its form, its limits, a guard, or another version of the item."""


_DOCTOR = "Run `jitmem doctor` on the folder of the memory; the owner of the server can act."
_MODEL = "Try again later; the owner of the server can look at the model and its address."
_KINDS: Mapping[type[Exception], tuple[int, str]] = {  # the first that an error is an instance of
    errors.SessionConflict: (409, "Leave the id out, or use another: the session on file is kept."),
    EditRefused: (409, "Read the item again, and change what the message names; nothing was changed."),
    errors.BadInput: (400, "Change what the message names; nothing was changed."),
    errors.RecordGone: (410, "It was deleted while the request ran; ask again."),
    errors.UnknownRecord: (404, "List what there is: GET /v1/pages, /v1/items, /v1/proposals."),
    errors.StoreReadOnly: (403, "Use a server that may write; the owner of the server can act."),
    errors.StoreFull: (507, "Nothing was changed; the owner of the server must make space on the disk."),
    errors.StoreClosed: (503, "The server is stopping; send the request again when it is back."),
    errors.StoreDamaged: (500, _DOCTOR),
    errors.MemoryNotFound: (503, "The owner of the server must name a folder that holds a memory."),
    errors.NotOurStore: (503, _DOCTOR),
    errors.StoreMoved: (503, "The owner of the server must start it again with the new folder."),
    errors.MissingPackage: (501, "The owner of the server must install the package that the message names."),
    errors.BatchIncomplete: (502, "The sessions wait in the journal: POST /v1/sessions/resume files them."),
    errors.ModelUnavailable: (503, _MODEL),
    errors.ModelError: (502, _MODEL),
    JitmemError: (500, _DOCTOR),
}


class ErrorForm(BaseModel):
    """Of every response with a status of 400 or more."""

    kind: str = Field(description="The name of the error, such as BadInput or UnknownRecord.")
    message: str = Field(description="What was wrong.")
    fix: str = Field(description="What would be right, or who can act.")


def error_of(error: JitmemError) -> tuple[int, ErrorForm]:
    status, fix = next(found for kind, found in _KINDS.items() if isinstance(error, kind))
    return status, ErrorForm(kind=type(error).__name__, message=_plain(str(error)), fix=fix)


def error_response(
    status: int, kind: str, message: str, fix: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse({"kind": kind, "message": _plain(message), "fix": fix}, status, headers)


def invalid_request(problems: Sequence[Any]) -> JSONResponse:
    """For a request that does not fit the schema. What was sent is not repeated, it may be a secret; but for a
    time or a name that is wrong."""
    named = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in problems[:5]]
    message = "; ".join(named).replace("Value error, ", "")
    return error_response(422, "InvalidRequest", message[:1000], "Send what /openapi.json describes.")


def _plain(message: str) -> str:
    """Without lone surrogates, which no JSON in UTF-8 can hold, and without invisible characters."""
    return escape_invisible(message)
