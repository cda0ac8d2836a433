"""The replies of the model server: answers computed from the prompts of jitmem's steps, in the OpenAI protocol."""

from __future__ import annotations

import json
import math
import re
import time
import uuid
from array import array
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from threading import Lock
from typing import Any

from jitmem.nodes.steps import STEPS as LLM_STEPS

CHAT, EMBEDDINGS, MODELS = "/v1/chat/completions", "/v1/embeddings", "/v1/models"
ANSWERS = {step.answer.__name__: name for name, step in LLM_STEPS.items()} | {"memory_insert": "curate"}
STEPS = (*LLM_STEPS, "embeddings", "models", "other")
_FIELDS = sorted(  # of a form without a title, the surest first
    ((set(step.answer.model_fields), name) for name, step in LLM_STEPS.items()), key=lambda form: -len(form[0])
)
_FORM = "Answer with one JSON object of this form:"
_LONGEST = 200  # characters of a memo or a quote
_MOST = 3  # statements
_HISTORY = re.compile(r"\s*<history(?:-\w+)?>\n?(.*?)\n?</history(?:-\w+)?>", re.S)
_PAGE = re.compile(r"\[(\w{12})\](?: |$)")
_KNOWN = re.compile(r"^- (.+?) \((\w{12}): “(.+?)”\)", re.M)
_SENTENCE = re.compile(r".*[.!?](?=\s|$)", re.S)
_PIECES = re.compile(r".{1,20}", re.S)


@dataclass(frozen=True)
class ModelRequest:
    """One request of a client."""

    path: str
    body: dict[str, Any]

    @cached_property
    def step(self) -> str:
        """One of `STEPS`, recognised by the schema of the reply."""
        if self.path != CHAT:
            return {EMBEDDINGS: "embeddings", MODELS: "models"}.get(self.path, "other")
        names = [self._schema_name, *self._step_functions]
        named = (step for name in names for answer, step in ANSWERS.items() if name in (answer, step))
        return next(named, None) or _step_of_example(self.said_by("system", "developer", "user")) or "other"

    @property
    def tokens(self) -> int:
        """Tokens of the prompt: one for four characters, and three for each message."""
        if self.path == EMBEDDINGS:
            return sum(map(len, self.inputs)) // 4
        messages = self.body.get("messages") or []
        return sum(len(_words(message)) for message in messages) // 4 + 3 * len(messages)

    @property
    def inputs(self) -> list[str]:
        """The texts to embed; token numbers are joined into a text."""
        given = self.body.get("input")
        if isinstance(given, str):
            return [given]
        if isinstance(given, list) and given and isinstance(given[0], int):
            return [" ".join(map(str, given))]
        return [one if isinstance(one, str) else " ".join(map(str, one)) for one in given or []]

    @property
    def function(self) -> str | None:
        """The function that the reply must call, or None for text."""
        choice = self.body.get("tool_choice") or "auto"
        if isinstance(choice, dict):
            return str(choice.get("function", {}).get("name"))
        if choice == "none" or not self._function_names:
            return None
        steps = [name for name in self._step_functions if name in ANSWERS or name in ANSWERS.values()]
        return next(iter(steps or (self._function_names if choice == "required" else [])), None)

    def said_by(self, *roles: str) -> str:
        """All messages of these roles."""
        return "\n".join(_words(one) for one in self.body.get("messages") or [] if one.get("role") in roles)

    @property
    def schema(self) -> dict[str, Any]:
        """The form of the reply, as a JSON Schema; that of the first function where there is no other."""
        form = (self.body.get("response_format") or {}).get("json_schema") or {}
        tools = [tool["function"].get("parameters", {}) for tool in self.body.get("tools") or [] if "function" in tool]
        return form.get("schema") or next(iter(tools), {"type": "object", "properties": {}})

    @property
    def _schema_name(self) -> str | None:
        form = self.body.get("response_format") or {}
        return (form.get("json_schema") or {}).get("name")

    @property
    def _function_names(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.body.get("tools") or [] if "function" in tool]

    @property
    def _step_functions(self) -> list[str]:
        """Those by which a step may be known. An agent may have the tools of curate, but its call shows no page."""
        shows_page = "\nPage:" in f"\n{self.said_by('user')}"
        return [name for name in self._function_names if shows_page or ANSWERS.get(name) != "curate"]


def _words(message: Mapping[str, Any]) -> str:
    content: str | list[dict[str, Any]] = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def _step_of_example(text: str) -> str | None:
    """The step whose form is shown as a filled-in example; the list of tools that follows calls is curate's."""
    _, _, example = text.rpartition(_FORM)
    at = example.find("{")
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(example, max(at, 0))
    except ValueError:
        return None
    fields = value.keys() if isinstance(value, dict) else set()
    return next((step for known, step in _FIELDS if known <= fields), None)


class StepAnswers:
    """Answers every step by fixed rules, and counts the rounds of each question."""

    def __init__(self) -> None:
        self._rounds: dict[str, int] = {}
        self._lock = Lock()

    def think(self, request: ModelRequest, rounds: int, *, heard: bool) -> dict[str, Any] | None:
        """The answer of a step; None for a request that is not a step of jitmem.

        The n-th answer of reflect or conclude to a question is that of its round n, and the one after `rounds` is
        of the first round again. An answer that is not `heard` does not count.
        """
        prompt = request.said_by("user")
        match request.step:
            case "memorize":
                return _memo(prompt)
            case "plan":
                return _plan(prompt)
            case "integrate":
                return _integration(prompt)
            case "reflect":
                return self._reflection(prompt, rounds, heard=heard)
            case "conclude":
                return {**_integration(prompt), **self._reflection(prompt, rounds, heard=heard)}
            case "answer":
                return _answer(prompt)
            case "curate":
                item = {"kind": "semantic", "content": _memo(prompt)["memo"]}
                return (
                    item if request.function else {"calls": [{"name": "memory_insert", **item, "id": "", "time": ""}]}
                )
        return None

    def forget(self) -> None:
        """Start every question in its first round again."""
        with self._lock:
            self._rounds.clear()

    def _reflection(self, prompt: str, rounds: int, *, heard: bool) -> dict[str, Any]:
        question = _after("Question:", prompt)
        with self._lock:
            last = self._rounds.get(question, 0)
            number = 1 if last >= rounds else last + 1
            if heard:
                self._rounds[question] = number
        if number >= rounds:
            return {"enough": True, "missing": [], "request": "", "names": []}
        request = f"What else is known about: {question} (part {number})"
        return {"enough": False, "missing": [f"part {number} of: {question}"], "request": request, "names": []}


def _memo(prompt: str) -> dict[str, Any]:
    header, _, page = history_after("Page:", prompt).partition("\n")
    words = " ".join((page.strip() or header).split())
    sentence = _SENTENCE.match(words[:_LONGEST]) if len(words) > _LONGEST else None
    return {"memo": sentence[0] if sentence else _cut(words) or "An empty page."}


def _plan(prompt: str) -> dict[str, Any]:
    request = _after("Request of this round:", prompt)
    if request.rstrip(".") in ("", "the question itself"):
        request = _after("Question:", prompt)
    return {"needs": [request], "queries": [{"tool": tool, "text": request} for tool in ("keyword", "vector")]}


def _integration(prompt: str) -> dict[str, Any]:
    """Statements from the new passages, or the known ones if there are none."""
    asked = _vocabulary(_after("Question:", prompt))
    passages = sorted(_passages(history_after("Passages:", prompt)), key=lambda one: -len(asked & _vocabulary(one[1])))[
        :_MOST
    ]
    found = [(line, page_id, _cut(line)) for page_id, line in passages]
    known = [match.groups() for match in _KNOWN.finditer(prompt)]
    return {
        "statements": [
            {"text": text, "sources": [{"page_id": page_id, "quote": quote}]} for text, page_id, quote in found or known
        ]
    }


def _passages(evidence: str) -> Iterator[tuple[str, str]]:
    """Every line with the id of its page."""
    page_id = None
    for line in evidence.splitlines():
        if head := _PAGE.match(line):
            page_id = head[1]
        elif page_id and line.strip():
            yield page_id, line.strip()


def _answer(prompt: str) -> dict[str, Any]:
    words = history_after("Context:", prompt).strip().partition("\n")[0].split()[:8]
    return {"answer": " ".join(words), "citations": [1] if words else []}


def history_after(label: str, prompt: str) -> str:
    """What the block of history below the first such label holds, "" where there is none."""
    _, _, below = f"\n{prompt}".partition(f"\n{label}")
    block = _HISTORY.match(below)
    return block[1] if block else ""


def _after(label: str, prompt: str) -> str:
    """The text after the last such label: the rest of its line, or the block below it."""
    _, found, below = f"\n{prompt}".rpartition(f"\n{label}")
    if not found:
        return ""
    if block := re.match(r"\s*<((?:history|question)-\w+)>\n(.*?)\n</\1>", below, re.S):
        return " ".join(block[2].split())
    own, _, below = below.partition("\n")
    return own.strip() or " ".join(below.partition("\n\n")[0].split())


def _vocabulary(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 2}


def _cut(text: str) -> str:
    """The beginning of the text, cut between words if possible."""
    return text if len(text) <= _LONGEST else text[: _LONGEST + 1].rpartition(" ")[0] or text[:_LONGEST]


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply to a chat request: text, or the arguments of a call, or a refusal."""

    content: str | None
    function: str | None = None
    arguments: str = ""
    refusal: str | None = None
    finish: str = "stop"
    counted: bool = True

    @property
    def tokens(self) -> int:
        """Its completion tokens."""
        return len((self.content or "") + self.arguments + (self.refusal or "")) // 4 + 3


def reply_to(request: ModelRequest, thought: dict[str, Any] | None) -> Reply:
    """The answer in the requested format; `ok` if there is none."""
    text = json.dumps(thought or {}, ensure_ascii=False)
    if request.function:
        return Reply(None, request.function, text, finish="tool_calls")
    json_only = (request.body.get("response_format") or {}).get("type") in ("json_object", "json_schema")
    return Reply("ok" if thought is None and not json_only else text)


def completion_body(request: ModelRequest, reply: Reply) -> dict[str, Any]:
    """The body of a plain reply; a reply without usage has none."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.content, "refusal": reply.refusal}
    if reply.function:
        message["tool_calls"] = [_call(reply, reply.arguments)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish}
    usage = {"usage": _usage(request.tokens, reply.tokens)} if reply.counted else {}
    return {**_head(request, "chat.completion"), "choices": [choice], **usage}


def stream_events(request: ModelRequest, reply: Reply) -> list[dict[str, Any]]:
    """The events of a streamed reply, without the closing `[DONE]`."""
    head = _head(request, "chat.completion.chunk")
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None if reply.function else ""}]
    if reply.refusal:
        deltas.append({"refusal": reply.refusal})
    deltas += [{"content": piece} for piece in _PIECES.findall(reply.content or "")]
    if reply.function:
        deltas.append({"tool_calls": [{"index": 0, **_call(reply, "")}]})
        pieces = _PIECES.findall(reply.arguments)
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    ends = [*[None] * len(deltas), reply.finish]
    parts = [
        {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": end}]}
        for delta, end in zip([*deltas, {}], ends, strict=True)
    ]
    if (request.body.get("stream_options") or {}).get("include_usage") and reply.counted:
        parts.append({**head, "choices": [], "usage": _usage(request.tokens, reply.tokens)})
    return parts


def _head(request: ModelRequest, kind: str) -> dict[str, Any]:
    name = str(request.body.get("model"))
    return {"id": f"chatcmpl-{uuid.uuid4().hex[:24]}", "object": kind, "created": int(time.time()), "model": name}


def _call(reply: Reply, arguments: str) -> dict[str, Any]:
    function = {"name": reply.function, "arguments": arguments}
    return {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def embeddings_body(request: ModelRequest, vectors: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The body of a reply with these vectors; NaN becomes null, or NaN in base64."""
    packed = request.body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": n, "embedding": _packed(vector) if packed else _plain(vector)}
        for n, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": request.tokens, "total_tokens": request.tokens}
    return {"object": "list", "data": data, "model": request.body.get("model"), "usage": usage}


def vector_of(text: str, dimensions: int) -> list[float]:
    """The hashed words of a text, length 1: the same on every machine, alike for texts that share words."""
    vector = [0.0] * dimensions
    vector[0] = 0.001  # words whose hashes cancel each other must not leave a vector of length 0
    for word, count in Counter(re.findall(r"\w+", text.lower())).items():
        place = _hash(word)
        vector[place % dimensions] += count if place >> 63 else -count
    length = math.hypot(*vector)
    return [value / length for value in vector]


@lru_cache(maxsize=65_536)
def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _packed(vector: Sequence[float]) -> str:
    return b64encode(array("f", vector).tobytes()).decode("ascii")


def _plain(vector: Sequence[float]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in vector]
