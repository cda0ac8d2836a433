"""`import jitmem` costs next to nothing: moments of CPU, no heavy package, no socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files

import pytest
import snowballstemmer

LIMIT_S = 1.0
SCRIPT = """
import json, sys
tried = []
sys.addaudithook(lambda event, args: tried.append(event) if event.startswith("socket.") else None)
{statement}
loaded = sorted({{name.partition(".")[0] for name in sys.modules}})
print(json.dumps({{"tried": tried, "loaded": loaded}}))
"""
HEAVY = {"chromadb", "langgraph", "langchain", "langchain_core", "langchain_openai", "openai", "numpy", "pydantic"}


@pytest.mark.parametrize("statement", ["import jitmem", "from jitmem import Memory, Session, BadInput, Page"])
def test_an_import_takes_less_than_a_second_of_cpu_and_loads_nothing_heavy(statement: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(statement=statement)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    told = json.loads(child.stdout.read())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stdout.close()
    seconds = usage.ru_utime + usage.ru_stime
    assert child.returncode == 0
    assert seconds < LIMIT_S, f"{statement!r} took {seconds:.2f} s of CPU, Python's own start included"
    assert HEAVY & set(told["loaded"]) == set()
    assert told["tried"] == []


def test_every_public_name_can_be_imported() -> None:
    import jitmem

    assert [name for name in jitmem.__all__ if not callable(getattr(jitmem, name))] == []
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = jitmem.Nothing


def test_opening_filing_and_recalling_reaches_for_no_other_machine() -> None:
    statement = """
import tempfile
from jitmem import Memory
with tempfile.TemporaryDirectory() as place, Memory.open(place + "/memory") as memory:
    memory.memorize("Ana bought the mill in Porto.")
    assert memory.recall("mill")
    assert memory.research("What did Ana buy?").citations
"""
    child = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(statement=statement)], capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    far = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
    assert far & set(json.loads(child.stdout)["tried"]) == set()


def test_every_stemmer_that_a_language_names_is_in_the_oldest_package_that_is_allowed() -> None:
    languages = json.loads(files("jitmem.stores").joinpath("languages.json").read_text("utf-8"))
    named = {one["stemmer"] for one in languages.values() if "stemmer" in one}
    assert len(named) > 20
    assert named <= set(snowballstemmer.algorithms())
