"""The documentation as a site: `make site`. Pages and notebooks are read where they are, and shown as they are."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]

project = "jitmem"
author = "the jitmem authors"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_nb"]
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "docs/**/*.md",
    "notebooks/*.ipynb",
]
nb_execution_mode = "off"  # tests execute them, and compare what they print
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = [
    "misc.highlighting_failure",  # JSON with `…` in it
    "myst.xref_missing",  # links to files of the repository that are no pages; tests/test_docs.py checks every link
    "toc.not_included",
]

html_theme = "furo"
html_title = f"jitmem {release}"
html_copy_source = False
html_show_sphinx = False
templates_path = ["templates"]

_CONTENTS = """

```{toctree}
:hidden:
:caption: CAPTION

PAGES
```
"""
_GROUPS = {  # the side bar, which the pages themselves do without
    "Start": ["tutorial", "../notebooks/*"],
    "How to": ["how-to/*"],
    "Look up": ["settings", "reference", "guarantees", "limits", "figures", "forgetting", "moving", "doctor"],
    "Measure and learn": ["evaluation", "learning", "training", "../benchmarks/README"],
    "Extend": ["walk", "architecture", "growing/*", "../CONTRIBUTING", "../SECURITY", "../CHANGELOG", "../README"],
}


def add_contents(app: object, name: str, source: list[str]) -> None:
    if name == root_doc:
        for caption, pages in _GROUPS.items():
            listed = "\n".join(pages)
            block = _CONTENTS.replace("CAPTION", caption).replace("PAGES", listed)
            source[0] += block.replace(":hidden:", ":hidden:\n:glob:")


def setup(app: object) -> None:
    app.connect("source-read", add_contents)  # type: ignore[attr-defined]
