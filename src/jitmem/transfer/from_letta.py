"""Letta: an agent file (`.af`, either form), or the archival passages of an agent as the API lists them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from ..stores.errors import BadInput
from ..stores.records import Session
from ..stores.times import order_key
from .foreign_export import ForeignExport, json_or_none, objects, read_json, read_text, text_of, time_of

_RIGHT = 'it must be an agent file with "agents" or "core_memory", or a list of passages'
_NO_PLACE = ("tools", "mcp_servers", "files", "sources", "groups", "skills")  # of the file
_SECRET = ("tool_exec_environment_variables", "secrets")  # of an agent

_Placed = tuple[dict[str, Any], str]


def parse(file: BinaryIO, name: str) -> ForeignExport:
    """The block `human` becomes the core paragraph if there is none yet; other blocks and passages become semantic items;
    messages become sessions, one for each agent and day."""
    value, found = read_json(read_text(file, name), name, _RIGHT), ForeignExport()
    if isinstance(value, list):
        value = {"passages": value}
    if not isinstance(value, dict) or not {"agents", "core_memory", "passages"} & value.keys():
        raise BadInput(f"{name}: is not an agent file; {_RIGHT}.")
    if "agents" in value:
        blocks = {text_of(block, "id", where): (block, where) for block, where in _list(value, "blocks", name)}
        used: set[str] = set()
        for agent, where in objects(value["agents"], name, "agent"):
            ids = [str(one) for one in _values(agent, "block_ids", where)]
            used |= set(ids)
            own = [blocks[one] for one in ids if one in blocks]
            _add_agent(found, agent, [*own, *_list(agent, "memory_blocks", where)], where)
        _add_blocks(found, [block for one, block in blocks.items() if one not in used], "", None)
    elif "core_memory" in value:
        _add_agent(found, value, list(_list(value, "core_memory", name)), name)
    else:
        _add_passages(found, _list(value, "passages", name), "")
    for key in _NO_PLACE:
        found.skipped[key.replace("_", " ")] += _size(value.get(key))
    return found


def _values(record: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = record.get(key) or []
    if not isinstance(value, list):
        raise BadInput(f'{where}: "{key}" must be a list.')
    return value


def _size(value: object) -> int:
    return len(value) if isinstance(value, list | dict) else bool(value)


def _list(record: Mapping[str, Any], key: str, where: str) -> Iterator[_Placed]:
    what = {"core_memory": "block", "memory_blocks": "block", "archival_memory": "passage"}
    return objects(record.get(key) or [], where, what.get(key, key.removesuffix("s")))


def _add_agent(found: ForeignExport, agent: Mapping[str, Any], blocks: Sequence[_Placed], where: str) -> None:
    owner = str(agent.get("name") or agent.get("id") or "agent")
    messages = [(one, time_of(one, place, "created_at"), place) for one, place in _list(agent, "messages", where)]
    _add_blocks(found, blocks, owner, max((time for _, time, _ in messages if time), default=None, key=order_key))
    _add_passages(found, _list(agent, "passages" if agent.get("passages") else "archival_memory", where), owner)
    for key in _SECRET:
        found.skipped["variables and secrets of agents"] += _size(agent.get(key))
    found.skipped["system prompts"] += bool(agent.get("system"))
    by_day: dict[str, list[tuple[datetime | None, str, str]]] = {}
    for message, time, place in messages:
        for speaker, text in _turns(found, message, place):
            by_day.setdefault(f"{time:%Y-%m-%d}" if time else "", []).append((time, speaker, text))
    for day, spoken in by_day.items():
        turns = [(speaker, text) for _, speaker, text in spoken]
        digest = hashlib.sha256(json.dumps(turns).encode()).hexdigest()[
            :12
        ]  # a day with more messages is another session
        name = f"letta:{owner}:{day or 'undated'}:{digest}"
        metadata = {"source": "letta", "agent": owner}
        found.sessions.append(Session(turns=turns, time=spoken[0][0], metadata=metadata, id=name))


def _add_blocks(found: ForeignExport, blocks: Sequence[_Placed], owner: str, time: datetime | None) -> None:
    for block, where in blocks:
        value, label = text_of(block, "value", where).strip(), str(block.get("label") or "block")
        when = time_of(block, where, "updated_at", "created_at") or time
        text = value if label == "human" or not value else f"{label}: {value}"
        found.add(text, "core" if label == "human" else "semantic", when, owner, block, where)


def _add_passages(found: ForeignExport, passages: Iterator[_Placed], owner: str) -> None:
    for passage, where in passages:
        text = text_of(passage, "text", where)
        record = {key: value for key, value in passage.items() if key not in ("embedding", "embedding_config")}
        time = time_of(passage, where, "created_at")
        found.add(text, "semantic", time, owner, record, where)


def _turns(found: ForeignExport, message: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """`(speaker, text)` of people and agents; system and tool messages are skipped and counted."""
    role, text = str(message.get("role")), _text(message, where)
    if role in ("system", "tool"):
        found.skipped[f"messages of the {role}"] += 1
        return
    if role not in ("user", "assistant", "approval"):
        raise BadInput(f'{where}: there is no role {role!r:.40}; "role" is user, assistant, approval, system or tool.')
    if role == "user":
        texts = [_unwrap(found, text)]
    else:
        role = "assistant"
        texts = [_add_sent_message(found, call, where) for call in _values(message, "tool_calls", where)]
        if text and any(texts):  # with `send_message`, the text is inner monologue
            found.skipped["inner thoughts of agents"] += 1
        else:
            texts = [text, *texts]
    for one in texts:
        if one:
            yield str(message.get("name") or role), one


def _text(message: Mapping[str, Any], where: str) -> str:
    content = message.get("content", message.get("text"))
    if content is None or isinstance(content, str):
        return (content or "").strip()
    parts = [one["text"] for one, _ in objects(content, where, "content") if isinstance(one.get("text"), str)]
    return "\n".join(parts).strip()


def _unwrap(found: ForeignExport, text: str) -> str:
    """Unwrap a user message from Letta's JSON; other JSON messages are skipped and counted."""
    value = json_or_none(text)
    if not isinstance(value, dict) or "type" not in value:
        return text
    if value["type"] == "user_message" and isinstance(value.get("message"), str):
        return str(value["message"])
    found.skipped["notices of the system"] += 1
    return ""


def _add_sent_message(found: ForeignExport, call: object, where: str) -> str:
    """The text of a `send_message` call; other calls are skipped and counted."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise BadInput(f'{where}: a tool call must be an object with a "function".')
    if function.get("name") == "send_message":
        arguments = json_or_none(function.get("arguments"))
        if isinstance(arguments, dict) and isinstance(arguments.get("message"), str):
            return str(arguments["message"])
    found.skipped["calls of tools"] += 1
    return ""
