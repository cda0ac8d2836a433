"""Every fault of a model, in ingest and in research, and what comes of it: `python benchmarks/faults.py`.

A real HTTP server misbehaves on request. A transient fault is met once; a lasting one until the server is told to stop.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from jitmem import JitmemError, Memory, ModelOptions, Session

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from model_server import FAULTS, ModelServer  # it lies beside the tests

TIMEOUT_S = 2.0
SLACK_S = 1.0  # of this machine, on top of the timeout
OPTIONS: dict[str, dict[str, Any]] = {
    "rate_limit": {"retry_after": 0.3},
    "slow": {"seconds": 0.5},
}
ROOM = {
    "memorize": 380,
    "curate": 380,
    "plan": 900,
    "integrate": 1500,
    "reflect": 480,
}  # tokens, so that the prompt is too long
OF_EMBEDDINGS = ("wrong_count", "wrong_dimension", "nan")
ALSO_OF_EMBEDDINGS = (
    "rate_limit",
    "server_error",
    "unauthorized",
    "hang",
    "drip",
    "cut",
    "garbage",
    "refuse_connection",
)
OF_A_STEP = {"unknown_page": "integrate", "false_quote": "integrate", "unknown_tool": "plan", "enough_text": "reflect"}
STEPS = ("plan", "integrate", "reflect")
TEXT = "Ana: I left the bank in May.\nBen: And now?\nAna: Now I bake bread at Moinho."
EARLIER = [
    Session(
        text=f"Ben: Ana's work at mill {n} is far from home, and Ana works late. " * 12, id=f"e{n}", time="2024-05-01"
    )
    for n in range(8)
]
QUESTION = "Where does Ana work now?"


@dataclass(frozen=True)
class FaultResult:
    """What came of a fault. `lost` and `half_filed` count sessions; `hang` is whether the set timeout was passed,
    `unexpected` whether an error came that jitmem does not name."""

    fault: str
    lasting: bool
    at: str
    outcome: str
    seconds: float
    lost: int = 0
    half_filed: int = 0
    hang: bool = False
    unexpected: bool = False

    @property
    def is_broken(self) -> bool:
        """Whether a promise was broken."""
        return bool(self.lost or self.half_filed or self.hang or self.unexpected)


def main(
    only: Annotated[str, typer.Option(metavar="FAULT", help="One fault alone.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
) -> None:
    """Put every fault into ingest and into each step of research; exit 1 if anything is lost, half-filed or hangs."""
    cases = [case for case in _cases() if only in ("", case[0])]
    rows: list[FaultResult] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("faults", total=len(cases))
        with ModelServer.apart() as server:
            for fault, lasting, at in cases:
                progress.update(task, description=f"{fault} at {at}")
                rows.append(
                    (_fault_in_ingest if at in ("memorize", "curate", "embed filed") else _fault_in_research)(
                        server, fault, lasting, at
                    )
                )
                progress.advance(task)
    bad = [row for row in rows if row.is_broken]
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    elif as_markdown:
        print(_markdown(rows))
    else:
        Console().print(_table(rows))
    Console(stderr=True).print(
        f"{len(rows)} cases: {sum(row.lost for row in rows)} lost, {sum(row.half_filed for row in rows)} half-filed,"
        f" {sum(row.hang for row in rows)} hangs past {TIMEOUT_S:g} s, {sum(row.unexpected for row in rows)} unexpected errors."
    )
    raise typer.Exit(1 if bad else 0)


def _cases() -> Iterator[tuple[str, bool, str]]:
    """Fault, lasting, and where."""
    for fault in FAULTS:
        for lasting in (False, True):
            if fault not in OF_EMBEDDINGS:
                if fault not in OF_A_STEP:
                    yield fault, lasting, "memorize"
                    yield fault, lasting, "curate"
                for step in [OF_A_STEP[fault]] if fault in OF_A_STEP else STEPS:
                    yield fault, lasting, step
            if fault in OF_EMBEDDINGS + ALSO_OF_EMBEDDINGS:
                yield fault, lasting, "embed filed"
                yield fault, lasting, "embed query"


def _open_memory(folder: Path, server: ModelServer, fault: str) -> Memory:
    if fault in ("cut_stream",):  # it takes a model that streams
        from langchain_openai import ChatOpenAI
        from pydantic import SecretStr

        model: Any = ChatOpenAI(
            model="test", base_url=server.base_url, api_key=SecretStr("none"), streaming=True, max_retries=0
        )
    else:
        model = "openai:test"
    return Memory.open(
        folder,
        model=model,
        embeddings="openai:test",
        base_url=server.base_url,
        model_options=ModelOptions(timeout_s=TIMEOUT_S),
    )


def _inject_fault(server: ModelServer, fault: str, lasting: bool, at: str) -> None:
    step = "embeddings" if at.startswith("embed") else at
    options = {"limit": ROOM[at]} if fault == "context_length" else OPTIONS.get(fault, {})
    server.fail(fault, None if lasting else 1, step=step, **options)


def _fault_in_ingest(server: ModelServer, fault: str, lasting: bool, at: str) -> FaultResult:
    server.reset()
    session = Session(text=TEXT, id="news", time="2024-06-01")
    with tempfile.TemporaryDirectory() as place, _open_memory(Path(place) / "memory", server, fault) as memory:
        memory.memorize_many(EARLIER)
        _inject_fault(server, fault, lasting, at)
        started, unexpected = time.perf_counter(), False
        try:
            filed = memory.memorize(session)
            usage = filed.usage
            outcome = f"filed, {usage.calls} calls"
            if filed.failures:
                outcome += f"; named: {', '.join(failure['step'] for failure in filed.failures)}"
        except JitmemError as error:
            waits = memory.stats()["waiting"]
            outcome = f"{type(error).__name__}; " + ("waits in the journal" if waits else "filed, vectors follow")
        except Exception as error:
            outcome, unexpected = f"unexpected {error!r:.80}", True
        seconds = time.perf_counter() - started
        pages = [page for page in memory.pages() if page.session_id == "news"]
        half = bool(pages) and ("".join(page.text for page in pages) != TEXT or not all(page.memo for page in pages))
        server.forgive()
        memory.resume()
        memory.memorize(session)  # the caller tries again
        kept = "".join(page.text for page in memory.pages() if page.session_id == "news")
        found = bool(memory.recall("bread at Moinho"))
        uncurated = at == "curate" and not any(item.cause == "memorizer" for item in memory.items.list())
        lost = int(kept != TEXT or not found or uncurated)
    return FaultResult(fault, lasting, at, outcome, seconds, lost, int(half), seconds > TIMEOUT_S + SLACK_S, unexpected)


def _fault_in_research(server: ModelServer, fault: str, lasting: bool, at: str) -> FaultResult:
    server.reset()
    with tempfile.TemporaryDirectory() as place, _open_memory(Path(place) / "memory", server, fault) as memory:
        memory.memorize(Session(text=TEXT, id="news", time="2024-06-01"))
        memory.memorize_many(EARLIER)
        _inject_fault(server, fault, lasting, at)
        started, unexpected = time.perf_counter(), False
        try:
            result = memory.research(QUESTION)
            outcome = f"{result.stopped}, {len(result.citations)} citations, {result.usage.calls} calls"
            if result.failures:
                outcome += f"; named: {', '.join(failure['step'] for failure in result.failures)}"
            dropped = sum(one["dropped_citations"] + one["dropped_queries"] for one in result.rounds)
            outcome += f"; {dropped} dropped" if dropped else ""
        except JitmemError as error:
            outcome = type(error).__name__
        except Exception as error:
            outcome, unexpected = f"unexpected {error!r:.80}", True
        seconds = time.perf_counter() - started
        server.forgive()
    return FaultResult(fault, lasting, at, outcome, seconds, hang=seconds > TIMEOUT_S + SLACK_S, unexpected=unexpected)


def _table(rows: list[FaultResult]) -> Table:
    shown = Table("fault", "met", "at", "outcome", title=f"timeout {TIMEOUT_S:g} s", title_justify="left")
    shown.add_column("seconds", justify="right")
    shown.add_column("kept")
    for row in rows:
        kept = "[red]no" if row.is_broken else "[green]yes"
        shown.add_row(row.fault, _describe_result(row), row.at, row.outcome, f"{row.seconds:.2f}", kept)
    return shown


def _markdown(rows: list[FaultResult]) -> str:
    """A row a fault and place, the transient and the lasting outcome beside each other."""
    lines = ["| fault | at | met once | lasting |", "|---|---|---|---|"]
    pairs: dict[tuple[str, str], dict[bool, FaultResult]] = {}
    for row in rows:
        pairs.setdefault((row.fault, row.at), {})[row.lasting] = row
    for (fault, at), both in pairs.items():
        lines.append(f"| {fault} | {at} | {both[False].outcome} | {both[True].outcome} |")
    return "\n".join(lines)


def _describe_result(row: FaultResult) -> str:
    return "lasting" if row.lasting else "once"


if __name__ == "__main__":
    typer.run(main)
