"""Chat models that do what their prompt says, word for word, and one that mends prompts: deterministic learners."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from policies import correct, facts

Reply = Callable[["Following", list[BaseMessage]], AIMessage]

RULES = {  # what is kept only by somebody who is told to, and by which question it is missed
    "works at": ("Keep where people work.", "work now?"),
    "dog is called": ("Keep what pets are called.", "dog called?"),
    ", on ": ("Keep what people did, with its date.", "When did"),
}
BARE = "Answer with the bare words, no sentence around them."
_FENCED = re.compile(r"<history-\w+>\n(.*?)\n</history-\w+>", re.S)
_ITEM = re.compile(r"^- \[(\w+)\] \w+(?: \([^)]*\))?: (.*)$", re.M)
_QUESTIONS = (
    (re.compile(r"Where does (\w+) live now"), "{} lives in "),
    (re.compile(r"Where does (\w+) work now"), "{} works at the "),
    (re.compile(r"What is (\w+)'s dog called"), "{}'s dog is called "),
)


class Following(BaseChatModel):
    """Says what a function of itself and the messages says. `seed` and `temperature` may be set, as of a real model."""

    reply: Any
    model: str = "following"
    seed: int | None = None
    temperature: float | None = None
    seen: list[Any] = []  # noqa: RUF012 (pydantic copies it for each model)

    @property
    def _llm_type(self) -> str:
        return "following"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """It knows the memory tools by heart."""
        return self.bind(tools=[])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.seen.append(messages)
        return ChatResult(generations=[ChatGeneration(message=self.reply(self, messages))])


def curating(model: Following, messages: list[BaseMessage]) -> AIMessage:
    """A Memorizer that keeps where people live, and of the rest only what its prompt has a rule for."""
    asked = str(messages[1].text)
    if "The core paragraph, which" not in asked:
        return AIMessage('{"memo": "A session."}')
    ids = {said: item_id for item_id, said in _ITEM.findall(asked)}
    made = [
        (name, args)
        for name, args in correct(_FENCED.findall(asked)[0], ids, "")
        if all(rule in asked for mark, (rule, _) in RULES.items() if mark in args["content"])
    ]
    return AIMessage(
        "", tool_calls=[{"name": name, "args": args, "id": f"c{n}"} for n, (name, args) in enumerate(made)]
    )


def researching(model: Following, messages: list[BaseMessage]) -> AIMessage:
    """A Researcher that finds the answer, and wraps it in a sentence unless its prompt says otherwise."""
    system, asked = (str(messages[at].text) for at in (0, -1))
    if "Tools that are on:" in asked:
        question = re.search(r"<question-\w+>\n(.*?)\n</question-\w+>", asked, re.S)
        assert question is not None
        return _json({"needs": [question[1]], "queries": [{"tool": "keyword", "text": question[1]}]})
    if "Context:" not in asked:
        return _json({"statements": [], "enough": True, "missing": [], "request": "", "names": []})
    found = _found(asked)
    said = found if BARE in system else f"As far as I can tell, it might well be {found}, I would say."
    return _json({"answer": said if found else "", "citations": [1] if found else []})


def reflecting(model: Following, messages: list[BaseMessage]) -> AIMessage:
    """Reads the cases, and adds the first rule that they ask for and that is not there yet."""
    asked = str(messages[-1].text)
    words, cases = (re.search(rf"<{mark}>\n(.*?)\n</{mark}>", asked, re.S) for mark in ("words", "cases"))
    assert words is not None
    assert cases is not None
    missed = "\n".join(re.findall(r"Later it was asked: (.*)", cases[1]))
    wanted = [rule for rule, question in RULES.values() if question in missed]
    wanted += [BARE] if "As far as I can tell" in cases[1] and "step `answer`" in asked else []
    more = next((rule for rule in wanted if rule not in words[1]), "")
    return AIMessage(f"Here they are.\n```\n{words[1]}\n\n{more}\n```\n")


def _found(asked: str) -> str:
    """The newest fact of the context that answers the question."""
    told = [content for _, content, _ in facts(_FENCED.findall(asked)[-1])]
    for pattern, prefix in _QUESTIONS:
        if who := pattern.search(asked):
            begun = prefix.format(who[1])
            return next((one.removeprefix(begun).rstrip(".") for one in reversed(told) if one.startswith(begun)), "")
    return ""


def _json(value: dict[str, Any]) -> AIMessage:
    return AIMessage(json.dumps(value))


@contextmanager
def served(**replies: Reply) -> Iterator[str]:
    """A real server of the OpenAI protocol on this machine, a model for each reply; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            messages: list[BaseMessage] = [AIMessage(one["content"] or "") for one in body["messages"]]
            said = replies[body["model"]](Following(reply=None), messages)
            calls = [
                {"id": call["id"], "type": "function",
                 "function": {"name": call["name"], "arguments": json.dumps(call["args"])}}
                for call in said.tool_calls
            ]  # fmt: skip
            message = {"role": "assistant", "content": said.text or None, **({"tool_calls": calls} if calls else {})}
            choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
            data = json.dumps({"id": "x", "object": "chat.completion", "created": 0, "model": body["model"],
                               "choices": [choice]}).encode()  # fmt: skip
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
