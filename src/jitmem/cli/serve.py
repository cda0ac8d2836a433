"""`jitmem serve`: REST over a memory; `jitmem ui`: the inspector in a browser."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from ..stores.errors import BadInput, MissingPackage
from .settings import settings_of

if TYPE_CHECKING:
    from ..server.callers import Callers

_Port = Annotated[int, Option(metavar="PORT", min=0, max=65535, help="0: any that is free.")]
_ReadOnly = Annotated[bool, Option("--read-only", help="Refuse every request that would change the memory.")]


def serve(
    ctx: typer.Context,
    port: _Port = 8321,
    host: Annotated[
        str, Option(metavar="ADDRESS", help="Off the loopback, JITMEM_TOKEN or JITMEM_USERS must be set.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None, Option(metavar="NAME", help="A name under which it is reached; may be repeated.")
    ] = None,
    origin: Annotated[
        list[str] | None, Option(metavar="URL", help="A web page that may call; may be repeated.")
    ] = None,
    read_only: _ReadOnly = False,
) -> None:
    """Serve the memory over HTTP (REST), until interrupted. A missing memory is created.

    Examples:
      jitmem serve --memory ~/memory                      at http://127.0.0.1:8321/v1, with a token of this run
      JITMEM_TOKEN=… jitmem serve --memory ~/memory       with a token of your own
      JITMEM_USERS='{"ana": "…", "ben": "…"}' jitmem serve --host 192.168.1.5     one namespace for each token

    The schema is at /openapi.json, the inspector at /. See docs/how-to/rest.md.
    """
    _check_packages()
    from ..server.callers import TOKEN_VARIABLE, USERS_VARIABLE, Callers
    from ..server.network_access import check_access

    callers = Callers.from_environment()
    if callers:
        check_access("127.0.0.1", origin or [], None, TOKEN_VARIABLE)
        text = f"with the tokens of {TOKEN_VARIABLE} and {USERS_VARIABLE}"
    else:
        check_access(host, origin or [], None, f"{TOKEN_VARIABLE} or {USERS_VARIABLE}")
        text = f"with the token {callers.add_owner_token()}, until it stops"
    _run(ctx, callers, host, port, text, hosts=allow_host or [], origins=origin or [], read_only=read_only)


def ui(
    ctx: typer.Context,
    port: _Port = 8321,
    browser: Annotated[bool, Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    read_only: _ReadOnly = False,
) -> None:
    """Look into the memory in a browser, and correct it. A missing memory is created.

    Examples:
      jitmem ui --memory ~/memory
      jitmem ui --memory ~/memory --no-browser --port 0     prints a link for one browser

    The page is served on this machine alone. Its link works once.
    """
    _check_packages()
    from ..server.callers import Callers

    callers = Callers.from_environment()
    _run(ctx, callers, "127.0.0.1", port, "", code=callers.new_code(), browser=browser, read_only=read_only)


def _run(
    ctx: typer.Context,
    callers: Callers,
    host: str,
    port: int,
    text: str,
    *,
    code: str | None = None,
    browser: bool = False,
    hosts: list[str] | None = None,
    origins: list[str] | None = None,
    read_only: bool,
) -> None:
    from ..server.network_access import is_loopback
    from ..server.run_server import open_port, run_server
    from ..server.web_app import create_app

    with settings_of(ctx).open_memory(create=not read_only) as memory, open_port(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}"
        link = f"{address}/#code={code}" if code else f"{address}/v1 {text}"
        print(f"jitmem: {link}", file=sys.stderr, flush=True)
        if browser:
            _open_browser(link)
        app = create_app(
            lambda: memory,
            callers,
            local=is_loopback(host),
            hosts=hosts or [],
            origins=origins or [],
            read_only=read_only,
            close=False,
        )
        run_server(app, listening)


def _open_browser(link: str) -> None:
    """The socket listens already: the browser waits for the answer."""
    import webbrowser

    try:
        webbrowser.open(link)
    except webbrowser.Error as error:
        raise BadInput(f"No browser was found ({error}); use --no-browser, and open the link.") from error


def _check_packages() -> None:
    from importlib.util import find_spec

    if missing := [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]:
        raise MissingPackage(f"{' and '.join(missing)} is not installed: pip install 'jitmem[server]'")
