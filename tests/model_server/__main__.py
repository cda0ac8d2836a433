"""`PYTHONPATH=tests python -m model_server`: serve until standard input closes, or SIGTERM."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from contextlib import suppress

from . import ModelServer


def main() -> None:
    """Print one line of JSON with the `base_url`, then serve."""
    parser = argparse.ArgumentParser(
        prog="python -m model_server",
        description="An OpenAI-compatible server on this machine that needs no model. It prints one line of JSON with "
        "its base_url and serves until its standard input closes.",
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="where to listen on 127.0.0.1 (any free port)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer (0)", metavar="S")
    parser.add_argument(
        "--rounds", type=int, default=1, metavar="N", help="rounds that a question takes until it is enough (1)"
    )
    parser.add_argument("--dimensions", type=int, default=64, metavar="N", help="of the vectors (64)")
    parser.add_argument(
        "--model", action="append", metavar="NAME", help="a model that is known; may be repeated (any name is)"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with (
        suppress(KeyboardInterrupt),
        ModelServer(given.latency, given.rounds, given.port, dimensions=given.dimensions, models=given.model) as server,
    ):
        print(json.dumps({"base_url": server.base_url}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
