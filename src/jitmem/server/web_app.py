"""The app: REST below `/v1`, the inspector at `/`, signing in. It can be mounted below a path of another app."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from .. import __version__
from ..memory import Memory
from ..stores.errors import JitmemError
from . import admin_routes, history_routes, item_routes, research_routes
from .callers import Callers
from .error_form import ErrorForm, error_of, error_response, invalid_request
from .guard import COOKIE, Limits, RequestGuard, cookie_in
from .service import NotAllowed, Service

_PAGE = "index.html"


class SignIn(BaseModel):
    secret: str = Field(max_length=1000, description="A token, or the code of the link that `jitmem ui` printed.")


def create_app(
    open_memory: Callable[[], Memory],
    callers: Callers,
    *,
    limits: Limits | None = None,
    local: bool = True,
    hosts: Collection[str] = (),
    origins: Collection[str] = (),
    read_only: bool = False,
    close: bool = True,
) -> FastAPI:
    """An app over the memory that `open_memory` opens at the first request; it is closed with the app, if `close`.

    `local`: only loopback addresses are taken as the Host of a request; otherwise any address. `hosts` are further
    names of the server, `origins` web pages that may call it.
    """
    limits = limits or Limits()
    service = Service(open_memory, callers, limits, read_only=read_only)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        if close and service.is_open:
            await (await service.root()).aclose()

    app = FastAPI(
        title="jitmem",
        version=__version__,
        summary="Just-in-time memory for agents: the verbs of `jitmem.Memory` over HTTP.",
        docs_url=None,  # they load scripts from another server
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
        responses={"4XX": {"model": ErrorForm}, "5XX": {"model": ErrorForm}},
        redirect_slashes=False,
    )
    app.state.service = service
    for routes in (history_routes, research_routes, item_routes, admin_routes):
        app.include_router(routes.router, prefix="/v1")
    app.add_api_route("/signin", _sign_in, methods=["POST"], include_in_schema=False)
    app.add_api_route("/signout", _sign_out, methods=["POST"], include_in_schema=False)
    app.add_api_route("/", _inspector_file, methods=["GET"], include_in_schema=False)
    app.add_api_route("/inspector/{name}", _inspector_file, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(JitmemError, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_middleware(
        RequestGuard,
        callers=callers,
        limits=limits,
        local=local,
        hosts=frozenset(hosts),
        origins=frozenset(origins),
    )
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
        )
    document: Callable[[], dict[str, Any]] = app.openapi

    def with_security() -> dict[str, Any]:
        schema: dict[str, Any] = _with_plain_arrays(document())
        schema.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
        return schema

    app.openapi = with_security  # type: ignore[method-assign]
    return app


def _with_plain_arrays(schema: Any) -> Any:
    """Pairs of one type as arrays of two: many generators of clients and of tests do not know `prefixItems`."""
    if isinstance(schema, list):
        return [_with_plain_arrays(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _with_plain_arrays(value) for name, value in schema.items()}
    match plain.get("prefixItems"):
        case [first, *rest] if all(one == first for one in rest):
            plain["items"] = first
            del plain["prefixItems"]
    return plain


async def _sign_in(body: SignIn, request: Request) -> Response:
    """A token or a code becomes a cookie that no script can read."""
    found = request.app.state.service.callers.sign_in(body.secret)
    if found is None:
        fix = "Use the link that `jitmem ui` printed, once, or a token of this server."
        return error_response(401, "Unauthorized", "This secret is unknown or was used already.", fix)
    cookie, caller = found
    response = JSONResponse({"name": caller.name, "csrf": caller.csrf})
    root = request.scope.get("root_path", "")
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, cookie, path=f"{root}/", httponly=True, samesite="strict", secure=secure)
    return response


async def _sign_out(request: Request) -> Response:
    request.app.state.service.callers.sign_out(cookie_in(request.headers.get("cookie", "")))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path=f"{request.scope.get('root_path', '')}/", httponly=True, samesite="strict")
    return response


def _inspector_file(name: str = _PAGE) -> Response:
    """Not async: it reads a file, in a thread."""
    folder = resources.files(__package__) / "inspector"
    names = {one.name: one for one in folder.iterdir()}
    if name not in names:
        return error_response(404, "UnknownFile", "The inspector has no such file.", "Open / in a browser.")
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    return Response(names[name].read_bytes(), media_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)


async def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, NotAllowed):
        return error_response(403, "NotAllowed", str(error), "Use the token of that namespace, or the owner's.")
    if isinstance(error, JitmemError):
        status, form = error_of(error)
        return JSONResponse(form.model_dump(), status)
    if isinstance(error, RequestValidationError):
        return invalid_request(error.errors())
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, "HttpError", str(error.detail), "See /openapi.json.", error.headers)
