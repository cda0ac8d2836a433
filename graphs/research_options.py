"""The options of a research, with the searches and the output formats that there are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..nodes.options import BaseResearchOptions as AnyResearchOptions
from ..nodes.options import one_of_names
from ..nodes.present import OUTPUTS
from ..tools.searches import SEARCHES

TOOLS = tuple(search.name for search in SEARCHES)
Tool = Annotated[str, *one_of_names("search", TOOLS)]
Output = Annotated[str, *one_of_names("output", OUTPUTS)]


class ResearchOptions(AnyResearchOptions):
    """How a question is researched. Also the Researcher's context schema."""

    output: Output = Field(
        default="snippets", description="The integration alone, or followed by passages or whole pages."
    )
    tools: tuple[Tool, ...] = Field(default=TOOLS, min_length=1, description="Which searches may be used.")
