"""Check a chat model before trusting it: each LLM step is asked one small question whose answer is known."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel

from .memory import Memory
from .memory_options import ModelOptions
from .nodes.llm.ask import TIMEOUT_S, A, Backend, Q, StepSpec
from .nodes.llm.sync_async import Computation
from .nodes.llm.usage import UsageTracker
from .nodes.options import MemorizeOptions
from .nodes.run_step import Backends
from .nodes.steps import STEPS
from .stores.errors import ModelError, ModelUnavailable, PromptTooLong
from .stores.records import Filed, Session

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from .results import Research

Verdict = Literal["right", "wrong", "failed"]


@dataclass(frozen=True, slots=True)
class StepCheck:
    """How a model answered the question of one step.

    `verdict`: "right"; "wrong", an answer of the right form that says something else (`problem` says what); "failed", no
    answer that could be used (`problem` is the error). `form` is the output format of the last reply. `calls` is 1 where
    no repair was needed. `cached_tokens` of the prompt were not read again; None if the server does not count them.
    `answer` is the model's own, None where it failed. `advice` is what to do, "" for a right answer.
    """

    step: str
    verdict: Verdict
    form: str
    calls: int
    seconds: float
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None
    answer: Mapping[str, Any] | None
    problem: str
    advice: str


def check_model(
    model: str | BaseChatModel,
    *,
    base_url: str | None = None,
    timeout_s: float = TIMEOUT_S,
    prompts: str | os.PathLike[str] | Mapping[str, str] | None = None,
    on_step: Callable[[str], object] = lambda step: None,
) -> list[StepCheck]:
    """Ask each step of the registry its question, in a temporary memory where rules answer all other steps.

    The prompts, forms, retries and checks are those of `Memory.open(…, model=model)`. `on_step` is called with the name
    of each step before it is asked. Errors: as `Memory.open`; `ModelUnavailable` where the model gives no reply at all.
    """
    backends = ModelOptions(timeout_s=timeout_s, prompts=prompts).models_by_step(model, base_url)
    checks: list[StepCheck] = []
    with (
        TemporaryDirectory(prefix="jitmem-check-", ignore_cleanup_errors=True) as folder,
        Memory.open(Path(folder) / "memory", memorize_options=MemorizeOptions(curate=False)) as root,
    ):
        for step in STEPS:
            on_step(step)
            memory = root.for_namespace(step)
            memory.memorize_many(_HISTORY)
            watched = _WatchedBackend(backends[step])
            checks.append(_check_step(step, _with_one_model(memory, step, watched), watched))
            if isinstance(watched.error, ModelUnavailable) and not any(check.calls for check in checks):
                raise ModelUnavailable(
                    f"{watched.error} No step was checked: is the server running, and its address (base_url) right?"
                ) from watched.error
    return checks


class _WatchedBackend:
    """A model's backend; keeps its answer, its error and its usage."""

    def __init__(self, inner: Backend) -> None:
        self.answer: BaseModel | None = None
        self.error: ModelError | None = None
        self.share = inner.share
        self.entries: list[dict[str, Any]] = []
        self._inner = inner

    def ask(self, step: StepSpec[Q, A], question: Q, tracker: UsageTracker) -> Computation[A]:
        self.entries = tracker.entries
        try:
            answer = yield from self._inner.ask(step, question, tracker)
        except ModelError as error:
            self.error = error
            raise
        self.answer = answer
        return answer


def _with_one_model(memory: Memory, step: str, backend: Backend) -> Memory:
    runtime = memory._runtime
    return Memory(
        replace(
            runtime,
            backends=Backends({step: backend}, runtime.backends.rules),
            memorize_options=MemorizeOptions(curate=step == "curate"),
        )
    )


def _check_step(step: str, memory: Memory, watched: _WatchedBackend) -> StepCheck:
    question = _QUESTIONS[step]
    verdict: Verdict = "failed"
    try:
        result = question.ask(memory)
    except ModelError:
        if watched.error is None:
            raise
    if watched.error is not None:
        problem, advice = str(watched.error), _advice_on_failure(step, watched.error)
    else:
        assert watched.answer is not None, f"nothing asked the step {step}"
        problem = question.problem_of(result, watched.answer)
        verdict, advice = ("wrong", question.advice) if problem else ("right", "")
    entries = watched.entries
    return StepCheck(
        step=step,
        verdict=verdict,
        form=entries[-1]["form"] if entries else "",
        calls=sum(entry["calls"] for entry in entries),
        seconds=sum(entry["seconds"] for entry in entries),
        prompt_tokens=sum(entry["prompt_tokens"] for entry in entries),
        completion_tokens=sum(entry["completion_tokens"] for entry in entries),
        cached_tokens=sum(cached)
        if (cached := [e["cached_tokens"] for e in entries if "cached_tokens" in e])
        else None,
        answer=watched.answer.model_dump() if watched.answer else None,
        problem=problem,
        advice=advice,
    )


def _advice_on_failure(step: str, error: ModelError) -> str:
    if isinstance(error, PromptTooLong):
        return "Give the server a larger context window: `-c 8192` of llama.cpp, OLLAMA_CONTEXT_LENGTH of Ollama."
    if isinstance(error, ModelUnavailable):
        return "Look into the server's log; give a slow model more time with --set timeout_s=600."
    return f"{_QUESTIONS[step].advice} With --set on_model_failure=rules, rules answer where the model fails."


# -- the history, its questions, and what is right -------------------------------------------------------------

_HISTORY = (
    Session(
        id="van",
        time="2024-04-20",
        text="Ana: Tomas paid 1,150 euros for the red van.\nBen: Good. And the money?\nAna: I will mend the roof of the mill.",
    ),
    Session(id="cat", time="2024-04-28", text="Ben: The cat is called Mouro.\nAna: Give it no milk."),
    Session(id="dentist", time="2024-04-29", text="Ana: The dentist moved my visit to 3 June at nine."),
)
_PAGE = """Ana: On Monday 6 May I start at the Harbour Museum.
Ben: And the flat?
Ana: I signed the lease yesterday: 640 euros a month, from June.
Ben: Then we should celebrate. The baker at the corner has almond cake again.
Ana: Yes, tomorrow at four, if it does not rain."""
_FACTS = {"the Harbour Museum": re.compile(r"harbou?r museum", re.I), "640 euros": re.compile(r"\b640\b")}
_PRICE = "How much did Tomas pay for the red van?"
_PRICE_AND_BANK = "How much did Tomas pay for the red van, and which bank lent it to him?"
_EUROS = re.compile(r"\b1[,.\s]{0,2}150\b")
_LONGEST_ANSWER = 12  # words


def _problem_of_memo(filed: Filed, answer: Any) -> str:
    turns = [turn.partition(": ")[2] for turn in _PAGE.splitlines()]
    if sum(turn in answer.memo for turn in turns) >= len(turns) - 1:
        return "The memo is the page, copied."
    missing = [name for name, fact in _FACTS.items() if not fact.search(answer.memo)]
    return f"The memo does not name {' and '.join(missing)}." if missing else ""


def _problem_of_edits(filed: Filed, answer: Any) -> str:
    contents = [str(edit["args"].get("content")) for edit in filed.edits if edit["status"] == "applied"]
    if any(fact.search(content) for fact in _FACTS.values() for content in contents):
        return ""
    return f"Of {len(answer.calls)} tool calls, {len(contents)} changed an item, none to hold a fact of the page."


def _problem_of_plan(result: Research, answer: Any) -> str:
    planned = {query.text.strip() for query in answer.queries}
    found = any(query["hits"] for query in result.rounds[0]["queries"] if query["text"] in planned)
    return "" if found else f"None of the {len(planned)} planned searches can be run and finds anything."


def _problem_of_statements(result: Research, answer: Any) -> str:
    if not any(_EUROS.search(statement) for statement in result.rounds[0]["statements"]):
        return "No statement with a checked citation says the price."
    cited = any(_EUROS.search(citation.quote) for citation in result.citations)
    return "" if cited else "The statement cites words that do not say the price."


def _problem_of_conclusion(result: Research, answer: Any) -> str:
    return _problem_of_statements(result, answer) or ("" if answer.enough else "The price is known; enough is false.")


def _problem_of_reflection(result: Research, answer: Any) -> str:
    return "The bank is not known; enough is true." if answer.enough else ""


def _problem_of_answer(result: Research, answer: Any) -> str:
    said = result.answer or ""
    if not _EUROS.search(said):
        return f"The answer is 1,150 euros; the model says {said[:80]!r}."
    return f"The answer is no short phrase: {said[:80]!r}…" if len(said.split()) > _LONGEST_ANSWER else ""


class _StepQuestion(NamedTuple):
    """`problem_of` gets the result of `ask` and the model's own answer, and is empty for a right answer."""

    ask: Callable[[Memory], Any]
    problem_of: Callable[[Any, Any], str]
    advice: str


def _research(question: str, **options: Any) -> Callable[[Memory], Research]:
    return lambda memory: memory.research(question, depth=1, output="integration", **options)


def _file(memory: Memory) -> Filed:
    return memory.memorize(Session(id="page", time="2024-05-02", text=_PAGE))


_FILING = "a larger model for filing (JITMEM_MEMORIZER_MODEL)"
_ASKING = "a larger model for questions (JITMEM_RESEARCHER_MODEL)"
_QUESTIONS: Mapping[str, _StepQuestion] = {
    "memorize": _StepQuestion(
        _file,
        _problem_of_memo,
        f"Set {_FILING}, or only JITMEM_RESEARCHER_MODEL instead of --model: then rules write memos.",
    ),
    "curate": _StepQuestion(
        _file,
        _problem_of_edits,
        f"Set {_FILING}, or switch curate off in Python: MemorizeOptions(curate=False).",
    ),
    "plan": _StepQuestion(
        _research(_PRICE), _problem_of_plan, f"Set {_ASKING}, or ask with --effort recall, which calls no model."
    ),
    "integrate": _StepQuestion(
        _research(_PRICE),
        _problem_of_statements,
        f"Set {_ASKING}, or ask with --effort fast if conclude is right, else with --effort recall.",
    ),
    "conclude": _StepQuestion(
        _research(_PRICE, effort="fast"),
        _problem_of_conclusion,
        f"Set {_ASKING}, or ask with --effort recall, which calls no model.",
    ),
    "reflect": _StepQuestion(
        _research(_PRICE_AND_BANK),
        _problem_of_reflection,
        f"Set {_ASKING}, or ask with --effort fast, which has no such step.",
    ),
    "answer": _StepQuestion(
        _research(_PRICE, answer=True),
        _problem_of_answer,
        f"Set {_ASKING}, or leave --answer out and read the context, which is cited.",
    ),
}
