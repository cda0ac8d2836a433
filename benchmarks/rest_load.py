"""Load a server over the loopback: readers and writers for some minutes, then what REST costs beside the Python call.

python benchmarks/rest_load.py --minutes 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from jitmem import MemorizeOptions, Memory
from jitmem.sample_history import sample_questions, sample_sessions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


def main() -> None:
    from http_service import OWNER, http_service

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--readers", type=int, default=64)
    parser.add_argument("--writers", type=int, default=8)
    options = parser.parse_args()
    questions = [one["question"] for one in sample_questions()]
    with TemporaryDirectory() as folder:
        with Memory.open(folder, memorize_options=MemorizeOptions(curate=False)) as memory:
            memory.memorize_many(sample_sessions())
            python_s = cpu_of(lambda: [memory.recall(question) for question in questions])
        with http_service(Path(folder), JITMEM_TOKEN=OWNER) as running, running.client() as client:
            pid = running.process.pid

            def recall_all() -> None:
                for question in questions:
                    client.post("/v1/recall", json={"query": question}).raise_for_status()

            recall_all()
            before = process_cpu_s(pid)
            for _ in range(5):
                recall_all()
            rest_s = (process_cpu_s(pid) - before) / 5
            first = memory_mb(pid)
            waits, errors = load(client, questions, options.readers, options.writers, options.minutes * 60)
            last = memory_mb(pid)
    report = {
        "requests": len(waits),
        "errors": errors,
        "p50_ms": round(1000 * statistics.median(waits), 1),
        "p99_ms": round(1000 * statistics.quantiles(waits, n=100)[98], 1),
        "memory_mb": [first, last],
        "recall_cpu_ms": {
            "python": round(1000 * python_s / len(questions), 2),
            "rest": round(1000 * rest_s / len(questions), 2),
        },
    }
    print(json.dumps(report))


def load(
    client: httpx.Client, questions: list[str], readers: int, writers: int, seconds: float
) -> tuple[list[float], list[str]]:
    """The seconds that each request took, and the answers that were no success."""
    waits, errors, end = list[float](), list[str](), time.monotonic() + seconds
    count = threading.Lock()

    def work(number: int) -> None:
        turn = 0
        while time.monotonic() < end:
            turn += 1
            body: dict[str, Any] = {"query": questions[(number + turn) % len(questions)]}
            path = "/v1/recall"
            if number < writers:
                path, body = "/v1/sessions", {"text": f"Writer {number} says {turn}."}
            began = time.monotonic()
            response = client.post(path, json=body)
            with count:
                waits.append(time.monotonic() - began)
                if response.status_code != 200:
                    errors.append(response.text)

    with ThreadPoolExecutor(readers + writers) as pool:
        list(pool.map(work, range(readers + writers)))
    return waits, errors


def cpu_of(act: Any) -> float:
    act()
    began = time.process_time()
    for _ in range(5):
        act()
    return (time.process_time() - began) / 5


def process_cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


if __name__ == "__main__":
    main()
