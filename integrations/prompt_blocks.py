"""Put what a memory holds into the messages of one model call, where it leaves the provider's prompt cache intact.

A cache keeps the longest beginning that two prompts share. So the system message changes only with the core paragraph, which
is a block of its own at its end, and what was recalled for the turn stands behind all that stays: at the end of the last
message of a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage, SystemMessage

from .agent_turns import is_human

if TYPE_CHECKING:
    from .middleware import Inject

_CACHE_POINTS = 4  # that Anthropic's API takes in one request


def with_block(message: SystemMessage | None, text: str, model: Any = None, cached: int = 0) -> SystemMessage:
    """The system message with the text behind it, as a block of its own where the message has blocks or the provider of
    `model` caches by blocks; `cached` blocks of the request are marked for that already."""
    provider = str(getattr(model, "_llm_type", "")) if model is not None else ""
    anthropic, bedrock = provider.startswith("anthropic"), provider == "amazon_bedrock_converse_chat"
    if message is None or (isinstance(message.content, str) and not anthropic and not bedrock):
        if message is None and not anthropic and not bedrock:
            return SystemMessage(text)
        if message is not None:
            return message.model_copy(update={"content": f"{message.content}\n\n{text}"})
    before: list[Any] = []
    if message is not None:
        before = [{"type": "text", "text": message.content}] if isinstance(message.content, str) else [*message.content]
    block: dict[str, Any] = {"type": "text", "text": text}
    if anthropic and cached < _CACHE_POINTS:
        block["cache_control"] = {"type": "ephemeral"}
    after: list[Any] = [block, {"cachePoint": {"type": "default"}}] if bedrock else [block]
    return (
        SystemMessage([*before, *after]) if message is None else message.model_copy(update={"content": before + after})
    )


def count_cached(messages: Sequence[BaseMessage]) -> int:
    """How many blocks of the messages are marked to be cached."""
    blocks = [one for message in messages if not isinstance(message.content, str) for one in message.content]
    return sum(isinstance(block, dict) and "cache_control" in block for block in blocks)


def with_recalled(messages: Sequence[AnyMessage], text: str, inject: Inject) -> list[AnyMessage] | None:
    """The messages with the text at the end of the last thing that a person said ("human"), or as a message of its own
    behind it; None where nobody said anything."""
    last = next((at for at in reversed(range(len(messages))) if is_human(messages[at])), None)
    if last is None:
        return None
    said = messages[last]
    if inject == "message":
        return [*messages[: last + 1], HumanMessage(text), *messages[last + 1 :]]
    content: Any = said.content
    content = f"{content}\n\n{text}" if isinstance(content, str) else [*content, {"type": "text", "text": text}]
    return [*messages[:last], said.model_copy(update={"content": content}), *messages[last + 1 :]]
