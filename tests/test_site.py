"""The documentation as a site: every document is in its navigation, its links lead somewhere, nothing comes from elsewhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
SITE = ROOT / "docs" / "site"
WITH_SPHINX = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("sphinx", "myst_parser", "furo")), reason="needs the extra [docs]"
)


@pytest.fixture(scope="module", autouse=True)
def site_modules() -> Iterator[None]:
    sys.path.insert(0, str(SITE))
    yield
    sys.path.remove(str(SITE))


class Tags(HTMLParser):
    """What a page loads, where its links lead, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads, self.links, self.anchors = list[str](), list[str](), set[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and "href" in given and given.get("rel") not in ("index", "search", "next", "prev"):
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "-q", "-c", str(source / "docs" / "site")]
    return subprocess.run(
        [*command, "-d", str(out / "doctrees"), str(source), str(out / "site")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT, out)
    assert (done.returncode, done.stderr) == (0, "")
    return out / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Tags]:
    return {path: Tags(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def html_of(document: Path, site: Path) -> Path:
    return site / document.relative_to(ROOT).with_suffix(".html")


def test_every_document_and_notebook_is_in_the_navigation_once() -> None:
    from navigation import INDEX, documents, navigation

    listed = [page for pages in navigation().values() for page in pages]
    assert sorted(listed) == [path for path in documents() if path != INDEX]
    assert len(listed) > 50
    assert next(iter(navigation())) == "Start"


@WITH_SPHINX
def test_every_page_shows_all_of_the_navigation_and_is_found_by_the_search(site: Path, pages: dict[Path, Tags]) -> None:
    from navigation import documents

    text = (site / "searchindex.js").read_text(encoding="utf-8")
    searched = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))["docnames"]
    assert sorted(searched) == sorted(str(path.relative_to(ROOT).with_suffix("")) for path in documents())
    everywhere = {html_of(path, site) for path in documents()}
    for document in documents():
        page = html_of(document, site)
        reached = {(page.parent / unquote(urlsplit(link).path)).resolve() for link in pages[page].links}
        assert everywhere - reached - {page} == set(), document


@WITH_SPHINX
def test_every_link_of_the_site_leads_to_a_page_and_an_anchor(site: Path, pages: dict[Path, Tags]) -> None:
    from navigation import REPOSITORY

    dead = []
    for page, tags in pages.items():
        for link in tags.links:
            parts = urlsplit(link)
            if link.startswith((f"{REPOSITORY}/blob/main/", f"{REPOSITORY}/tree/main/")):
                if not (ROOT / unquote(parts.path.split("/main/", 1)[1])).exists():
                    dead.append((page.name, link))
            elif not parts.scheme:
                target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
                anchor = unquote(parts.fragment)
                if not target.is_file() or (anchor and target in pages and anchor not in pages[target].anchors):
                    dead.append((page.name, link))
    assert dead == []


@WITH_SPHINX
def test_a_page_loads_its_own_files_alone(site: Path, pages: dict[Path, Tags]) -> None:
    for page, tags in pages.items():
        for address in tags.loads:
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            assert not parts.scheme, (page, address)
            assert not parts.netloc, (page, address)
            assert (page.parent / unquote(parts.path)).is_file(), (page, address)
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert "@import" not in styles
    assert "url(http" not in styles.replace('"', "").replace("'", "")


@WITH_SPHINX
def test_notebooks_are_shown_with_what_they_printed_and_drew(site: Path) -> None:
    text = (site / "notebooks" / "4_watch_a_run.html").read_text(encoding="utf-8")
    assert "32 sessions, 48 questions" in text
    assert "What the code above draws" in text


@WITH_SPHINX
@pytest.mark.parametrize(
    ("index", "says"),
    [
        ("| a | [One](one.md#nowhere) |", "nowhere"),
        ("| a | [One](one.md), [two](two.md) |", "two"),
        ("No table links to [One](one.md).", "isn't included in any toctree"),
    ],
)
def test_a_link_or_a_document_that_leads_nowhere_fails_the_build(tmp_path: Path, index: str, says: str) -> None:
    for name in ("docs/site", "src/jitmem/server/inspector"):
        shutil.copytree(ROOT / name, tmp_path / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "source")
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md"):
        (tmp_path / "source" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "source" / name).write_text(f"# {name}\n", encoding="utf-8")
    rest = "| b | " + "".join(f"[x](../{name})" for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))
    rest += "[x](../SECURITY.md) [x](../benchmarks/README.md) |"
    docs = tmp_path / "source" / "docs"
    (docs / "index.md").write_text(f"# Index\n\n| to | read |\n|---|---|\n{rest}\n{index}\n", encoding="utf-8")
    (docs / "one.md").write_text("# One\n\nText.\n", encoding="utf-8")
    done = build(tmp_path / "source", tmp_path / "out")
    assert done.returncode != 0
    assert says in done.stderr


def test_a_link_to_a_file_that_is_no_page_leads_to_the_repository() -> None:
    from navigation import REPOSITORY, link_outside

    text = "[a](../tests/test_site.py) [b](index.md) [c](https://x.org) [d](../notebooks)\n```\n[e](../tests)\n```\n"
    assert link_outside(text, ROOT / "docs") == (
        f"[a]({REPOSITORY}/blob/main/tests/test_site.py) [b](index.md) [c](https://x.org) "
        f"[d]({REPOSITORY}/tree/main/notebooks)\n```\n[e](../tests)\n```\n"
    )


def test_a_flowchart_is_shown_as_the_picture_of_its_text_or_as_text() -> None:
    from flowcharts import flowcharts_in, picture_of, show_pictures

    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    known = next(one for one in flowcharts_in(text) if picture_of(one).exists())
    shown = show_pictures(f"```mermaid\n{known}```\n", ROOT / "docs")
    assert f"pictures/flowcharts/{picture_of(known).name}" in shown
    assert show_pictures("```mermaid\na --> b\n```\n", ROOT / "docs") == "```text\na --> b\n```\n"
    for picture in sorted((ROOT / "docs" / "pictures" / "flowcharts").glob("*.svg")):
        drawn = picture.read_text(encoding="utf-8")
        assert "<script" not in drawn
        assert "http" not in drawn.replace("http://www.w3.org/", "")
