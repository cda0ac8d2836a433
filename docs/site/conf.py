"""The documentation as a site: `make site`. Documents and notebooks are read where they are, and shown as they are."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

from flowcharts import show_pictures
from navigation import INDEX, REPOSITORY, ROOT, contents, documents, link_outside
from notebook_markdown import notebook_markdown

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "jitmem"
author = "the jitmem authors"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown", ".ipynb": "markdown"}
root_doc = "docs/index"
include_patterns = [str(path.relative_to(ROOT)) for path in documents()]
exclude_patterns = [".*", "build", "src", "tests"]
myst_heading_anchors = 6
suppress_warnings = ["misc.highlighting_failure"]  # JSON with `…` in it

html_theme = "furo"
html_title = f"jitmem {release}"
html_copy_source = False
html_use_index = False
html_show_sphinx = False
html_show_copyright = False
html_static_path = ["static"]
html_favicon = str(ROOT / "src/jitmem/server/inspector/icon.svg")
html_css_files = ["site.css"]
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "",
    "top_of_page_buttons": ["view"],
}


def prepare(app: Sphinx, name: str, source: list[str]) -> None:
    """What GitHub does by itself, or does without."""
    path = Path(app.env.doc2path(name))
    text = notebook_markdown(source[0]) if path.suffix == ".ipynb" else source[0]
    text = show_pictures(link_outside(text, path.parent), path.parent)
    source[0] = text + contents() if path == INDEX else text


def lead_to_the_index(app: Sphinx, error: Exception | None) -> None:
    """The site's own address, which has no page, leads to the first one."""
    if error is None:
        page = f'<!doctype html><meta charset="utf-8"><title>jitmem</title><meta http-equiv="refresh" content="0; url={root_doc}.html"><a href="{root_doc}.html">jitmem</a>\n'
        (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("source-read", prepare)
    app.connect("build-finished", lead_to_the_index)
