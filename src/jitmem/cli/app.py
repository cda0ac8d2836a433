"""The commands and what they have in common; `jitmem --help`."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Option

from . import deletion, demo, doctor, evals, items, learn, mcp, memorize, namespaces, pages, research, transfer
from .settings import (
    Debug,
    DemoCommand,
    EmbeddingCommand,
    JitmemCommand,
    JitmemGroup,
    MemoryPath,
    ModelCommand,
    NamespaceName,
)

app = typer.Typer(
    cls=JitmemGroup,
    help="Just-in-time memory for agents: it keeps every session word for word, and thinks when somebody asks.",
    epilog=(
        "The options above may also stand after the command.\n\n"
        "\b\nTo start:\n"
        "  jitmem demo                                   a sample history and six questions\n"
        "  jitmem memorize notes/                        keep your own\n"
        '  jitmem research "Where does Ana work now?"    ask'
    ),
    no_args_is_help=True,
    rich_markup_mode=None,  # else typer reads [brackets] in help texts as markup
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


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
    """The options of all commands."""


for function, summary, examples, kind in (
    (memorize.memorize, "File sessions from files, folders or standard input.", memorize.EXAMPLES, ModelCommand),
    (research.research, "Answer a question with a small, cited context.", research.EXAMPLES, ModelCommand),
    (pages.recall, "Find passages, with no chat model.", pages.RECALL_EXAMPLES, EmbeddingCommand),
    (pages.pages, "List the pages, or read one.", pages.PAGES_EXAMPLES, JitmemCommand),
    (items.items, "List memory items.", items.ITEMS_EXAMPLES, JitmemCommand),
    (items.insert, "Add a memory item.", items.INSERT_EXAMPLES, JitmemCommand),
    (items.update, "Change an item, or the core paragraph.", items.UPDATE_EXAMPLES, JitmemCommand),
    (items.delete, "Delete an item.", items.DELETE_EXAMPLES, JitmemCommand),
    (items.history, "Show every version of an item.", items.HISTORY_EXAMPLES, JitmemCommand),
    (items.undo, "Undo a change.", items.UNDO_EXAMPLES, JitmemCommand),
    (
        items.proposals,
        "List the edits that wait for a decision, or decide one.",
        items.PROPOSALS_EXAMPLES,
        JitmemCommand,
    ),
    (namespaces.namespaces, "List the namespaces of the folder.", namespaces.NAMESPACES_EXAMPLES, JitmemCommand),
    (namespaces.share, "Let another namespace read this one.", namespaces.SHARE_EXAMPLES, JitmemCommand),
    (transfer.export, "Write everything as lines of JSON.", transfer.EXPORT_EXAMPLES, JitmemCommand),
    (transfer.import_, "Read an export, ours or another memory's.", transfer.IMPORT_EXAMPLES, ModelCommand),
    (transfer.backup, "Copy the memory while others write it.", transfer.BACKUP_EXAMPLES, JitmemCommand),
    (deletion.forget, "Delete something for good, bytes and all.", deletion.FORGET_EXAMPLES, JitmemCommand),
    (deletion.retention, "Set how long records are kept.", deletion.RETENTION_EXAMPLES, JitmemCommand),
    (deletion.purge, "Erase what is too old, and finish what is pending.", deletion.PURGE_EXAMPLES, JitmemCommand),
    (mcp.mcp, "Serve the memory's tools to an MCP client.", mcp.EXAMPLES, ModelCommand),
    (doctor.doctor, "Check the memory, repair what is derived, or salvage it.", doctor.EXAMPLES, JitmemCommand),
    (pages.stats, "Count what is kept.", pages.STATS_EXAMPLES, JitmemCommand),
    (pages.graph, "Draw the two graphs as Mermaid.", pages.GRAPH_EXAMPLES, JitmemCommand),
    (demo.demo, "A sample history and six questions.", demo.EXAMPLES, DemoCommand),
):
    name = function.__name__.removesuffix("_")
    app.command(name, cls=kind, epilog=examples, short_help=summary)(function)
app.add_typer(evals.app, name="eval", short_help="Measure a memory on public data.")
app.add_typer(learn.app, name="learn", short_help="Record how models do the work, and learn from it.")
