"""What jitmem costs with a model: `python benchmarks/thinking.py [--sessions 1000] [--locomo FILE] [--json]`.

The model is a real HTTP server in a process of its own, with OpenAI's protocol; it answers by simple code. So these are
figures of jitmem: calls, prompt tokens (a quarter of the characters, and three a message), CPU of this process, and how
much of a server's latency is spent side by side. They say nothing about the quality of a model.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from figures import Figure, report
from history import History
from retrieval import load_by_layout
from rich.console import Console
from rich.progress import Progress

from jitmem import MemorizeOptions, Memory, Usage
from jitmem.models import chat_model

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from model_server import ModelServer  # it lies beside the tests

STOPS = (100, 1000)
QUESTIONS = 20
SESSION_TOKENS, QUESTION_TOKENS, ALL_TOKENS = 2_500, 12_000, 2_500_000
CPU_MS = 25.0
FLAT = 1.25  # times what it was at the first stop
ROUNDS = 3
CALLS = {("recall", 1): 0, ("fast", 1): 2, ("deep", 1): 3, ("fast", ROUNDS): 6, ("deep", ROUNDS): 8}
BATCH, WORKERS, BATCH_LATENCY_S, FASTER = 200, 8, 0.2, 5.0
CROWD, CROWD_LATENCY_S, SLOWER = 64, 1.0, 1.7

Tell = Callable[[str], None]


def main(
    sessions: Annotated[int, typer.Option(min=2, help="Sessions of the longest history.")] = STOPS[-1],
    locomo: Annotated[Path | None, typer.Option(help="LoCoMo's file, to file and ask its conversations too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure calls, prompt tokens, CPU and waiting side by side, with a model behind a real server."""
    with Progress(console=Console(stderr=True), transient=True) as progress, ModelServer.apart() as server:
        task = progress.add_task("starting", total=None)
        bench = Bench(server, lambda doing: progress.update(task, description=doing))
        few = min(STOPS[0], sessions)
        figures = [
            *bench.calls(),
            *bench.growth(sessions),
            *bench.curation(few),
            *bench.batch(min(BATCH, sessions)),
            *bench.crowd(few),
        ]
        if locomo is not None:
            figures += bench.conversations(locomo)
    report(figures, as_json=as_json, sessions=sessions)


class Bench:
    """Each method measures one promise."""

    def __init__(self, server: ModelServer, tell: Tell) -> None:
        self._server = server
        self._tell = tell
        self._history = History()

    def calls(self) -> Iterator[Figure]:
        """Model calls a question: they follow one another, so this is also the sequential depth."""
        self._tell("calls a question")
        with self._memory() as memory:
            memory.memorize_many(self._history.session(number) for number in range(10))
            [question] = self._history.questions(10, 1)
            for (effort, rounds), goal in CALLS.items():
                self._server.set(rounds=rounds + 1 if rounds > 1 else 1)
                made = memory.research(question, effort=effort, depth=3).usage.calls  # type: ignore[arg-type]
                self._server.reset()
                what = "the first reflection is satisfied" if rounds == 1 else f"{rounds} full rounds"
                yield Figure(f"calls, {effort}, {what}", made, "", goal)

    def growth(self, sessions: int) -> Iterator[Figure]:
        """Prompt tokens and CPU a session and a question, as the memory grows."""
        stops = sorted({stop for stop in STOPS if stop < sessions} | {sessions})
        at: dict[str, list[float]] = {}
        all_tokens = 0
        with self._memory() as memory:
            memory.memorize(self._history.session(0))
            filed = 1
            for stop in stops:
                spent: list[tuple[Usage, float]] = []
                for number in range(filed, stop):
                    self._tell(f"filing session {number + 1:,} of {sessions:,}")
                    session = self._history.session(number)
                    before = time.process_time()
                    usage = memory.memorize(session).usage
                    spent.append((usage, 1000 * (time.process_time() - before)))
                all_tokens += sum(usage.prompt_tokens for usage, _ in spent)
                filed = stop
                at.setdefault("session", []).append(statistics.fmean(usage.prompt_tokens for usage, _ in spent))
                yield from _token_figures(
                    f"a session, at {stop:,} sessions", [usage for usage, _ in spent], SESSION_TOKENS
                )
                yield from self._cpu_figures(f"a session, at {stop:,} sessions", spent)
                for rounds in (1, ROUNDS):
                    asked = self._questions(memory, self._history.questions(stops[0], QUESTIONS), rounds, stop)
                    name = f"a question, {rounds} round{'s' if rounds > 1 else ''}, at {stop:,} sessions"
                    at.setdefault(f"question, {rounds}", []).append(
                        statistics.fmean(usage.prompt_tokens for usage, _ in asked)
                    )
                    yield from _token_figures(name, [usage for usage, _ in asked], QUESTION_TOKENS)
                    yield from self._cpu_figures(name, asked)
        for name, values in at.items():
            if len(values) > 1:
                grown = values[-1] / values[0]
                yield Figure(f"prompt tokens, {name}: {stops[-1]:,} beside {stops[0]:,}", grown, "x", FLAT)
        yield Figure(f"prompt tokens, {sessions:,} sessions filed", all_tokens, "", ALL_TOKENS * sessions / STOPS[-1])

    def curation(self, sessions: int) -> Iterator[Figure]:
        """What drawing memories from each page adds to a session."""
        with self._memory(curate=True) as memory:
            self._tell("curating")
            filed = memory.memorize_many(self._history.session(number) for number in range(sessions))
        steps = [usage for one in filed for (step, _), usage in one.usage.by_step().items() if step == "curate"]
        yield from _token_figures(f"drawing memories from a session, at {sessions:,} sessions", steps, None)

    def batch(self, sessions: int) -> Iterator[Figure]:
        """How much faster sessions are filed side by side."""
        seconds = {}
        for workers in (1, WORKERS):
            with self._memory() as memory:
                memory.memorize(self._history.session(sessions))
                self._server.set(latency_s=BATCH_LATENCY_S)
                many = [self._history.session(number) for number in range(sessions)]
                started = time.perf_counter()
                memory.memorize_many(
                    many,
                    concurrency=workers,
                    progress=lambda done, of, w=workers: self._tell(f"{done} of {of} sessions, {w} at once"),  # type: ignore[misc]
                )
                seconds[workers] = time.perf_counter() - started
                self._server.set(latency_s=0.0)
        name = f"{sessions} sessions, {BATCH_LATENCY_S:g} s latency, {WORKERS} at once beside one by one"
        yield Figure(f"{name}: faster", seconds[1] / seconds[WORKERS], "x", FASTER, least=True)

    def crowd(self, sessions: int) -> Iterator[Figure]:
        """How long many questions take at once, beside one."""
        with self._memory() as memory:
            memory.memorize_many(self._history.session(number) for number in range(sessions))
            questions = self._history.questions(sessions, CROWD + 1)
            asyncio.run(self._ask_all(memory, questions[:4]))  # imports are no question's cost
            self._server.set(latency_s=CROWD_LATENCY_S)
            self._tell("one question")
            one = asyncio.run(self._ask_all(memory, questions[:1]))
            self._tell(f"{CROWD} questions at once")
            many = asyncio.run(self._ask_all(memory, questions[1:]))
            self._server.set(latency_s=0.0)
        name = f"{CROWD} questions at once beside one, {CROWD_LATENCY_S:g} s latency"
        yield Figure(f"{name}: longer", many / one, "x", SLOWER)

    def conversations(self, path: Path) -> Iterator[Figure]:
        """The same tokens on real conversations, each in a memory of its own."""
        filed: list[Usage] = []
        asked: list[tuple[Usage, float]] = []
        for number, sample in enumerate(load_by_layout(path).samples, start=1):
            with self._memory() as memory:
                self._tell(f"conversation {number}")
                filed += [one.usage for one in memory.memorize_many(sample.sessions)]
                asked += self._questions(
                    memory, [question.text for question in sample.questions[:QUESTIONS]], ROUNDS, 0
                )
        yield from _token_figures(f"a session of {path.stem}", filed, SESSION_TOKENS)
        yield from _token_figures(
            f"a question of {path.stem}, {ROUNDS} rounds", [usage for usage, _ in asked], QUESTION_TOKENS
        )

    def _questions(self, memory: Memory, questions: Sequence[str], rounds: int, stop: int) -> list[tuple[Usage, float]]:
        """Usage and CPU milliseconds of each."""
        self._tell(f"{len(questions)} questions of {rounds} rounds at {stop:,} sessions")
        self._server.reset()
        self._server.set(rounds=rounds + 1 if rounds > 1 else 1)
        spent = []
        for question in questions:
            before = time.process_time()
            usage = memory.research(question, depth=ROUNDS).usage
            spent.append((usage, 1000 * (time.process_time() - before)))
        self._server.set(rounds=1)
        return spent

    def _cpu_figures(self, name: str, spent: Sequence[tuple[Usage, float]]) -> Iterator[Figure]:
        """All the CPU of this process, and what is left of it without that of the bare client, which sends the same
        requests once more."""
        bare = self._bare_client_cpu(self._server.requests()[-20:])
        whole = statistics.fmean(ms for _, ms in spent)
        calls = statistics.fmean(usage.calls for usage, _ in spent)
        yield Figure(f"CPU, {name}: jitmem's own", whole - calls * bare, "ms CPU", CPU_MS)
        yield Figure(f"  with the client of the model, {bare:.1f} ms a call", whole, "ms CPU")

    def _bare_client_cpu(self, requests: Sequence[dict[str, Any]]) -> float:
        """CPU milliseconds that langchain-openai takes for a call."""
        model = chat_model("openai:test", base_url=self._server.base_url)
        calls = [
            (model.bind(response_format=request["body"]["response_format"]), request["body"]["messages"])
            for request in requests
            if "messages" in request["body"]
        ]
        before = time.process_time()
        for bound, messages in calls:
            bound.invoke(messages)
        return 1000 * (time.process_time() - before) / len(calls)

    async def _ask_all(self, memory: Memory, questions: Sequence[str]) -> float:
        started = time.perf_counter()
        await asyncio.gather(*(memory.aresearch(question) for question in questions))
        return time.perf_counter() - started

    @contextmanager
    def _memory(self, curate: bool = False) -> Iterator[Memory]:
        """Without drawing memories, which is a call a page of its own, but where that is measured."""
        self._server.reset()
        self._server.set(latency_s=0.0, rounds=1)
        with (
            tempfile.TemporaryDirectory(prefix="jitmem-thinking-") as folder,
            Memory.open(
                Path(folder) / "memory",
                model="openai:test",
                base_url=self._server.base_url,
                memorize_options=MemorizeOptions(curate=curate),
            ) as memory,
        ):
            yield memory


def _token_figures(name: str, usages: Sequence[Usage], goal: int | None) -> Iterator[Figure]:
    yield Figure(f"prompt tokens, {name}", statistics.fmean(usage.prompt_tokens for usage in usages), "", goal)
    yield Figure("  the most", max(usage.prompt_tokens for usage in usages), "", goal)


if __name__ == "__main__":
    typer.run(main)
