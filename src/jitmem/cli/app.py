"""The list of commands, and the options of all of them: `jitmem --help`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, ClassVar

import typer
from typer import Option
from typer.core import TyperCommand, TyperGroup

from .output import escape_output
from .settings import STYLE, Debug, JitmemCommand, JsonOutput, MemoryPath, NamespaceName, explain_misplaced_options

CommandTable = Mapping[str, tuple[str, str]]
"""For each command, its module here and its summary in the list of commands."""


class LazyGroup(TyperGroup):
    """A group that imports the module of a command only to run it, or to show its help. The command is the module's
    function or typer app of that name, with `_` after it where Python has the name."""

    table: ClassVar[CommandTable] = {}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name, (_, summary) in self.table.items():  # stand-ins for the list, completion and "Did you mean"
            self.add_command(TyperCommand(name, short_help=summary))

    def load(self, name: str) -> Any:
        """The command itself, with its module."""
        found = import_module(f".{self.table[name][0]}", __package__)
        made = getattr(found, f"{name}_", None) or getattr(found, name)
        if isinstance(made, typer.Typer):
            return typer.main.get_group(made)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name, cls=JitmemCommand)(made)
        return typer.main.get_command(single)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name else command, rest


class MainGroup(LazyGroup):
    """The commands of `jitmem`. `jitmem recall WORDS --memory PATH` is `jitmem --memory PATH recall WORDS`."""

    table: ClassVar[CommandTable] = {
        "memorize": ("memorize", "File sessions from files, folders or standard input."),
        "work": ("work", "File what waits in the journal, until interrupted."),
        "formats": ("formats", "List the forms of history that `memorize` reads."),
        "research": ("research", "Answer a question with a small, cited context."),
        "recall": ("pages", "Find passages, with no chat model."),
        "pages": ("pages", "List the pages, or read one: header, memo and full text."),
        "items": ("items", "List the memory items in the order they were made."),
        "insert": ("items", "Add a memory item."),
        "update": ("item_edits", "Change a memory item, or the core paragraph."),
        "delete": ("item_edits", "Delete a memory item."),
        "history": ("items", "Show every version of an item, oldest first."),
        "undo": ("item_edits", "Undo a change."),
        "proposals": ("item_edits", "List the proposed edits, or approve or reject one."),
        "namespaces": ("namespaces", "List the namespaces of the folder."),
        "share": ("share", "Let another namespace read this one, or list the readers."),
        "export": ("transfer", "Write the memory as JSON lines."),
        "import": ("transfer", "Import an export of jitmem or of another memory."),
        "backup": ("transfer", "Copy the whole folder while other processes may write."),
        "forget": ("deletion", "Delete records for good, and erase their bytes."),
        "retention": ("deletion", "Set how long records are kept, or show it."),
        "purge": ("deletion", "Erase expired records, and finish pending erasures."),
        "mcp": ("mcp", "Serve the memory's tools to an MCP client, until it disconnects."),
        "serve": ("serve", "Serve the memory over HTTP (REST), until interrupted."),
        "ui": ("serve", "Look into the memory in a browser, and correct it."),
        "doctor": ("doctor", "Check a memory, repair it, or salvage what is readable."),
        "setup": (
            "setup",
            "Make a memory in a schema of a PostgreSQL database, upgrade one of an older version, or leave it as it is.",
        ),
        "stats": ("pages", "Count sessions, pages, passages and characters."),
        "graph": ("pages", "Draw the two graphs as Mermaid."),
        "demo": ("demo", "File a sample history of 32 sessions, and research six questions."),
        "model": ("app", "Check whether a chat model is fit for each step."),
        "eval": ("evals", "Run benchmarks on public data."),
        "learn": ("app", "Record rollouts, and learn from their rewards."),
    }

    def main(self, *args: Any, **options: Any) -> Any:
        escape_output()
        return super().main(*args, **options)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        shared, rest, words = list[str](), list[str](), iter(args)
        for word in words:
            if word == "--":
                rest += [word, *words]
            elif word in ("--memory", "--namespace"):
                value = next(words, None)
                if value is None and not ctx.resilient_parsing:
                    raise typer.BadParameter(f"{word} needs a value.", ctx)
                shared += [] if value is None else [word, value]
            elif word in ("--json", "--debug") or word.startswith(("--memory=", "--namespace=")):
                shared.append(word)
            else:
                rest.append(word)
        with explain_misplaced_options(ctx):
            return super().parse_args(ctx, [*shared, *rest])


class ModelGroup(LazyGroup):
    table: ClassVar[CommandTable] = {"check": ("model", "Ask each step one small question through the real prompts.")}


class LearnGroup(LazyGroup):
    table: ClassVar[CommandTable] = {
        "rollout": ("learn_rollouts", "Run tasks many times, and record every step with its reward."),
        "advantages": ("learn_rollouts", "Compute the advantage of each step over its group (GRPO), by role."),
        "prompts": ("learn_training", "Improve the prompts by rewards."),
        "export": ("learn_rollouts", "Write rollouts as training rows for another trainer."),
        "grpo": ("learn_training", "Train a model's weights by rewards (GRPO), with the memory's own tools."),
        "evaluate": (
            "learn_training",
            "Measure a trained model on longer tasks, by what a reader answers from its items.",
        ),
    }


app = typer.Typer(
    cls=MainGroup,
    help="Just-in-time memory for agents: every session is kept word for word, and researched at question time.",
    epilog=(
        "The options above may also be given after the command.\n\n"
        "\b\nTo start:\n"
        "  jitmem demo                                   a sample history and six questions\n"
        "  jitmem memorize notes/                        file your own sessions\n"
        '  jitmem research "Where does Ana work now?"    ask'
    ),
    pretty_exceptions_enable=False,
    **STYLE,
)
model = typer.Typer(cls=ModelGroup, help="See what a chat model can do.", **STYLE)
learn = typer.Typer(cls=LearnGroup, help="Record how models solve memory tasks, and learn from the rewards.", **STYLE)


def _show_version(value: bool) -> None:
    if value:
        from .. import __version__

        typer.echo(f"jitmem {__version__}")
        raise typer.Exit


@app.callback()
def jitmem(
    memory: MemoryPath = None,
    namespace: NamespaceName = None,
    json: JsonOutput = None,
    debug: Debug = None,
    version: Annotated[
        bool, Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""
