"""The settings as options: those of every command, and those of the commands that call a model.

Values from the command line are collected in `ctx.meta`; `settings_of(ctx)` lays them over the environment's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Option
from typer.core import TyperCommand

from .errors import exit_code_of

if TYPE_CHECKING:
    from ..memory import Memory
    from ..settings import Settings

_GIVEN = "jitmem.cli.given"
STYLE: Any = {
    "no_args_is_help": True,
    "rich_markup_mode": None,  # else typer reads [brackets] in help texts as markup
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 100},
}
"""Of every group of commands."""
Json = Annotated[bool, Option("--json", help="One JSON document.")]


def _store(ctx: typer.Context, option: typer.CallbackParam, value: Any) -> Any:
    if value is not None:  # also while a shell completes: the folder says which namespaces there are
        ctx.meta.setdefault(_GIVEN, {})[option.name] = value
    return value


def _setting(*names: str, **texts: Any) -> Any:
    return Option(*names, callback=_store, expose_value=False, **texts)


MemoryPath = Annotated[
    str | None,
    _setting("--memory", envvar="JITMEM_MEMORY", metavar="PATH", help="A folder, or postgresql://…  [default: memory]"),
]
NamespaceName = Annotated[
    str | None,
    _setting(
        "--namespace",
        envvar="JITMEM_NAMESPACE",
        metavar="NAME",
        help="Of several in the folder.  [default: default]",
        autocompletion=lambda ctx, incomplete: import_module(".shell_values", __package__).namespaces(ctx, incomplete),
    ),
]
Debug = Annotated[bool | None, _setting("--debug", help="Show the traceback of an unexpected error.")]


def _model_options(
    model: Annotated[
        str | None,
        _setting(metavar="NAME", help="Such as openai:gpt-4.1-mini; without it, rules.  [env: JITMEM_MODEL]"),
    ] = None,
    embeddings: Annotated[
        str | None,
        _setting(metavar="NAME", help="Such as minilm; without it, hashed n-grams.  [env: JITMEM_EMBEDDINGS]"),
    ] = None,
    base_url: Annotated[
        str | None, _setting(metavar="URL", help="Where the models are served.  [env: JITMEM_BASE_URL]")
    ] = None,
    timeout_s: Annotated[
        float | None,
        _setting("--timeout", metavar="S", help="Of a call, with retries.  [env: JITMEM_TIMEOUT; default: 120]"),
    ] = None,
    prompts: Annotated[
        Path | None, _setting(metavar="FILE", help="Prompts of your own, by step.  [env: JITMEM_PROMPTS]")
    ] = None,
    on_model_failure: Annotated[
        Literal["raise", "rules"] | None, _setting(help="Stop, or let rules answer.  [env: JITMEM_ON_MODEL_FAILURE]")
    ] = None,
) -> None:
    """The options that a command class picks from, in this order."""


_prototypes = typer.Typer(add_completion=False)
_prototypes.command()(_model_options)
_MODEL_OPTIONS = {option.name: option for option in typer.main.get_command(_prototypes).params}
_EMBEDDING = ("embeddings", "base_url", "timeout_s")
_USED_BY = {  # commands that call models; eval and learn create the memories that they use
    **dict.fromkeys(("memorize", "work", "research", "import", "mcp", "serve", "ui"), tuple(_MODEL_OPTIONS)),
    "recall": _EMBEDDING,
    "demo": ("model", *_EMBEDDING),
    "check": ("model", "base_url", "timeout_s", "prompts"),
    **dict.fromkeys(("run", "rollout", "prompts"), ("model", *_EMBEDDING, "prompts")),
}


class JitmemCommand(TyperCommand):
    """A command with an exit code for every error, and the model options that it uses.

    The docstring of its function is the whole help: the first sentence is the summary in the list of commands, and
    what follows "Example" is shown below the options.
    """

    def __init__(self, name: str, *, params: Iterable[Any] = (), help: str | None = None, **options: Any) -> None:
        text, examples = split_help(help or "")
        options |= {"help": text, "epilog": examples, "short_help": re.split(r"(?<=\.)\s", text)[0]}
        self.settings = _USED_BY.get(name, ())
        super().__init__(name, params=[*params, *(_MODEL_OPTIONS[one] for one in self.settings)], **options)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super().format_options(ctx, formatter)
        if ctx.parent is ctx.find_root():
            formatter.write("\nAlso --memory PATH, --namespace NAME and --debug: see jitmem -h.\n")

    def invoke(self, ctx: Any) -> Any:
        code = exit_code_of(lambda: super(JitmemCommand, self).invoke(ctx), debug="debug" in ctx.meta.get(_GIVEN, {}))
        if code:
            raise typer.Exit(code)


def split_help(text: str) -> tuple[str, str]:
    """The help before the examples, and the rest, in which a paragraph with indented lines is not wrapped again."""
    before, example, after = text.partition("\n\nExample")
    paragraphs = f"{example.strip()}{after}".split("\n\n")
    return before, "\n\n".join(f"\b\n{one}" if "\n  " in one else one for one in paragraphs)


def settings_of(ctx: typer.Context) -> Settings:
    """The given options over the environment; commands that call no model read only memory and namespace from it.

    `--model` is used for every step, whatever the environment names for single graphs.
    """
    from ..settings import Settings, memory_place

    known = getattr(ctx.command, "settings", ())
    made = Settings.from_environment() if known else Settings()
    if "model" not in known:
        made = replace(made, model=None, memorizer_model=None, researcher_model=None, prompts=None)
    given = {name: value for name, value in ctx.meta.get(_GIVEN, {}).items() if name != "debug"}
    if "memory" in given:
        given["memory"] = memory_place(given["memory"])
    if "model" in given:
        given |= {"memorizer_model": None, "researcher_model": None}
    return replace(made, **given)


def open_memory(ctx: typer.Context, *, create: bool = False) -> Memory:
    memory = settings_of(ctx).open_memory(create=create)
    if not create and not memory.pages(limit=1):
        import_module(".namespace_hint", __package__).hint_at_namespaces(memory, ctx.command.name)
    return memory


def was_given(ctx: typer.Context, name: str) -> bool:
    """Whether an option of every command was given on the command line, not by the environment."""
    source = ctx.find_root().get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
