"""The settings as options: those of every command, and those of the commands that call a model.

Values from the command line are collected in `ctx.meta`; `settings_of(ctx)` lays them over the environment's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option
from typer.core import TyperCommand

from ..settings import MODEL_FIELDS, Settings, memory_place
from ..stores.errors import BadInput
from .errors import exit_code_of

if TYPE_CHECKING:
    from ..memory import Memory

_GIVEN = "jitmem.cli.given"
_OF_ALL = ("memory", "namespace", "json", "debug")
_WITHOUT_JSON = ("demo", "mcp", "serve", "ui")
STYLE: Any = {
    "no_args_is_help": True,
    "rich_markup_mode": None,  # else typer reads [brackets] in help texts as markup
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 100},
}
"""Of every group of commands."""


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
JsonOutput = Annotated[bool | None, _setting("--json", help="Print one JSON document.")]
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
    set_: Annotated[list[str] | None, _setting("--set", metavar="NAME=VALUE")] = None,
) -> None:
    """The options that a command class picks from, in this order."""


_prototypes = typer.Typer(add_completion=False)
_prototypes.command()(_model_options)
_MODEL_OPTIONS = {option.name: option for option in typer.main.get_command(_prototypes).params}
_MODELS = ("model", "embeddings", "base_url")
_USED_BY = {  # the settings of a command that calls models; eval and learn create the memories that they use
    **dict.fromkeys(
        ("memorize", "work", "research", "import", "mcp", "serve", "ui", "demo"), (*_MODELS, *MODEL_FIELDS)
    ),
    "recall": ("embeddings", "base_url", "embeddings_base_url", "timeout_s"),
    "check": ("model", "base_url", "timeout_s", "prompts"),
    **dict.fromkeys(
        ("run", "rollout", "prompts"), (*_MODELS, "memorizer_model", "researcher_model", "timeout_s", "prompts")
    ),
    **dict.fromkeys(("evaluate", "grpo"), ("base_url", "prompts")),
}


class JitmemCommand(TyperCommand):
    """A command with an exit code for every error, and the settings that it uses: as options, or by --set.

    The docstring of its function is the whole help: the first sentence is the summary in the list of commands, and
    what follows "Example" is shown below the options.
    """

    def __init__(self, name: str, *, params: Sequence[Any] = (), help: str | None = None, **options: Any) -> None:
        text, examples = split_help(help or "")
        options |= {"help": text, "epilog": examples, "short_help": re.split(r"(?<=\.)\s", text)[0]}
        self.settings = _USED_BY.get(name, ())
        used: list[Any] = [_MODEL_OPTIONS[one] for one in self.settings if one in _MODELS]
        if self.fields and all(one.name != "set_" for one in params):  # learn has a --set for more
            used.append(copy(_MODEL_OPTIONS["set_"]))
            used[-1].help = f"Of {', '.join(self.fields)}; may be repeated."
        super().__init__(name, params=[*params, *used], **options)

    @property
    def fields(self) -> tuple[str, ...]:
        """The settings that --set takes."""
        return tuple(one for one in self.settings if one not in _MODELS)

    def options_of_all(self, ctx: Any) -> list[Any]:
        """The options of all commands that this one uses: eval, learn and model check open no memory of the user."""
        unused = {"json"} if self.name in _WITHOUT_JSON else set[str]()
        unused |= {"memory", "namespace"} if ctx.parent is not ctx.find_root() else set()
        return [one for one in ctx.find_root().command.params if one.name in {*_OF_ALL} - unused]

    def get_params(self, ctx: Any) -> list[Any]:
        return [*(self.options_of_all(ctx) if ctx.resilient_parsing else ()), *super().get_params(ctx)]  # to complete

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with explain_misplaced_options(ctx):
            return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super().format_options(ctx, formatter)
        names = [" ".join(filter(None, (one.opts[0], one.metavar))) for one in self.options_of_all(ctx)]
        formatter.write(f"\nAlso {', '.join(names)}: see jitmem -h.\n")

    def invoke(self, ctx: Any) -> Any:
        def run() -> Any:
            for name in {*_OF_ALL} - {one.name for one in self.options_of_all(ctx)}:
                if was_given(ctx, name):
                    raise BadInput(f"{self.name} has no use for --{name}; leave it out.")
            return super(JitmemCommand, self).invoke(ctx)

        if code := exit_code_of(run, debug="debug" in ctx.meta.get(_GIVEN, {})):
            raise typer.Exit(code)


@contextmanager
def explain_misplaced_options(ctx: Any) -> Iterator[None]:
    """Where an option is unknown, the error says where it goes."""
    try:
        yield
    except typer.TyperException as error:
        if hasattr(error, "possibilities"):
            import_module(".option_places", __package__).explain(error, ctx)
        raise


def split_help(text: str) -> tuple[str, str]:
    """The help before the examples, and the rest, in which a paragraph with indented lines is not wrapped again."""
    before, example, after = text.partition("\n\nExample")
    paragraphs = f"{example.strip()}{after}".split("\n\n")
    return before, "\n\n".join(f"\b\n{one}" if "\n  " in one else one for one in paragraphs)


def settings_of(ctx: typer.Context) -> Settings:
    """The given options over the environment, of which only what the command uses is read.

    `--model` is used for every step, whatever the environment names for single graphs.
    """
    command: Any = ctx.command
    given = {name: value for name, value in ctx.meta.get(_GIVEN, {}).items() if name not in ("debug", "json")}
    if "memory" in given:
        given["memory"] = memory_place(given["memory"])
    if "model" in given:
        given |= {"memorizer_model": None, "researcher_model": None}
    if words := given.pop("set_", ()):
        given |= import_module("..setting_values", __package__).read_words(words, command.fields)
    return replace(Settings.from_environment(getattr(command, "settings", ())), **given)


def prints_json(ctx: typer.Context) -> bool:
    return "json" in ctx.meta.get(_GIVEN, {})


def open_memory(ctx: typer.Context, *, create: bool = False) -> Memory:
    memory = settings_of(ctx).open_memory(create=create)
    if not create and not memory.pages(limit=1):
        import_module(".namespace_hint", __package__).hint_at_namespaces(memory, ctx.command.name)
    return memory


def was_given(ctx: typer.Context, name: str) -> bool:
    """Whether an option of every command was given on the command line, not by the environment."""
    source = ctx.find_root().get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
