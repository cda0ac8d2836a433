"""What was said in a turn of an agent, as a session that is filed once, even if it is handed over again.

A turn begins with the first message that no page of its thread holds yet. A page of a thread holds a message if the session
names its key, a hash of the message's id and text, in its metadata: an edited message under an old id is new.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage
from langgraph.config import get_config
from typing_extensions import TypedDict  # of typing's, pydantic makes no schema before Python 3.12

from ..nodes.message_text import message_text
from ..stores import recall_markers
from ..stores.records import Session
from ..stores.truth.thread_sessions import metadata_by_id

if TYPE_CHECKING:
    from ..memory import Memory

MESSAGES = "messages"
"""The key of a session's metadata under which the keys of its messages stand."""
_LONGEST = 1400  # characters of a question that are searched for: more dilutes what is asked


class AgentTurn(TypedDict):
    """A turn that is not memorized yet, as the agent's state keeps it.

    `after` is the id of the last message before it ("" for none), `at` when it began, in ISO form ("" for a turn that is
    over). `heard` is what came in: a summary may take the place of it in the agent's messages before the turn ends.
    `namespace` is whose turn it is.
    """

    after: str
    at: str
    heard: list[BaseMessage]
    namespace: str


@dataclass(frozen=True, slots=True)
class Thread:
    """What a memory holds of a thread: the ids of its sessions, and of each message (by a hash of its id) the hashes of
    the texts that it was filed with."""

    id: str | None
    sessions: Collection[str] = ()
    messages: Mapping[str, Collection[str]] = field(default_factory=dict)

    def holds(self, message: BaseMessage) -> bool:
        """Whether a session has the message as it stands."""
        return message.id is not None and _hash(message_text(message)) in self.messages.get(_hash(message.id), ())

    def knows(self, message: BaseMessage) -> bool:
        """Whether a session has the message, as it stands or as it was before an edit."""
        return message.id is not None and _hash(message.id) in self.messages


def thread_of(memory: Memory) -> Thread:
    """The thread of this run, as far as the memory has it."""
    thread_id = get_config().get("configurable", {}).get("thread_id")
    if thread_id is None:
        return Thread(None)
    sessions = metadata_by_id(memory._runtime.archive.pages.namespace, _prefix(str(thread_id)))
    messages: dict[str, set[str]] = {}
    for metadata in sessions.values():
        for key in metadata.get(MESSAGES, ()):
            name, _, text = key.partition("-")
            messages.setdefault(name, set()).add(text)
    return Thread(str(thread_id), sessions.keys(), messages)


def start_turn(messages: Sequence[BaseMessage], left: AgentTurn | None, thread: Thread, namespace: str) -> AgentTurn:
    """The turn that begins with the first of these messages that the thread does not hold yet.

    A turn that was `left` without being memorized, as the agent failed or was interrupted for good, is part of it. Without
    a thread it begins with what people said last: what is before is a history that was handed in.
    """
    start = _start(messages, left, thread)
    edited = [message for message in messages[:start] if thread.knows(message) and not thread.holds(message)]
    heard = [*edited, *messages[start:]]
    if left is not None and left["at"]:
        before = [message for message in left["heard"] if message.id not in {one.id for one in heard}]
        return AgentTurn(after=left["after"], at=left["at"], heard=[*before, *heard], namespace=namespace)
    after = messages[start - 1].id or "" if start else ""
    # To the microsecond: two sessions of the same text and time are one to the journal.
    at = datetime.now().astimezone().isoformat(timespec="microseconds")
    return AgentTurn(after=after, at=at, heard=heard, namespace=namespace)


def end_turn(messages: Sequence[BaseMessage], turn: AgentTurn) -> AgentTurn:
    """What is left of a turn that was memorized: where the next one begins, also if its pages are forgotten."""
    return AgentTurn(after=messages[-1].id or "" if messages else "", at="", heard=[], namespace=turn["namespace"])


def _start(messages: Sequence[BaseMessage], left: AgentTurn | None, thread: Thread) -> int:
    ids = [message.id for message in messages]
    if left is not None and left["after"] in ids:
        known = ids.index(left["after"]) + 1
        return known if left["at"] else max([known, *(at + 1 for at, one in enumerate(messages) if thread.knows(one))])
    if thread.id is not None and None not in ids:
        return max((at + 1 for at, message in enumerate(messages) if thread.knows(message)), default=0)
    people = [at for at, message in enumerate(messages) if isinstance(message, HumanMessage)]
    start = people[-1] if people else len(messages)
    while people and start and isinstance(messages[start - 1], HumanMessage):
        start -= 1
    return start


def question_of(messages: Sequence[BaseMessage]) -> str:
    """What to look for: the last thing that a person said, of a long one the beginning and the end; "" for none."""
    text = next((message.text for message in reversed(messages) if is_human(message)), "").strip()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}\n…\n{text[-_LONGEST // 2 :]}"


def session_of_turn(
    messages: Sequence[BaseMessage], turn: AgentTurn, thread: Thread, own_tools: Collection[str] = ()
) -> Session | None:
    """What was said in the turn, of all `messages` of the agent, and the thread does not hold yet; None for nothing.

    What tools recalled from memory is left out, of our `own_tools` also where it was cut. The id is made from the thread
    and the messages: a session that was accepted and is not filed yet comes back as it was.
    """
    spoken = [message for message in _turn_messages(messages, turn) if _is_spoken(message)]
    said = [message for message in spoken if not thread.holds(message)]
    if spoken and not said and _session_id(thread, spoken) in thread.sessions:
        said = spoken
    if not said:
        return None
    metadata: dict[str, Any] = {} if thread.id is None else {"thread_id": thread.id, MESSAGES: [*map(_key, said)]}
    return Session(
        messages=[_without_recalled(message, own_tools) for message in said],
        id=_session_id(thread, said),
        time=turn["at"],
        metadata=metadata,
    )


def _turn_messages(messages: Sequence[BaseMessage], turn: AgentTurn) -> list[BaseMessage]:
    ids = [message.id for message in messages]
    # A message that is gone was summarized, and all before it: what is left was said after it.
    start = ids.index(turn["after"]) + 1 if turn["after"] in ids else 0
    now = {message.id: message for message in messages}
    there = {message.id for message in messages[start:]}
    heard = [now.get(message.id, message) for message in turn["heard"] if message.id not in there]
    return [*heard, *messages[start:]]


def _is_spoken(message: BaseMessage) -> bool:
    if isinstance(message, SystemMessage | RemoveMessage) or _is_summary(message):
        return False
    return bool(message_text(message).strip())


def is_human(message: BaseMessage) -> bool:
    """Whether a person said it, in words or otherwise."""
    return isinstance(message, HumanMessage) and not _is_summary(message) and bool(message_text(message).strip())


def _is_summary(message: BaseMessage) -> bool:
    """LangChain's summaries come as human messages, and carry a note."""
    return message.additional_kwargs.get("lc_source") == "summarization"


def _without_recalled(message: BaseMessage, own_tools: Collection[str]) -> BaseMessage:
    if not isinstance(message, ToolMessage):
        return message
    given = message_text(message.model_copy(update={"status": "success"}))
    text = recall_markers.without_recalled(given)
    if message.name in own_tools and (at := text.find(recall_markers.RECALLED_OPEN)) >= 0:
        text = f"{text[:at]}[recalled from memory]"  # a result that somebody cut
    return message if text == given else message.model_copy(update={"content": text})


# -- keys --------------------------------------------------------------------------------------------------


def _session_id(thread: Thread, messages: Sequence[BaseMessage]) -> str:
    ids = json.dumps([thread.id, *(_key(message) if message.id else str(at) for at, message in enumerate(messages))])
    return f"{'turn-' if thread.id is None else _prefix(thread.id)}{_hash(ids, 24)}"


def _prefix(thread_id: str) -> str:
    return f"turn-{_hash(thread_id, 12)}-"


def _key(message: BaseMessage) -> str:
    return f"{_hash(message.id or '')}-{_hash(message_text(message))}"


def _hash(text: str, length: int = 10) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:length]
