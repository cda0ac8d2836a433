"""The commands and what they have in common; `jitmem --help`."""

from __future__ import annotations

from typing import Annotated

import typer

from . import doctor, evals, forgetting, items, learn, looking, mcp, memorize, moving, research, sharing

app = typer.Typer(
    help="Just-in-time memory for agents: it keeps every session word for word, and thinks when somebody asks.",
    epilog=(
        "\b\nTo start:\n"
        "  jitmem demo                                   a sample history and six questions\n"
        "  jitmem memorize notes/                        keep your own\n"
        '  jitmem research "Where does Ana work now?"    ask'
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # else typer reads [brackets] in help texts as markup
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"jitmem {__version__}")
        raise typer.Exit


@app.callback()
def jitmem(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Carries the options that come before a command."""


app.command(epilog=memorize.EXAMPLES, short_help="Keep sessions from files, folders or standard input.")(
    memorize.memorize
)
app.command(epilog=research.EXAMPLES, short_help="Answer a question with a small, cited context.")(research.research)
app.command(epilog=looking.RECALL_EXAMPLES, short_help="Find passages, with no model call.")(looking.recall)
app.command(epilog=looking.PAGES_EXAMPLES, short_help="List the pages, or read one.")(looking.pages)
app.command(epilog=items.ITEMS_EXAMPLES, short_help="List what is held worth knowing.")(items.items)
app.command(epilog=items.REMEMBER_EXAMPLES, short_help="Keep one thing worth knowing.")(items.remember)
app.command(epilog=items.EDIT_EXAMPLES, short_help="Change an item, or the core paragraph.")(items.edit)
app.command(epilog=items.DELETE_EXAMPLES, short_help="Take an item away.")(items.delete)
app.command(epilog=items.HISTORY_EXAMPLES, short_help="Show every version of an item.")(items.history)
app.command(epilog=items.UNDO_EXAMPLES, short_help="Take a change back.")(items.undo)
app.command(epilog=items.PROPOSALS_EXAMPLES, short_help="List the edits that wait for a yes, or decide one.")(
    items.proposals
)
app.command(epilog=sharing.NAMESPACES_EXAMPLES, short_help="List whose memories the folder holds.")(sharing.namespaces)
app.command(epilog=sharing.SHARE_EXAMPLES, short_help="Let another namespace read this one.")(sharing.share)
app.command("export", epilog=moving.EXPORT_EXAMPLES, short_help="Write all that is kept as lines of JSON.")(
    moving.export
)
app.command("import", epilog=moving.IMPORT_EXAMPLES, short_help="Bring an export in, ours or another memory's.")(
    moving.import_
)
app.command(epilog=moving.BACKUP_EXAMPLES, short_help="Copy the memory while others write it.")(moving.backup)
app.command(epilog=forgetting.FORGET_EXAMPLES, short_help="Take something out for good, bytes and all.")(
    forgetting.forget
)
app.command(epilog=forgetting.RETAIN_EXAMPLES, short_help="Say how long what is kept.")(forgetting.retain)
app.command(epilog=forgetting.SWEEP_EXAMPLES, short_help="Erase what is too old, and finish what is pending.")(
    forgetting.sweep
)
app.command(epilog=mcp.EXAMPLES, short_help="Serve the memory's tools to an MCP client.")(mcp.mcp)
app.command(epilog=doctor.EXAMPLES, short_help="Examine the memory, mend what is derived, or salvage it.")(
    doctor.doctor
)
app.command(epilog=looking.STATS_EXAMPLES, short_help="Count what is kept.")(looking.stats)
app.command(epilog=looking.GRAPH_EXAMPLES, short_help="Draw the two graphs as Mermaid.")(looking.graph)
app.command(epilog=looking.DEMO_EXAMPLES, short_help="A sample history and six questions.")(looking.demo)
app.add_typer(evals.app, name="eval", short_help="Measure a memory on public data.")
app.add_typer(learn.app, name="learn", short_help="Record how models do the work, and learn from it.")
