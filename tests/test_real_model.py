"""Any real server, `make test-model MODEL=openai:NAME BASE_URL=http://…/v1`: each step's form, and what we promise around it.

Not whether the model is clever: `jitmem model check` says that. `TIMEOUT` (600) is the seconds that a call may take,
`CONTEXT` (40000) more tokens than the server's context window has.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import Field

from jitmem import Budget, MemorizeOptions, Memory, ModelError, ModelOptions, PromptTooLong, Session
from jitmem.model_check import StepCheck, check_model
from jitmem.models import chat_model
from jitmem.nodes.steps import STEPS

MODEL, BASE_URL = os.environ.get("MODEL", ""), os.environ.get("BASE_URL", "")
TIMEOUT_S = float(os.environ.get("TIMEOUT") or 600)
CONTEXT_TOKENS = int(os.environ.get("CONTEXT") or 40_000)
pytestmark = [
    pytest.mark.real_model,
    pytest.mark.skipif(not (MODEL and BASE_URL), reason="MODEL and BASE_URL name no server: see `make test-model`"),
]

NEWS = Session(
    id="news",
    time="2024-05-02",
    text="Ana: On Monday 6 May I start at the Harbour Museum.\nBen: And the flat?\nAna: It costs 640 euros a month.",
)
QUESTION = "How much is Ana's flat a month?"
SALES = "\n".join(f"Ana: On day {n} I sold {n + 3} loaves to Ben, who paid {n + 2} euros." for n in range(9))


def opened(folder: Path, model: str | BaseChatModel = MODEL, *, curate: bool = False) -> Memory:
    return Memory.open(
        folder,
        model=model,
        base_url=BASE_URL if isinstance(model, str) else None,
        model_options=ModelOptions(timeout_s=TIMEOUT_S),
        memorize_options=MemorizeOptions(curate=curate, page_tokens=10_000_000),
    )


@pytest.fixture(scope="module")
def checks() -> dict[str, StepCheck]:
    return {one.step: one for one in check_model(MODEL, base_url=BASE_URL, timeout_s=TIMEOUT_S)}


@pytest.fixture
def asking(folder: Path) -> Iterator[Memory]:
    """One page, filed by rules; the model answers questions."""
    with Memory.open(folder) as memory:
        memory.memorize(NEWS)
    with opened(folder) as memory:
        yield memory


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_answered_in_its_form(checks: dict[str, StepCheck], step: str) -> None:
    check = checks[step]
    assert check.verdict != "failed", check.problem
    STEPS[step].answer.model_validate(check.answer)
    assert check.form
    assert check.prompt_tokens > 0
    assert check.completion_tokens > 0


class BrokenAtFirst(ChatOpenAI):
    """The real model, behind a first reply that nobody can read."""

    replies: list[str] = Field(default_factory=list)

    def _generate(self, messages: Any, *rest: Any, **more: Any) -> ChatResult:
        self.replies.append(str(messages[-1].content))
        if len(self.replies) == 1:
            return ChatResult(generations=[ChatGeneration(message=AIMessage("I would rather tell it in a song."))])
        return super()._generate(messages, *rest, **more)


def test_a_reply_that_cannot_be_read_is_repaired(folder: Path) -> None:
    model = direct_model(BrokenAtFirst)
    with opened(folder, model) as memory:
        filed = memory.memorize(NEWS)
        [page] = memory.pages()
    assert filed.failures == ()
    assert page.memo
    assert filed.usage.calls == len(model.replies) >= 2
    assert "no JSON object" in model.replies[1]


def test_every_tool_call_is_carried_out_or_answered_with_a_reason(folder: Path) -> None:
    with opened(folder, curate=True) as memory:
        filed = memory.memorize(NEWS)
        items = memory.items.list()
    assert filed.failures == ()
    assert [
        edit for edit in filed.edits if edit["status"] != "applied" and not (edit["reason"] or edit["item_id"])
    ] == []
    assert len(items) <= sum(edit["status"] == "applied" for edit in filed.edits)
    assert [item.content for item in items if "There is none yet" in item.content] == []


def test_a_research_is_streamed_while_it_runs(asking: Memory) -> None:
    events = [(event["event"], time.monotonic()) for event in asking.stream(QUESTION, effort="fast", depth=1)]
    names = [name for name, _ in events if name not in ("retrying", "failed")]
    assert (names[0], names[-1]) == ("planned", "done")
    assert {"found", "ranked", "integrated", "reflected"} <= set(names)
    times = [moment for _, moment in events]
    assert max(later - sooner for sooner, later in pairwise(times)) > (times[-1] - times[0]) / 10


async def test_a_call_that_is_cancelled_ends_at_once_and_the_next_one_works(folder: Path) -> None:
    with opened(folder) as memory:
        first = await memory.amemorize(Session(id="first", text=SALES))
        task = asyncio.create_task(memory.amemorize(Session(id="second", text=f"{SALES}\nBen: That was all.")))
        done, _ = await asyncio.wait({task}, timeout=first.usage.seconds / 2)
        if done:
            pytest.skip("the server answers faster than a call can be cancelled")
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 2
        assert [page.session_id for page in memory.pages()] == ["first"]  # the other waits in the journal
        filed = await memory.amemorize(NEWS)
        assert {page.session_id for page in memory.pages()} == {"first", "news"}
    assert filed.usage.calls >= 1


def test_a_page_that_is_larger_than_the_context_window_never_becomes_data(folder: Path) -> None:
    """The error, or, of a server that cuts prompts by itself, a memo that cost fewer tokens than the page has."""
    text = "Ana: I sold bread. " * (CONTEXT_TOKENS * 4 // 19 + 1)
    with opened(folder) as memory:
        try:
            filed = memory.memorize(Session(id="huge", text=text))
        except PromptTooLong:
            assert memory.pages() == []
        else:
            assert filed.failures or filed.usage.prompt_tokens < CONTEXT_TOKENS
            assert "context" not in memory.pages()[0].memo


def direct_model(kind: Callable[..., Any] = ChatOpenAI) -> Any:
    """A model object as a person makes it, with clients of langchain-openai."""
    key = os.environ.get("OPENAI_API_KEY") or "none"
    name = MODEL.removeprefix("openai:")
    return kind(model=name, base_url=BASE_URL, api_key=key, timeout=TIMEOUT_S, use_responses_api=False)


@pytest.mark.parametrize("made", ["by us", "by the user"])
def test_two_event_loops_in_turn_use_one_model_object(asking: Memory, folder: Path, made: str) -> None:
    model = direct_model() if made == "by the user" else chat_model(MODEL, base_url=BASE_URL, timeout_s=TIMEOUT_S)
    asking.close()
    with opened(folder, model) as memory:
        for _ in range(2):
            result = asyncio.run(memory.aresearch(QUESTION, depth=1, budget=Budget(calls=1)))
            assert result.failures == ()
            assert [step["retries"] for step in result.usage.steps] == [0]


def test_a_budget_of_calls_is_kept(asking: Memory) -> None:
    result = asking.research(QUESTION, budget=Budget(calls=1))
    assert (result.usage.calls, result.stopped) == (1, "budget")
    assert "640" in result.context


def test_a_model_that_is_not_there_is_an_error(folder: Path) -> None:
    with Memory.open(
        folder, model=MODEL, base_url="http://127.0.0.1:9/v1", model_options=ModelOptions(timeout_s=0.5)
    ) as memory:
        with pytest.raises(ModelError):
            memory.memorize(NEWS)
        assert memory.pages() == []
