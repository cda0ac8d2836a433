"""How many steps are recorded a second, and in how much memory: `python benchmarks/rollouts.py [--steps 2000] [--json]`."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from langchain_core.messages import BaseMessage
from rich.console import Console
from rich.table import Table

from jitmem.learn.rollouts import ROLLOUTS, RolloutConfig, read_rollouts, record_rollouts
from jitmem.learn.synthetic_tasks import make_toy_tasks
from jitmem.testing import ScriptedModel

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from model_server import CHAT, ModelRequest, StepAnswers  # it lies beside the tests

_ROLES = {"human": "user", "ai": "assistant"}
_A_RUN = 40  # steps: four sessions, each with a memo and edits, and eight questions of four steps
_N = 8


def main(
    steps: Annotated[int, typer.Option(min=_A_RUN * _N, help="About how many are recorded.")] = 2000,
    concurrency: Annotated[int, typer.Option(min=1, help="Runs at once.")] = 8,
    latency_s: Annotated[float, typer.Option(min=0, help="What the model takes for a reply.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Eight runs over each of as many toy tasks as it needs, by a model in this process; then the same call again."""

    def reply(messages: Sequence[BaseMessage]) -> Any:
        time.sleep(latency_s)
        model.seen.clear()  # what the stand-in keeps for tests is not what is measured
        model.bound_tools.clear()
        messages_sent = [{"role": _ROLES.get(one.type, one.type), "content": one.text} for one in messages]
        asked = ModelRequest(CHAT, {"messages": messages_sent})
        return json.dumps(StepAnswers().think(asked, 1, heard=True) or {"calls": []})

    tasks = make_toy_tasks(max(1, steps // (_A_RUN * _N)))
    model = ScriptedModel(lines=reply)
    config = RolloutConfig(model=model)
    before = _peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        record_rollouts(tasks, config, folder, n=_N, concurrency=concurrency)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = _peak_mb()
        made = sum(len(one.steps) for one in read_rollouts(folder))
        size = (Path(folder) / ROLLOUTS).stat().st_size
        again = time.perf_counter()
        record_rollouts(tasks, config, folder, n=_N, concurrency=concurrency)
        again = time.perf_counter() - again
    rows = {
        "runs": float(len(tasks) * _N),
        "steps": float(made),
        "steps a second": made / wall,
        "CPU ms a step": 1000 * cpu / made,
        "peak memory before, MB": before,
        "peak memory after, MB": peak,
        "KB on disk a step": size / made / 1024,
        "seconds to find all done": again,
    }
    if as_json:
        print(json.dumps({"concurrency": concurrency, "latency_s": latency_s, **rows}, indent=2))
        return
    table = Table("figure", "measured")
    for name, value in rows.items():
        table.add_row(name, f"{value:,.4g}" if value < 1000 else f"{value:,.0f}")
    Console().print(table)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    typer.run(main)
