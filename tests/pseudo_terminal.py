"""Run commands of jitmem, each in a child of its own on a pseudo terminal: `python pseudo_terminal.py CASES [--open]`.

CASES is a JSON file of `{"folder", "words", "input"}`; what each terminal got is printed as a JSON list of texts. With
`--open` nothing is escaped: what arrives then is what has to be.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

END_OF_INPUT = b"\x04"


def run(case: dict[str, Any]) -> str:
    pid, terminal = pty.fork()
    if not pid:
        os._exit(_command(case))
    received, pending = b"", case["input"].encode()
    if pending == END_OF_INPUT:
        os.write(terminal, pending)
    with suppress(OSError):  # Linux ends a pseudo terminal so, when the child is gone
        while part := os.read(terminal, 65536):
            received += part
            if b"[y/N]" in part:
                os.write(terminal, pending)
    os.waitpid(pid, 0)
    os.close(terminal)
    return received.decode("utf-8", "surrogateescape")


def _command(case: dict[str, Any]) -> int:
    from jitmem.cli import main

    signal.alarm(120)  # a command that waits for what never comes
    os.chdir(case["folder"])
    sys.argv = ["jitmem", *case["words"]]
    try:
        main()
    except SystemExit:
        pass
    except BaseException:
        sys.excepthook(*sys.exc_info())  # as the interpreter would
    sys.stdout.flush()
    sys.stderr.flush()
    return 0


if __name__ == "__main__":
    import jitmem.stores.invisible as invisible

    if "--open" in sys.argv:
        invisible.escape_invisible = lambda text: text
    import chromadb  # noqa: F401  (what takes long is imported once, for all children)

    import jitmem.memory
    import jitmem.runtime  # noqa: F401

    cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps([run(case) for case in cases]))
