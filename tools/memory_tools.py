"""All tools of a memory, bound to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from langchain_core.tools import BaseTool

from ..stores.errors import BadInput
from ..stores.records import MemoryItem, Page
from ..stores.times import Now
from ..stores.trace_guard import TraceLevel
from .edit_items import edit_tools
from .editor import Editor
from .expose import NamedTool, RunnableSearch, as_tool, search_spec
from .memory_specs import memory_specs
from .read_tools import ASK, FIND, READ, ItemFinder, Researchers, ask_tool, find_tool, read_tool
from .searches import SEARCHES, HybridSearch

_PAGE_SEARCHES: tuple[type[NamedTool], ...] = (*SEARCHES, HybridSearch)
SPECS = {spec.name: spec for spec in (*map(search_spec, _PAGE_SEARCHES), READ, ASK, FIND, *memory_specs())}
TOOLS = tuple(SPECS)
"""The name of every tool, in the order in which they are handed out."""
USUAL = tuple(name for name in TOOLS if name not in [search_spec(search).name for search in SEARCHES])
"""Those that an agent needs: `search_pages` is the best first try, and `research_memory` runs every search."""


def make_tools(
    *,
    searches: Iterable[RunnableSearch] = (),
    record: Callable[[str], Page | MemoryItem] | None = None,
    research: Researchers | None = None,
    items: ItemFinder | None = None,
    editor: Editor | None = None,
    include: Collection[str] | None = None,
    now: Now = None,
    trace_level: TraceLevel = "none",
) -> list[BaseTool]:
    """A tool for everything that is given, in the order of `TOOLS`; of these only those that `include` names. `now` is
    that of their questions.

    `BadInput` for a name in `include` that is no tool, or none of what is given: an editor that may not write has none.
    """
    made = [as_tool(search, now) for search in searches]
    made += [read_tool(record)] if record else []
    made += [ask_tool(research, now)] if research else []
    made += [find_tool(items)] if items else []
    made += edit_tools(editor) if editor else []
    for tool in made:
        tool.trace_level = trace_level
    return [tool for tool in made if tool.name in validate_names(include, [tool.name for tool in made])]


def validate_names(include: Collection[str] | None, there: Collection[str]) -> Collection[str]:
    """The names that are wanted; `BadInput` for one that is not there."""
    chosen = there if include is None else [include] if isinstance(include, str) else include
    if unknown := [name for name in chosen if name not in there]:
        raise BadInput(f"There is no tool {unknown[0]!r} here; there are {', '.join(there)}.")
    return chosen
