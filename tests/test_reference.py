"""docs/reference.md says what the docstrings say."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_the_reference_is_what_its_command_writes() -> None:
    """After a change of a docstring: `python docs/make_reference.py`."""
    path = Path(__file__).parents[1] / "docs" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TARGET.read_text(encoding="utf-8") == module.reference()
