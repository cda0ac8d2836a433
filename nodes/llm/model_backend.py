"""The backend that asks a chat model; imported only where a model is given."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable
from langgraph.constants import TAG_NOSTREAM

from ...stores.errors import ModelRefused, ModelReplyError, PromptTooLong
from .ask import TIMEOUT_S, A, BudgetExceeded, Q, StepSpec, name_of
from .output_forms import SYSTEM, FormLadder, OutputFormat, bind_form, server_forms
from .prompt import clip, count_tokens, render_prompt
from .redaction import redact, redact_secrets_of
from .retry import ProviderFailure, RetryAction, with_retries
from .structured_output import UnreadableReply, is_cut_off, parse_reply, parse_tool_calls, truncated_reply
from .sync_async import Computation, Wait
from .usage import UsageTracker

_TOOL_CALLS = "Answer with tool calls alone, all of them at once; with none where nothing is to be done."
_REPLY_TOKENS = 500  # of an unreadable reply, shown again to the model
_SHARES = (1.0, 0.5, 0.25, 0.125)  # of the history in a prompt, tried in turn where the context window is too small


class ModelBackend:
    """Asks a chat model: renders the prompt, reads the reply, asks for one repair, then tries the next output format.

    What the server refuses or ignores is remembered for every backend that speaks to it (`server_forms`).
    `overrides` are instructions by step, in place of the built-in ones. `share` is how much of the usual history a
    prompt shows, from 0 to 1; less where the context window is too small.
    """

    def __init__(
        self,
        model: BaseChatModel,
        timeout_s: float = TIMEOUT_S,
        overrides: Mapping[str, str] = MappingProxyType({}),
        share: float = 1.0,
    ) -> None:
        self.name = name_of(model)
        self.share = share
        self.overrides = overrides
        self._model = model
        self._timeout_s = timeout_s
        self._server = server_forms(model)
        self._runnables: dict[tuple[object, ...], Runnable[Any, AIMessage]] = {}

    def ask(self, step: StepSpec[Q, A], question: Q, tracker: UsageTracker) -> Computation[A]:
        """`ModelReplyError` when no reply can be read: the first, its repair, and one in each other format; or when two
        answers fail the step's check."""
        ladder = FormLadder(self._server)
        replies: list[BaseMessage] = []
        checked, problem = False, ""
        while ladder.form:
            form = ladder.form
            try:
                reply = yield from self._ask_with_less_history(form, step, question, replies, tracker, ladder.attempts)
            except ProviderFailure as failure:
                ladder.reject_request(failure)
                continue
            try:
                answer = self._parse(reply, step, form)
            except UnreadableReply as unreadable:
                problem = redact(str(unreadable), self._model)
                ladder.reject_reply(cut_off=is_cut_off(reply))
            else:
                ladder.accept_reply()
                problem = step.check(question, answer) if step.check else ""
                if not problem:
                    return answer
                if checked:
                    ladder.form = None
                checked = True
            repair = f"{problem}\nAnswer again with one JSON object of the form above."
            replies += [AIMessage(redact_secrets_of(_reply_text(reply), self._model)), HumanMessage(repair)]
        raise ModelReplyError(
            f"{self.name} gave no usable answer to `{step.name}`, in {len(replies) // 2} replies: {problem}"
        )

    def _parse(self, reply: AIMessage, step: StepSpec[Q, A], output: OutputFormat) -> A:
        try:
            if step.tools:
                return parse_tool_calls(reply, step.answer, output, step.tools)
            return parse_reply(reply, step.answer)
        except ModelRefused as refused:
            raise ModelRefused(redact(str(refused), self._model)) from None

    def _ask_with_less_history(
        self,
        output: OutputFormat,
        step: StepSpec[Q, A],
        question: Q,
        replies: Sequence[BaseMessage],
        tracker: UsageTracker,
        attempts: int,
    ) -> Computation[AIMessage]:
        """The reply to the prompt, with less history after each reply that the context window is too small."""
        override = self.overrides.get(step.name)
        form = _TOOL_CALLS if step.tools and output == "function" else None
        for share in _SHARES:
            values = question.prompt_values(share * self.share)
            system, human = render_prompt(step.name, values, form, override, small=self.share < 1)
            opening = [SystemMessage(system), HumanMessage(human)]
            if SYSTEM in self._server.refused_parameters:
                opening = [HumanMessage(f"{system}\n\n{human}")]
            messages = [*opening, *replies[-2:]]
            try:
                return (
                    yield from self._call(output, messages, step, tracker, attempts, getattr(question, "part", None))
                )
            except ProviderFailure as failure:
                if failure.action is not RetryAction.SHORTER_PROMPT:
                    raise
                error = failure.error
        size = count_tokens(messages)
        raise PromptTooLong(f"{error} A {step.name} prompt of {size} tokens is the shortest there is.")

    def _call(
        self,
        output: OutputFormat,
        messages: list[BaseMessage],
        step: StepSpec[Q, A],
        tracker: UsageTracker,
        attempts: int,
        part: int | None,
    ) -> Computation[AIMessage]:
        size = count_tokens(messages)
        tracker.check_budget(size)
        remaining_s = tracker.remaining_s()
        timeout_s = self._timeout_s if remaining_s is None else min(remaining_s, self._timeout_s)
        started = time.perf_counter()

        def on_retry(reason: str, pause_s: float, took_s: float) -> None:
            nonlocal started
            tracker.add(step.name, self.name, took_s, 0, None, output)
            tracker.emit({"event": "retrying", "step": step.name, "why": reason, "pause_s": round(pause_s, 2)})
            started = time.perf_counter() + pause_s

        runnable = self._runnable(output, step)
        metadata = {"jitmem_step": step.name} | ({"jitmem_part": part} if part else {})
        # The reply is a form, not prose: TAG_NOSTREAM keeps it out of an agent's stream of messages.
        config: Any = {"run_name": step.name, "metadata": metadata, "tags": [TAG_NOSTREAM]}
        call = Wait(lambda: runnable.invoke(messages, config), lambda: runnable.ainvoke(messages, config))
        try:
            reply: AIMessage = yield from with_retries(
                call, self.name, timeout_s, on_retry, secrets_of=self._model, attempts=attempts
            )
        except ProviderFailure as failure:
            tracker.add(step.name, self.name, time.perf_counter() - started, 0, None, output)
            if failure.late and timeout_s < self._timeout_s:
                raise BudgetExceeded from failure
            raise
        except Exception as error:
            truncated = truncated_reply(error)
            if truncated is None:
                raise
            reply = truncated
        number = 2 if isinstance(messages[-2:][0], AIMessage) else 1
        tracker.add(step.name, self.name, time.perf_counter() - started, size, reply, output, number=number)
        return reply

    def _runnable(self, output: OutputFormat, step: StepSpec[Q, A]) -> Runnable[Any, AIMessage]:
        refused = self._server.refused_parameters
        key = (output, step.answer, refused)
        if key not in self._runnables:
            self._runnables[key] = bind_form(self._model, output, step.answer, step.tools, refused)
        return self._runnables[key]


def _reply_text(reply: AIMessage) -> str:
    """A reply as plain text for the next prompt: a real tool call would have to be followed by its result."""
    calls = [json.dumps(call["args"], ensure_ascii=False) for call in reply.tool_calls]
    return clip("\n".join([str(reply.text), *calls]).strip() or "(nothing)", _REPLY_TOKENS)
