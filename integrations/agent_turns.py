"""What was said in a turn of an agent, as a session that is filed once, even if it is handed over again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage
from langgraph.runtime import Runtime
from typing_extensions import TypedDict  # of typing's, pydantic makes no schema before Python 3.12

from ..stores import recall_markers
from ..stores.records import Session


class AgentTurn(TypedDict):
    """A turn that is not memorized yet, as the agent's state keeps it.

    `after` is the id of the last message before it ("" for none), `at` when it began, in ISO form. `heard` is what
    came in: a summary may take the place of it in the agent's messages before the turn ends.
    """

    after: str
    at: str
    heard: list[BaseMessage]


def start_turn(messages: Sequence[BaseMessage], left: AgentTurn | None) -> AgentTurn:
    """The turn that begins with these messages: with what came in since an AI or a tool spoke last.

    A turn that was `left` without being memorized, as the agent failed or was interrupted for good, is part of it.
    """
    spoke = [at for at, message in enumerate(messages) if isinstance(message, AIMessage | ToolMessage)]
    start = spoke[-1] + 1 if spoke else 0
    heard = list(messages[start:])
    if left is not None:
        before = [message for message in left["heard"] if message.id not in {one.id for one in heard}]
        return AgentTurn(after=left["after"], at=left["at"], heard=[*before, *heard])
    after = messages[start - 1].id or "" if start else ""
    # To the microsecond: two sessions of the same text and time are one to the journal.
    return AgentTurn(after=after, at=datetime.now().astimezone().isoformat(timespec="microseconds"), heard=heard)


def last_human_text(messages: Sequence[BaseMessage]) -> str:
    """The text of the last thing that a person said; "" for none."""
    return next((message.text for message in reversed(messages) if _is_human(message)), "").strip()


def session_of_turn(messages: Sequence[BaseMessage], turn: AgentTurn, runtime: Runtime[Any]) -> Session | None:
    """What was said in the turn, of all `messages` of the agent; None for nothing.

    What tools recalled from memory is left out. The id is made from the ids of the run's thread and of the messages.
    """
    said = _turn_messages(messages, turn)
    if not said:
        return None
    thread_id = runtime.execution_info.thread_id if runtime.execution_info else None
    ids = json.dumps([thread_id, *(message.id or str(at) for at, message in enumerate(said))])
    return Session(
        messages=[_without_recalled(message) for message in said],
        id=f"turn-{hashlib.sha256(ids.encode()).hexdigest()[:24]}",
        time=turn["at"],
        metadata={"thread_id": thread_id} if thread_id else {},
    )


def _turn_messages(messages: Sequence[BaseMessage], turn: AgentTurn) -> list[BaseMessage]:
    ids = [message.id for message in messages]
    # A message that is gone was summarized, and all before it: what is left was said after it.
    start = ids.index(turn["after"]) + 1 if turn["after"] in ids else 0
    gone = [message for message in turn["heard"] if message.id not in ids]
    return [message for message in [*gone, *messages[start:]] if _is_spoken(message)]


def _is_spoken(message: BaseMessage) -> bool:
    if isinstance(message, HumanMessage):
        return _is_human(message)
    if isinstance(message, AIMessage):
        return bool(message.content or message.tool_calls)
    return not isinstance(message, SystemMessage | RemoveMessage)


def _is_human(message: BaseMessage) -> bool:
    """LangChain's summaries come as human messages, and carry a note."""
    summary = message.additional_kwargs.get("lc_source") == "summarization"
    said = message.content.strip() if isinstance(message.content, str) else message.content
    return isinstance(message, HumanMessage) and not summary and bool(said)


def _without_recalled(message: BaseMessage) -> BaseMessage:
    if not isinstance(message, ToolMessage):
        return message
    content = message.content
    if isinstance(content, str):
        return message.model_copy(update={"content": recall_markers.without_recalled(content)})
    blocks = [
        {**block, "text": recall_markers.without_recalled(block["text"])}
        if isinstance(block, dict) and isinstance(block.get("text"), str)
        else recall_markers.without_recalled(block)
        if isinstance(block, str)
        else block
        for block in content
    ]
    return message.model_copy(update={"content": blocks})
