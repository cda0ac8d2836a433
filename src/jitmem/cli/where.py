"""What every command is told (where the memory lies, which models) and how every command ends."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from ..models import TIMEOUT_S
from ..stores.errors import BadInput, JitmemError

if TYPE_CHECKING:
    from ..memory import Memory

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

_Path = Annotated[
    Path, typer.Option("--memory", envvar="JITMEM_MEMORY", metavar="PATH", help="The folder of the memory.")
]
_SamplePath = Annotated[
    Path, typer.Option("--memory", metavar="PATH", help="The folder of the sample memory.")
]  # never one's own
_Name = Annotated[
    str, typer.Option(envvar="JITMEM_NAMESPACE", metavar="NAME", help="Whose memory, of several in the folder.")
]
_Model = Annotated[
    str | None,
    typer.Option(
        envvar="JITMEM_MODEL", metavar="NAME", help="Who thinks, such as openai:gpt-4.1-mini; without it, rules do."
    ),
]
_Embeddings = Annotated[
    str | None,
    typer.Option(
        envvar="JITMEM_EMBEDDINGS",
        metavar="NAME",
        help="Such as openai:text-embedding-3-small; without it, hashed n-grams.",
    ),
]
_MemorizerModel = Annotated[
    str | None,
    typer.Option(envvar="JITMEM_MEMORIZER_MODEL", metavar="NAME", help="Who writes memos, if it is another."),
]
_ResearcherModel = Annotated[
    str | None,
    typer.Option(envvar="JITMEM_RESEARCHER_MODEL", metavar="NAME", help="Who answers questions, if it is another."),
]
_BaseUrl = Annotated[
    str | None,
    typer.Option(envvar="JITMEM_BASE_URL", metavar="URL", help="Where the models are served; else as they know it."),
]
_EmbeddingsBaseUrl = Annotated[
    str | None,
    typer.Option(envvar="JITMEM_EMBEDDINGS_BASE_URL", metavar="URL", help="Where embeddings are, if elsewhere."),
]
_Timeout = Annotated[
    float,
    typer.Option("--timeout", envvar="JITMEM_TIMEOUT", metavar="S", help="Seconds for a model call, with retries."),
]
_Prompts = Annotated[
    Path | None,
    typer.Option(envvar="JITMEM_PROMPTS", metavar="FILE", help="Words of your own for the models, by step."),
]
_OnModelFailure = Annotated[
    Literal["raise", "rules"],
    typer.Option(envvar="JITMEM_ON_MODEL_FAILURE", help="When a model fails for good: stop, or let rules answer."),
]
_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")]

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "memory": (_Path, Path("memory")),
    "namespace": (_Name, "default"),
    "model": (_Model, None),
    "memorizer_model": (_MemorizerModel, None),
    "researcher_model": (_ResearcherModel, None),
    "embeddings": (_Embeddings, None),
    "base_url": (_BaseUrl, None),
    "embeddings_base_url": (_EmbeddingsBaseUrl, None),
    "timeout_s": (_Timeout, TIMEOUT_S),
    "prompts": (_Prompts, None),
    "on_model_failure": (_OnModelFailure, "raise"),
}


@dataclass(frozen=True, slots=True)
class Where:
    """Which memory, and who thinks for it; the names are those of `Memory.open`."""

    memory: Path
    namespace: str
    model: str | None
    memorizer_model: str | None
    researcher_model: str | None
    embeddings: str | None
    base_url: str | None = field(repr=False)  # may hold a password
    embeddings_base_url: str | None = field(repr=False)
    timeout_s: float
    prompts: Path | None
    on_model_failure: Literal["raise", "rules"]

    def look(self) -> Memory:
        """Opened to read what is kept; no model is made."""
        return self._open()

    def search(self) -> Memory:
        """Opened to search."""
        return self._open("embeddings", "base_url", "embeddings_base_url", "timeout_s", "on_model_failure")

    def think(self, *, create: bool = False) -> Memory:
        """Opened with every model."""
        from ..memory import Memory

        return Memory.open(self.memory, create=create, **self.options())

    def options(self) -> dict[str, Any]:
        """All but the folder, for `Memory.open`."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "memory"}

    def _open(self, *names: str) -> Memory:
        from ..memory import Memory

        return Memory.open(self.memory, create=False, **{name: getattr(self, name) for name in ("namespace", *names)})


def command(body: Callable[..., None]) -> Callable[..., None]:
    """A command from a function whose first parameter is a `Where`: the options for that are added, and errors
    become one line on stderr and an exit code."""
    return _with_options(body, _OPTIONS)


def sample_command(body: Callable[..., None]) -> Callable[..., None]:
    """The same, for a command that must never touch the user's own memory unless it is told to."""
    return _with_options(body, {**_OPTIONS, "memory": (_SamplePath, Path("demo-memory"))})


def folder_command(body: Callable[..., None]) -> Callable[..., None]:
    """The same, for a command over the whole folder, all namespaces, with no model."""
    return _with_options(body, {"memory": _OPTIONS["memory"]})


def model_command(body: Callable[..., None]) -> Callable[..., None]:
    """The same, for a command that makes its own memories: it is told of models, and of no folder."""
    names = ("model", "memorizer_model", "researcher_model", "embeddings", "base_url", "timeout_s", "prompts")
    return _with_options(body, {name: _OPTIONS[name] for name in names})


def bare_command(body: Callable[..., None]) -> Callable[..., None]:
    """The same, for a command that needs neither a memory nor a model."""
    return _with_options(body, {})


def _with_options(body: Callable[..., None], options: dict[str, tuple[Any, Any]]) -> Callable[..., None]:
    hints = get_type_hints(body, include_extras=True)
    _, *own = inspect.signature(body).parameters.values()
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in {**options, "debug": (_Debug, False)}.items()
    ]
    parameters = [parameter.replace(annotation=hints[parameter.name]) for parameter in own] + shared

    @functools.wraps(body)
    def run(*, debug: bool, **given: Any) -> None:
        usual = {name: default for name, (_, default) in _OPTIONS.items() if name not in options}
        where = Where(**usual, **{name: given.pop(name) for name in options})
        code = _code(lambda: body(where, **given), debug=debug)
        if code:
            raise typer.Exit(code)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__  # typer would look behind the options
    return run


def complain(message: object) -> None:
    """One line on stderr."""
    print("jitmem:", " ".join(str(message).split()), file=sys.stderr)


def _code(work: Callable[[], None], *, debug: bool) -> int:
    """Run it to the last byte of its output; what went wrong is said, and its exit code returned."""
    try:
        work()
        sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    except KeyboardInterrupt as interrupt:
        complain(interrupt if interrupt.args else "interrupted")
        return INTERRUPTED
    except SystemExit:  # rich ends so, silently, when `| head` has seen enough
        return 0
    except BrokenPipeError:  # the same, met by `print`; without this, Python complains while it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except JitmemError as error:
        if debug:
            raise
        complain(error)
        return BAD_INPUT if isinstance(error, BadInput) else FAILED
    except Exception as error:
        if debug:
            raise
        complain(f"{type(error).__name__}: {error} (unexpected; --debug shows where)")
        return FAILED
    return 0
