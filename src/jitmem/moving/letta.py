"""Letta: an agent file (`.af`, either form), or the archival passages of an agent as the API lists them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from ..stores.errors import BadInput
from ..stores.records import Session
from .found import Found, Remembered, contents, document, objects, text_of, time_of

_RIGHT = 'it must be an agent file with "agents" or "core_memory", or a list of passages'
_NO_PLACE = ("tools", "mcp_servers", "files", "sources", "groups", "skills")  # of the file
_SECRET = ("tool_exec_environment_variables", "secrets")  # of an agent


def find(file: BinaryIO, name: str) -> Found:
    """The block `human` is the core paragraph if there is none; other blocks and passages are knowledge; messages are
    sessions, one for each agent and day."""
    value, found = document(contents(file, name), name, _RIGHT), Found()
    if isinstance(value, list):
        _passages(found, value, name, "")
        return found
    if not isinstance(value, dict):
        raise BadInput(f"{name}: is no agent file; {_RIGHT}.")
    if "agents" in value:
        blocks = dict(_by_id(value.get("blocks") or [], name))
        used: set[str] = set()
        for agent, where in objects(value["agents"], name, "agent"):
            ids = [str(one) for one in agent.get("block_ids") or []]
            used |= set(ids)
            own = [blocks[one] for one in ids if one in blocks]
            _agent(found, agent, [*own, *objects(agent.get("memory_blocks") or [], where, "block")], where)
        _blocks(found, [block for one, block in blocks.items() if one not in used], "", None)
        for key in _NO_PLACE:
            found.leave(key.replace("_", " "), len(value.get(key) or []))
    elif "core_memory" in value:
        _agent(found, value, list(objects(value["core_memory"], name, "block")), name)
        found.leave("tools", len(value.get("tools") or []))
    elif "passages" in value:
        _passages(found, value["passages"], name, "")
    else:
        raise BadInput(f"{name}: is no agent file; {_RIGHT}.")
    return found


def _by_id(blocks: object, name: str) -> Iterator[tuple[str, tuple[dict[str, Any], str]]]:
    for block, where in objects(blocks, name, "block"):
        yield text_of(block, "id", where), (block, where)


def _agent(found: Found, agent: Mapping[str, Any], blocks: Sequence[tuple[dict[str, Any], str]], where: str) -> None:
    owner = str(agent.get("name") or agent.get("id") or "agent")
    messages = list(objects(agent.get("messages") or [], where, "message"))
    times = [time for one, place in messages if (time := time_of(one, place, "created_at"))]
    _blocks(found, blocks, owner, max(times, default=None))
    _passages(found, agent.get("passages") or agent.get("archival_memory") or [], where, owner)
    for key in _SECRET:
        found.leave("variables and secrets of agents", len(agent.get(key) or []))
    if agent.get("system"):
        found.leave("system prompts")
    by_day: dict[str, list[tuple[datetime | None, str, str]]] = {}
    for message, place in messages:
        time = time_of(message, place, "created_at")
        for who, said in _said(found, message, place):
            by_day.setdefault(f"{time:%Y-%m-%d}" if time else "", []).append((time, who, said))
    for day, spoken in by_day.items():
        turns = [(who, words) for _, who, words in spoken]
        mark = hashlib.sha256(json.dumps(turns).encode()).hexdigest()[:12]  # a day of which more is known is another
        metadata = {"source": "letta", "agent": owner}
        name = f"letta:{owner}:{day or 'undated'}:{mark}"
        found.sessions.append(Session(turns=turns, time=spoken[0][0], metadata=metadata, id=name))


def _blocks(found: Found, blocks: Sequence[tuple[dict[str, Any], str]], owner: str, time: datetime | None) -> None:
    for block, where in blocks:
        value, label = text_of(block, "value", where).strip(), str(block.get("label") or "block")
        if not value:
            found.leave("empty blocks")
            continue
        human = label == "human"
        when = time_of(block, where, "updated_at", "created_at") or time
        text = value if human else f"{label}: {value}"
        found.memories.append(Remembered(text, "core" if human else "semantic", when, owner, block, where))


def _passages(found: Found, passages: object, where: str, owner: str) -> None:
    for passage, place in objects(passages, where, "passage"):
        text = text_of(passage, "text", place)
        record = {key: value for key, value in passage.items() if key not in ("embedding", "embedding_config")}
        if not text.strip():
            found.leave("empty passages")
            continue
        time = time_of(passage, place, "created_at")
        found.memories.append(Remembered(text, "semantic", time, owner, record, place))


def _said(found: Found, message: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """`(speaker, words)` of a message; what the machinery says to itself is left out and counted."""
    role, text = str(message.get("role")), _text(message, where)
    if role in ("system", "tool"):
        found.leave(f"messages of the {role}")
        return
    if role == "user":
        text = _unpacked(found, text)
        if text:
            yield str(message.get("name") or "user"), text
        return
    if role not in ("assistant", "approval"):
        raise BadInput(f'{where}: there is no role {role!r:.40}; "role" is user, assistant, approval, system or tool.')
    sent = [words for call in message.get("tool_calls") or [] if (words := _sent(found, call, where))]
    if sent and text:  # beside a message that is sent, the text is what the agent thinks
        found.leave("inner thoughts of agents")
        text = ""
    for words in [*([text] if text else []), *sent]:
        yield str(message.get("name") or "assistant"), words


def _text(message: Mapping[str, Any], where: str) -> str:
    content = message.get("content", message.get("text"))
    if content is None or isinstance(content, str):
        return (content or "").strip()
    parts = [one["text"] for one, _ in objects(content, where, "content") if isinstance(one.get("text"), str)]
    return "\n".join(parts).strip()


def _unpacked(found: Found, text: str) -> str:
    """Letta wraps what a person says, and what its clock says, in JSON."""
    try:
        value = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or "type" not in value:
        return text
    if value["type"] == "user_message" and isinstance(value.get("message"), str):
        return str(value["message"])
    found.leave("notices of the system")
    return ""


def _sent(found: Found, call: object, where: str) -> str:
    """What the tool `send_message` says to a person; other calls are left out and counted."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise BadInput(f'{where}: a tool call must be an object with a "function".')
    if function.get("name") == "send_message":
        try:
            arguments = json.loads(function.get("arguments") or "{}")
        except (TypeError, ValueError, RecursionError):
            arguments = None
        if isinstance(arguments, dict) and isinstance(arguments.get("message"), str):
            return str(arguments["message"])
    found.leave("calls of tools")
    return ""
