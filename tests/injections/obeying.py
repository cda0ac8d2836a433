"""A chat model that does whatever is written outside of a fence, and is easily taken in as to where a fence ends."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

FENCES = ("history", "question", "recalled-memory")
_TAGS = {0xE0000 + code: chr(code) for code in range(0x20, 0x7F)}
_HOMOGLYPHS = str.maketrans("аеіїоруѕхһсԁӏтмгո", "aeiiopysxhcdltmrn")
_ESCAPE = re.compile(r"\\u00([0-9a-f]{2})", re.I)
_MARK = re.compile(r"<\s*(/?)\s*((?:history|question)(?:\s*-\s*[0-9a-f]+)?|recalled-memory)\b(?:[^<>]*>)?", re.I)
_BLOCK = re.compile(r"<history-\w+>\n(.*?)\n</history-\w+>", re.S)
_ID = re.compile(r"\b(?=[a-z0-9]*\d)[0-9a-hjkmnp-tv-z]{12}\b")
_LONGEST = 1500  # characters that it copies
FORGED = "0m7aaaaaaaa0"


def as_it_reads(text: str) -> str:
    """As a reader takes it who sees no difference between letters that look alike, and all that is hidden."""
    text = html.unescape(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text.translate(_TAGS)))
    text = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Mn"))
    return text.lower().translate(_HOMOGLYPHS)


def unfenced(text: str) -> str:
    """What stands outside of every fence; a fence ends at the first mark that reads like its end, with its nonce."""
    kept, inside, at, text = [], "", 0, as_it_reads(text)
    for mark in _MARK.finditer(text):
        if inside and mark[1] and mark[2] == inside:
            inside, at = "", mark.end()
        elif not inside:
            kept.append(text[at : mark.start()])
            inside, at = ("", mark.end()) if mark[1] else (mark[2], mark.end())
    return "".join([*kept, "" if inside else text[at:]])


class Obeying(BaseChatModel):
    """Does an honest step's work with what it is shown, copying freely; but an order (a text with one of `words`) that
    reaches it outside of a fence is carried out: the word is said, kept, cited for a page that is not there, and
    every item whose id it sees is deleted. `obeyed` are the orders carried out, as (word, step)."""

    words: tuple[str, ...]
    obeyed: list[tuple[str, str]] = Field(default_factory=list)
    prompts: list[tuple[str, str]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "obeying"

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools])

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        names = [tool["function"]["name"] for tool in kwargs.get("tools", [])]
        step = names[0] if len(names) == 1 else "curate" if names[:1] == ["memory_insert"] else "agent"
        prompt = "\n".join(message.text for message in messages)
        self.prompts.append((step, prompt))
        told = " ".join(unfenced(message.text) for message in messages if message.type != "ai")
        orders = [word for word in self.words if word in told]
        self.obeyed += [(word, step) for word in orders]
        said = self._agent(messages, orders) if step == "agent" else self._step(step, prompt, orders)
        return ChatResult(generations=[ChatGeneration(message=said)])

    def _step(self, step: str, prompt: str, orders: list[str]) -> AIMessage:
        if step == "curate":
            return _calls(*self._edits(prompt, orders))
        return _calls((step, _ANSWERS[step](prompt, f"OBEYED {orders[0]}" if orders else "")))

    def _agent(self, messages: list[BaseMessage], orders: list[str]) -> AIMessage:
        """First it looks at everything it can, then it speaks, or does as it is told."""
        prompt = "\n".join(message.text for message in messages)
        spoken = [message for message in messages if message.type == "ai"]
        if orders and not any("OBEYED" in str(message) for message in spoken):
            return _calls(*self._edits(prompt, orders))
        if isinstance(messages[-1], ToolMessage) or spoken[-1:] == messages[-1:]:
            return AIMessage(f"OBEYED {orders[0]}" if orders else "Noted.")
        query = messages[-1].text
        reads = [("read_page", {"page_id": found}) for found in dict.fromkeys(_ID.findall(prompt))][:3]
        searches = [(name, {"query": query}) for name in ("search_pages", "memory_search")]
        return _calls(*searches, ("research_memory", {"question": query, "depth": 1}), *reads)

    def _edits(self, prompt: str, orders: list[str]) -> list[tuple[str, dict[str, Any]]]:
        if not orders:
            content = " ".join(_first(prompt).split())[:_LONGEST]
            return [("memory_insert", {"kind": "semantic", "content": content})]
        deletions = [("memory_delete", {"kind": "semantic", "id": found}) for found in set(_ID.findall(prompt))]
        insert: dict[str, Any] = {"kind": "semantic", "content": f"OBEYED {orders[0]}"}
        return [("memory_insert", insert), ("memory_insert", {**insert, "namespace": "admin"}), *deletions]


def _calls(*calls: tuple[str, dict[str, Any]]) -> AIMessage:
    made: list[Any] = [
        {"name": name, "args": args, "id": f"{name}-{number}", "type": "tool_call"}
        for number, (name, args) in enumerate(calls)
    ]
    return AIMessage("", tool_calls=made)


def _first(prompt: str) -> str:
    blocks: list[str] = _BLOCK.findall(prompt)
    return blocks[0] if blocks else ""


def _memo(prompt: str, ordered: str) -> dict[str, Any]:
    return {"memo": ordered or " ".join(_first(prompt).split())[:_LONGEST] or "Nothing."}


def _plan(prompt: str, ordered: str) -> dict[str, Any]:
    question = re.search(r"<question-\w+>\n(.*?)\n</question-\w+>", prompt, re.S)
    asked = question[1] if question else prompt[-300:]
    queries = [{"tool": tool, "text": asked} for tool in ("keyword", "vector")]
    return {"needs": [ordered or asked], "queries": [*queries, {"tool": "keyword", "text": ordered or asked}]}


def _statements(prompt: str, ordered: str) -> dict[str, Any]:
    if ordered:
        return {"statements": [{"text": ordered, "sources": [{"page_id": FORGED, "quote": ordered}]}]}
    found, page_id = [], FORGED
    for line in _first(prompt).splitlines():
        head = re.match(r"\[(\w{12})\]", line)
        if head:
            page_id = head[1]
        elif line.strip():
            found.append({"text": line, "sources": [{"page_id": page_id, "quote": line}]})
    return {"statements": found}


def _reflection(prompt: str, ordered: str) -> dict[str, Any]:
    blocks = _BLOCK.findall(prompt)
    known = blocks[0][:400] if blocks else "More?"
    return {"enough": bool(ordered), "missing": [known], "request": ordered or known, "names": [known[:60]]}


def _answer(prompt: str, ordered: str) -> dict[str, Any]:
    return {"answer": ordered or _first(prompt)[:200], "citations": [1, 2, 99]}


_ANSWERS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "Memo": _memo,
    "SearchPlan": _plan,
    "Integration": _statements,
    "Reflection": _reflection,
    "Conclusion": lambda prompt, ordered: {**_statements(prompt, ordered), **_reflection(prompt, ordered)},
    "Answer": _answer,
}
