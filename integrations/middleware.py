"""Memory for any agent of LangChain's `create_agent`, by one line.

    agent = create_agent(model, tools, middleware=[memory.middleware()])

Before a turn it recalls what the turn needs and shows it to the model behind what a person said last, never in the messages
that are kept; the core paragraph stands in a block of its own at the end of the system message. After the turn what was said
is memorized: in the journal at once, filed in the background.
A memory that fails never ends a run: the agent continues without it, a warning is logged, and a `custom` stream event
`{"event": "failed", "step": "recall" | "memorize", "error", "message"}` tells of it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypeVar, get_args

from langgraph.runtime import Runtime
from langgraph.types import TracePolicy, omit_payload
from typing_extensions import TypedDict  # of typing's, pydantic makes no schema before Python 3.12

from ..graphs.research_options import ResearchOptions
from ..nodes.llm.sync_async import run_async, run_sync
from ..nodes.options import Effort, with_changes
from ..stores.errors import BadInput, MissingPackage
from ..stores.times import Now
from ..tools.memory_tools import USUAL

try:
    from langchain.agents.middleware import AgentMiddleware, ModelRequest
    from langchain.agents.middleware.types import PrivateStateAttr
except ImportError as error:
    raise MissingPackage('The middleware needs langchain; install it with: pip install "jitmem[agents]"') from error

if TYPE_CHECKING:
    from langgraph.prebuilt.tool_node import ToolCallRequest

    from ..memory import Memory

T = TypeVar("T")
Inject = Literal["human", "message", "system"]
NameOf = Callable[[Any], str | None]
"""From the `Runtime` of a run (its `context` above all) to a namespace; None for a run that is nobody's."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")


class MiddlewareOptions(TypedDict, total=False):
    """As `JitmemMiddleware` takes them."""

    name: str | None
    single_user: bool | None
    effort: Effort | None
    tools: bool | Sequence[str]
    context_tokens: int
    memorize: bool
    background: bool
    inject: Inject
    namespace: NameOf | None
    now: Now
    min_confidence: float


@dataclass(frozen=True, slots=True)
class AgentMemory:
    """A memory as an agent uses it: the options of its middleware, checked, and its tools."""

    memory: Memory
    label: str | None
    single_user: bool
    effort: Effort | None
    context_tokens: int
    memorize: bool
    background: bool
    inject: Inject
    namespace: NameOf | None
    now: Now
    min_confidence: float
    tools: list[Any] = field(default_factory=list)
    warned: threading.Event = field(default_factory=threading.Event)

    def key(self, part: str) -> str:
        """The name of a part of the agent's state."""
        return f"jitmem_{part}" if self.label is None else f"jitmem_{self.label}_{part}"

    def with_label(self, tool: Any) -> Any:
        """The tool under the name that tells several memories apart."""
        if self.label is None:
            return tool
        description = f'{tool.description} Of the memory "{self.label}".'
        return tool.model_copy(update={"name": f"{self.label}_{tool.name}", "description": description})

    def is_ours(self, tool: Any) -> bool:
        """Whether it is one of the memory's tools."""
        return any(tool is one for one in self.tools)


class JitmemMiddleware(AgentMiddleware[Any, Any, Any]):
    """See `Memory.middleware`. Thread-safe; one agent serves as many users as its runs name."""

    def __init__(
        self,
        memory: Memory,
        *,
        name: str | None = None,
        single_user: bool | None = None,
        effort: Effort | None = "recall",
        tools: bool | Sequence[str] = True,
        context_tokens: int = 1000,
        memorize: bool = True,
        background: bool = True,
        inject: Inject = "human",
        namespace: NameOf | None = None,
        now: Now = None,
        min_confidence: float = 0.0,
    ) -> None:
        """`effort`: how what a turn needs is looked for ("recall" asks no model), None for not at all; the core memory
        is shown in any case. `tools`: all that an agent needs, none, or those that are named. `background=False`
        files a turn before the run ends. `inject`: where what was recalled stands: at the end of the last "human"
        message, in a "message" of its own behind it, or at the end of the "system" message. `name` tells several memories
        of one agent apart: it is part of the names of their state and tools. `now` is when a turn is spoken: given, or
        asked for at each. What was found with less than `min_confidence` (see `Research.confidence`) is not shown.

        `namespace` names the user of a run; what it raises ends the run. Without it that is the run's `user_id`; a run
        without one gets no memory. With `single_user` every run uses this very memory; that is the default for a memory
        that `for_namespace` returned.

        `BadInput` for an option that cannot be.
        """
        super().__init__()
        with_changes(ResearchOptions(), {"effort": effort, "context_tokens": context_tokens})
        if name is not None and not _NAME.fullmatch(name):
            raise BadInput(f"The name of a middleware is letters, digits and _, at most 32, not {name!r:.60}.")
        if inject not in get_args(Inject):
            raise BadInput(f"inject is one of {', '.join(get_args(Inject))}, not {inject!r:.60}.")
        if namespace is not None and single_user:
            raise BadInput("Give a namespace for each run or single_user=True, not both.")
        if not 0 <= min_confidence <= 1:
            raise BadInput(f"min_confidence is from 0 to 1, not {min_confidence!r:.60}.")
        self.memory = memory
        if memory._runtime.trace_level != "content":
            self.trace_policy = TracePolicy(process_inputs=omit_payload, process_outputs=omit_payload)
        own = namespace is None and (memory is not memory.root if single_user is None else single_user)
        self._agent = AgentMemory(
            memory, name, own, effort, context_tokens, memorize, background, inject, namespace, now, min_confidence
        )
        self._agent.tools.extend(map(self._agent.with_label, _select_tools(memory, tools, now)))
        self.tools = self._agent.tools
        self.state_schema = _state_schema(self._agent.key)

    @property
    def name(self) -> str:
        """What the nodes of the agent's graph are called by."""
        return "JitmemMiddleware" if self._agent.label is None else f"JitmemMiddleware_{self._agent.label}"

    def before_agent(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any]:
        """Recall what the turn needs."""
        return run_sync(_hooks().recall_for_turn(self._agent, state, runtime))

    async def abefore_agent(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any]:
        """`before_agent`, awaited."""
        return await run_async(_hooks().recall_for_turn(self._agent, state, runtime))

    def wrap_model_call(self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], T]) -> T:
        """Show it to the model."""
        return handler(_hooks().with_memory(self._agent, request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[T]]
    ) -> T:
        """`wrap_model_call`, awaited."""
        return await handler(_hooks().with_memory(self._agent, request))

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        """A tool of the memory goes to the memory of the run's user; when it fails, the model gets an error message.
        A tool that hands over to another agent ends the turn here: no `after_agent` is run."""
        hooks = _hooks()
        try:
            result = handler(hooks.bind_tool(self._agent, request))
        except Exception as error:
            return hooks.tool_error_message(self._agent, request, error)
        if hooks.leaves_agent(result):
            run_sync(hooks.memorize_turn(self._agent, request.state, request.runtime))
        return result

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """`wrap_tool_call`, awaited."""
        hooks = _hooks()
        try:
            result = await handler(hooks.bind_tool(self._agent, request))
        except Exception as error:
            return hooks.tool_error_message(self._agent, request, error)
        if hooks.leaves_agent(result):
            await run_async(hooks.memorize_turn(self._agent, request.state, request.runtime))
        return result

    def after_agent(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Memorize what was said."""
        update: dict[str, Any] | None = run_sync(_hooks().memorize_turn(self._agent, state, runtime))
        return update

    async def aafter_agent(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """`after_agent`, awaited."""
        return await run_async(_hooks().memorize_turn(self._agent, state, runtime))


def _hooks() -> Any:
    """Needed once an agent runs."""
    from . import agent_hooks

    return agent_hooks


def _state_schema(key: Callable[[str], str]) -> Any:
    """What the middleware keeps in the agent's state; neither in its input nor in its output."""
    fields = {"core": str, "recalled": str, "turn": dict[str, Any] | None}
    make: Any = TypedDict
    return make(
        key("state"), {key(part): NotRequired[Annotated[kind, PrivateStateAttr]] for part, kind in fields.items()}
    )


def _select_tools(memory: Memory, tools: bool | Sequence[str], now: Now) -> list[Any]:
    if isinstance(tools, bool):
        return [tool for tool in memory.tools(now=now) if tool.name in USUAL] if tools else []
    return memory.tools(tools, now=now)
