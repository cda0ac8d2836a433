"""The list of commands, and the options of all of them: `jitmem --help`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from typer import Option

from . import (
    admin,
    demo,
    doctor,
    evals,
    items,
    learn_rollouts,
    learn_training,
    mcp,
    memorize,
    model,
    pages,
    research,
    transfer,
)
from .settings import (
    STYLE,
    Debug,
    JitmemCommand,
    JitmemGroup,
    MemoryPath,
    NamespaceName,
)

app = typer.Typer(
    cls=JitmemGroup,
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
models = typer.Typer(help="See what a chat model can do.", **STYLE)
learn = typer.Typer(help="Record how models solve memory tasks, and learn from the rewards.", **STYLE)


def _show_version(value: bool) -> None:
    if value:
        from .. import __version__

        typer.echo(f"jitmem {__version__}")
        raise typer.Exit


@app.callback()
def jitmem(
    memory: MemoryPath = None,
    namespace: NamespaceName = None,
    debug: Debug = None,
    version: Annotated[
        bool, Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""


_COMMANDS: tuple[tuple[typer.Typer, tuple[Callable[..., None], ...]], ...] = (
    (
        app,
        (
            memorize.memorize,
            research.research,
            pages.recall,
            pages.pages,
            items.items,
            items.insert,
            items.update,
            items.delete,
            items.history,
            items.undo,
            items.proposals,
            admin.namespaces,
            admin.share,
            transfer.export,
            transfer.import_,
            transfer.backup,
            admin.forget,
            admin.retention,
            admin.purge,
            mcp.mcp,
            doctor.doctor,
            pages.stats,
            pages.graph,
            demo.demo,
        ),
    ),
    (models, (model.check,)),
    (evals.app, (evals.compare, evals.sources, evals.report)),
    (
        learn,
        (
            learn_rollouts.rollout,
            learn_rollouts.advantages,
            learn_training.prompts,
            learn_rollouts.export,
            learn_training.grpo,
            learn_training.evaluate,
        ),
    ),
)
for group, functions in _COMMANDS:
    for function in functions:
        group.command(function.__name__.removesuffix("_"), cls=JitmemCommand)(function)
evals.app.command("run", cls=JitmemCommand, hidden=True)(evals.run)
app.add_typer(models, name="model", short_help="Check whether a chat model is fit for each step.")
app.add_typer(evals.app, name="eval", short_help="Run benchmarks on public data.")
app.add_typer(learn, name="learn", short_help="Record rollouts, and learn from their rewards.")
