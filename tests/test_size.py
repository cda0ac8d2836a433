"""The product stays small, and its core smaller: what filing, asking and the agents' integrations load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from test_layers import FILES

PRODUCT_LINES = 52_400
CORE_LINES = 13_000
CORE = """
import sys
from pathlib import Path
from langchain_core.messages import HumanMessage
from typer.testing import CliRunner
from jitmem import Memory
from jitmem.cli.app import app
folder = Path(sys.argv[1])
with Memory.open(folder / "memory") as memory:
    memory.memorize("Ana: I moved to Porto.")
    memory.research("Where does Ana live?")
    memory.recall("Porto")
    memory.tools()
    memory.middleware()
    memory.as_retriever().invoke("Porto")
(folder / "notes.txt").write_text("Ben: I sold the van.")
run = CliRunner()
for words in (
    ["memorize", str(folder / "notes.txt")], ["research", "Who sold the van?"], ["recall", "van"], ["pages"], ["stats"],
    ["items"], ["insert", "Ana likes pears."], ["history", "core"], ["namespaces"], ["graph"],
):
    run.invoke(app, ["--memory", str(folder / "memory"), *words])
files = {module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "jitmem" and module.__file__}
print(sum(len(Path(file).read_text().splitlines()) for file in files))
"""


def test_the_product_is_no_larger_than_it_was() -> None:
    assert sum(len(file.read_text().splitlines()) for file in FILES) <= PRODUCT_LINES


def test_the_core_is_no_larger_than_it_was(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("JITMEM_")}
    done = subprocess.run(
        [sys.executable, "-c", CORE, str(tmp_path)], capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) <= CORE_LINES
