"""The ladder of effort, budgets, estimates, answers and progress: what a question costs and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from model_server import ModelServer

from jitmem import BadInput, Budget, MemorizeOptions, Memory, ModelOptions, Research, Session, Usage
from jitmem.testing import ScriptedModel

QUESTION = "Where does Ana work now?"
NEWS = Session(
    id="news", time="2024-06-01", text="Ana: I left the bank in May.\nBen: And now?\nAna: Now I bake bread at Moinho."
)


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def thinking(server: ModelServer, folder: Path) -> Iterator[Memory]:
    """A memory of one session whose model is a server."""
    server.reset()
    server.set(rounds=1, latency_s=0.0)
    with Memory.open(
        folder,
        model="openai:test",
        base_url=server.base_url,
        model_options=ModelOptions(timeout_s=10),
        memorize_options=MemorizeOptions(curate=False),
    ) as memory:
        memory.memorize(NEWS)
        server.reset()
        yield memory


def steps(result: Research) -> list[str]:
    return [step["step"] for step in result.usage.steps]


@pytest.mark.parametrize(
    ("effort", "expected"),
    [("recall", []), ("fast", ["plan", "conclude"]), ("deep", ["plan", "integrate", "reflect"])],
)
def test_a_rung_costs_so_many_calls_when_the_first_reflection_is_satisfied(
    thinking: Memory, server: ModelServer, effort: Any, expected: list[str]
) -> None:
    result = thinking.research(QUESTION, effort=effort)
    assert steps(result) == expected
    assert [request["step"] for request in server.requests()] == expected
    assert "Moinho" in result.context


@pytest.mark.parametrize(("effort", "calls"), [("fast", 6), ("deep", 8)])
def test_three_full_rounds_cost_at_most(thinking: Memory, server: ModelServer, effort: Any, calls: int) -> None:
    server.set(rounds=4)
    result = thinking.research(QUESTION, effort=effort, depth=3)
    assert (result.usage.calls, len(result.rounds), result.stopped) == (calls, 3, "depth")


def test_usage_tells_calls_tokens_and_seconds_by_step_and_model(thinking: Memory, server: ModelServer) -> None:
    result = thinking.research(QUESTION)
    by_step = result.usage.by_step()
    assert list(by_step) == [("plan", "test"), ("integrate", "test"), ("reflect", "test")]
    counted = [request["prompt_tokens"] for request in server.requests()]
    assert [usage.prompt_tokens for usage in by_step.values()] == counted
    assert result.usage.prompt_tokens == sum(counted)
    assert Usage.of(result.usage.steps) == result.usage
    assert all(usage.seconds > 0 for usage in by_step.values())


def test_models_may_differ_by_graph_and_by_step(server: ModelServer, folder: Path) -> None:
    server.reset()
    with Memory.open(
        folder,
        base_url=server.base_url,
        model="openai:whole",
        model_options=ModelOptions(
            memorizer_model="openai:small",
            researcher_model="openai:large",
            step_models={"reflect": "openai:careful", "curate": "openai:curator"},
        ),
    ) as memory:
        memory.memorize(NEWS)
        memory.research(QUESTION)
    asked = [(request["step"], request["model"]) for request in server.requests()]
    assert asked == [
        ("memorize", "small"),
        ("curate", "curator"),
        ("plan", "large"),
        ("integrate", "large"),
        ("reflect", "careful"),
    ]


def test_a_step_that_is_not_there_is_refused_and_no_memory_is_made(folder: Path) -> None:
    with pytest.raises(BadInput, match="no step 'think'"):
        Memory.open(folder, model_options=ModelOptions(step_models={"think": "openai:x"}))
    assert not folder.exists()


# -- budgets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "expected"),
    [(0, []), (1, ["plan"]), (2, ["plan", "integrate"]), (4, ["plan", "integrate", "reflect", "plan"])],
)
def test_calls_that_are_used_up_end_the_research_with_the_best_context_so_far(
    thinking: Memory, server: ModelServer, calls: int, expected: list[str]
) -> None:
    server.set(rounds=3)
    result = thinking.research(QUESTION, budget=Budget(calls=calls))
    assert (steps(result), result.stopped, result.enough) == (expected, "budget", False)
    assert "Moinho" in result.context
    assert result.citations
    assert "budget was used up" in result.context


@pytest.mark.parametrize("options", [{"effort": "fast"}, {"depth": 1}])
def test_calls_that_are_used_up_before_the_last_round_concludes_end_it_by_rules(
    thinking: Memory, options: dict[str, Any]
) -> None:
    result = thinking.research(QUESTION, budget=Budget(calls=1), **options)
    assert (steps(result), result.stopped) == (["plan"], "budget")
    assert "Moinho" in result.context


def test_tokens_are_checked_before_a_call(thinking: Memory, server: ModelServer) -> None:
    first = thinking.research(QUESTION).usage
    limit = first.steps[0]["prompt_tokens"] + first.steps[0]["completion_tokens"] + 50
    result = thinking.research(QUESTION, budget=Budget(tokens=limit))
    assert (steps(result), result.stopped) == (["plan"], "budget")
    assert result.usage.prompt_tokens + result.usage.completion_tokens <= limit


def test_seconds_end_a_call_under_way(thinking: Memory, server: ModelServer) -> None:
    server.fail("hang", times=None, step="integrate")
    result = thinking.research(QUESTION, budget=Budget(seconds=1))
    assert (steps(result)[0], result.stopped) == ("plan", "budget")
    assert "Moinho" in result.context
    server.forgive()


def test_a_budget_that_holds_changes_nothing(thinking: Memory) -> None:
    result = thinking.research(QUESTION, budget=Budget(calls=3, tokens=50_000, seconds=60))
    assert (result.stopped, result.usage.calls) == ("enough", 3)


def test_a_budget_without_a_model_is_never_used(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize(NEWS)
        assert memory.research(QUESTION, budget=Budget(calls=0)).stopped == memory.research(QUESTION).stopped


@pytest.mark.parametrize("wrong", [{"effort": "heroic"}, {"budget": {"calls": -1}}, {"dept": 2}, {"depth": 0}])
def test_a_wrong_option_is_refused_by_its_name(memory: Memory, wrong: dict[str, Any]) -> None:
    memory.memorize(NEWS)
    with pytest.raises(BadInput, match=next(iter(wrong))):
        memory.research(QUESTION, **wrong)


# -- estimates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effort", ["recall", "fast", "deep"])
def test_an_estimate_holds_what_the_question_costs_then(thinking: Memory, server: ModelServer, effort: Any) -> None:
    estimate = thinking.estimate(QUESTION, effort=effort)
    assert server.requests() == []
    one_round = thinking.research(QUESTION, effort=effort).usage
    server.reset()
    server.set(rounds=4)
    every_round = thinking.research(QUESTION, effort=effort).usage
    assert estimate.calls == (one_round.calls, every_round.calls)
    least, most = estimate.prompt_tokens
    assert least == pytest.approx(one_round.prompt_tokens, rel=0.2)
    assert most == pytest.approx(every_round.prompt_tokens, rel=0.2)


def test_an_estimate_knows_seconds_and_reply_tokens_once_the_steps_were_asked(
    thinking: Memory, server: ModelServer
) -> None:
    assert thinking.estimate(QUESTION, depth=2).seconds is None
    server.set(rounds=4)
    usage = thinking.research(QUESTION, depth=2).usage
    estimate = thinking.estimate(QUESTION, depth=2)
    assert estimate.seconds is not None
    assert estimate.completion_tokens is not None
    assert estimate.completion_tokens[1] == pytest.approx(usage.completion_tokens, abs=3)


# -- answers -----------------------------------------------------------------------------------------------

PLAN = {"needs": [], "queries": [{"tool": "keyword", "text": "Ana bake Moinho"}]}


def scripted(folder: Path, *answers: Any) -> Memory:
    with Memory.open(folder) as memory:
        page_id = memory.memorize(NEWS).page_ids[0]
    source = {"page_id": page_id, "quote": "Now I bake bread at Moinho."}
    conclusion = {"statements": [{"text": "Ana bakes at Moinho.", "sources": [source]}], "enough": True}
    return Memory.open(
        folder, model=ScriptedModel(lines={"plan": [PLAN], "conclude": [conclusion], "answer": list(answers)})
    )


def test_an_answer_is_a_phrase_with_the_citations_it_stands_on(folder: Path) -> None:
    with scripted(folder, {"answer": "at Moinho", "citations": [1]}) as memory:
        result = memory.research(QUESTION, effort="fast", answer=True)
    assert result.answer == "at Moinho"
    assert [citation.quote for citation in result.answer_citations] == ["Now I bake bread at Moinho."]


def test_marks_that_the_context_does_not_have_are_left_out(folder: Path) -> None:
    with scripted(folder, {"answer": "at Moinho", "citations": [7, 1, 1, 0, -1]}) as memory:
        result = memory.research(QUESTION, effort="fast", answer=True)
    assert result.answer_citations == result.citations[:1]


def test_no_answer_is_the_empty_text(folder: Path) -> None:
    with scripted(folder, {"answer": "", "citations": [1]}) as memory:
        result = memory.research(QUESTION, effort="fast", answer=True)
    assert (result.answer, result.answer_citations) == ("", ())


def test_without_being_asked_for_there_is_no_answer(thinking: Memory) -> None:
    assert thinking.research(QUESTION).answer is None


def test_rules_answer_with_the_sentence_that_shares_most_with_the_question(memory: Memory) -> None:
    memory.memorize(NEWS)
    result = memory.research("Where does Ana bake bread?", answer=True)
    assert result.answer == "Ana: Now I bake bread at Moinho."
    assert "Now I bake bread at Moinho." in result.answer_citations[0].quote


# -- progress ----------------------------------------------------------------------------------------------

EVENTS = ["planned", "found", "found", "ranked", "integrated", "reflected", "answered", "done"]


def test_a_stream_tells_each_step_and_ends_with_the_result(thinking: Memory) -> None:
    events = list(thinking.stream(QUESTION, answer=True))
    assert [event["event"] for event in events] == EVENTS
    assert events[-1]["result"].answer


async def test_an_async_stream_tells_the_same(thinking: Memory) -> None:
    assert [event["event"] async for event in thinking.astream(QUESTION, answer=True)] == EVENTS


def test_a_stream_tells_of_a_retry_and_why(thinking: Memory, server: ModelServer) -> None:
    server.fail("rate_limit", step="plan", retry_after=0.1)
    first = next(iter(thinking.stream(QUESTION)))
    assert (first["event"], first["step"], first["pause_s"]) == ("retrying", "plan", 0.1)
    assert "429" in first["why"]


def test_a_run_shows_by_name_of_step_in_traces(folder: Path) -> None:
    from langchain_core.callbacks import BaseCallbackHandler

    names: list[str] = []

    class Trace(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
            names.append(kwargs["name"])

    with scripted(folder) as memory:
        memory.researcher.invoke({"question": QUESTION}, {"callbacks": [Trace()]}, context={"effort": "fast"})
    assert names == ["plan", "conclude"]


def test_one_event_loop_after_another_may_ask(thinking: Memory) -> None:
    for _ in range(2):
        assert asyncio.run(thinking.aresearch(QUESTION)).stopped == "enough"
    assert thinking.research(QUESTION).stopped == "enough"
