"""The inspector in a real browser: every view, the whole loop, hostile text, keys, widths, themes, accessibility."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the server needs the extra [server]")

from http_service import HttpService, http_service
from test_record_listing import fill_with_rows

from jitmem import ItemOptions, Memory, Session

INSPECTOR = Path(str(resources.files("jitmem.server") / "inspector"))
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WITH_BROWSER = pytest.mark.skipif(
    find_spec("playwright") is None or BROWSER is None,
    reason="needs playwright and a chromium of the system: apt-get install chromium",
)
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)><a href='javascript:alert(3)'>x</a>"
CONTROLS = "\x1b[2J\u202eevil\u2066\u200b\u2028\ufeff"
POISON = f"{MARKUP}{CONTROLS}"
VIEWS = ("ask", "pages", "items", "forget", "namespaces", "health")
SHOWN = {  # what is there once a view is complete
    "ask": "textarea[name=question]",
    "pages": ".rows li",
    "items": "li.item",
    "forget": "select[name=way]",
    "namespaces": "text=Who may read it",
    "health": ".numbers",
}


def fill(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize_many(
            [
                Session(text="🏠🎉 Zoe: I moved to Oslo in May.\nTom: I sail from Turku.", time="2024-05-08", id="one"),
                Session(
                    turns=[
                        ("آنا", "انتقلت إلى بورتو في مايو."),
                        ("李雷", "我在东京的面包店工作。"),
                        (f"B{MARKUP}", POISON),
                    ],
                    time="2024-05-09",
                    id=f"s {POISON}",
                    metadata={"title": POISON, POISON: POISON},
                ),
            ]
        )
        made = memory.items.insert("Marta bakes rye bread on Fridays.")
        assert made.item is not None
        memory.items.update(made.item.id, "Marta bakes spelt bread on Fridays.")
        memory.items.insert(f"Known. {POISON}")
        memory.admin.share(f"reader {MARKUP}")
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        memory.items.insert(f"Proposed. {POISON}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspector") / "memory"
    fill(folder)
    return folder


@pytest.fixture
def site(filled: Path, tmp_path: Path) -> Iterator[HttpService]:
    shutil.copytree(filled, tmp_path / "memory")
    with http_service(tmp_path / "memory", "--no-browser", command="ui") as running:
        yield running


@pytest.fixture
def open_page(chromium: Any, site: HttpService) -> Iterator[Callable[..., Any]]:
    """Opens the link that `jitmem ui` printed; fails for each error, dialog, and request to another server."""
    wrong = list[str]()
    contexts = list[Any]()

    def opened(**options: Any) -> Any:
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if request.url.startswith(site.url) else wrong.append(request.url))
        page.goto(site.line.split()[1])
        page.wait_for_selector(SHOWN["ask"])
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [one for one in wrong if "responded with a status of 40" not in one] == []  # refusals that a test wants


def go(page: Any, view: str) -> None:
    page.click(f"nav a[data-view={view}]")
    page.wait_for_selector(f"main h1:text-is('{view.title()}')")
    page.wait_for_selector(SHOWN[view])


def confirm(page: Any) -> None:
    page.fill("input[name=sure]", "forget")
    page.click("text=Forget for good")
    page.wait_for_selector(".receipt")


@WITH_BROWSER
def test_from_a_question_to_its_page_and_the_receipt(open_page: Callable[..., Any]) -> None:
    page = open_page()
    assert "code" not in page.url
    page.fill("textarea[name=question]", "Where does Zoe live since she moved?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result .context a")
    searches = page.locator(".search").all_inner_texts()
    assert {text.split()[0] for text in searches} == {"keyword", "vector"}
    assert page.locator(".hits meter").count() >= 2
    assert "0 model calls" in page.inner_text(".figures")
    quote = page.locator(".result ol q").first.inner_text()
    page.locator(".result .context a").first.click()
    page.wait_for_selector("mark")
    assert "".join(page.locator("mark").all_text_contents()).split() == quote.split()
    assert "🏠🎉" in page.inner_text(".text")
    assert page.locator("h2:has-text('Cited by') + ul a").inner_text() == "Where does Zoe live since she moved?"
    page.click("text=forget it")
    page.click("text=Preview")
    page.wait_for_selector(".beginnings")
    assert page.is_disabled("text=Forget for good")
    confirm(page)
    assert "erased" in page.inner_text(".receipt h2")
    page.go_back()
    page.wait_for_selector(".refusal")
    assert "No page" in page.inner_text(".refusal")
    go(page, "ask")
    page.click("text=Show")  # the run from its trace, though its page is gone
    page.wait_for_selector(".result .context a")


@WITH_BROWSER
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_every_view_fits_and_hostile_text_is_text(open_page: Callable[..., Any], width: int, scheme: str) -> None:
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.fill("textarea[name=question]", f"evil {POISON} Proposed Known")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result .context")

    def check() -> None:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
        assert page.locator("script").count() == 1
        assert page.locator("main img").count() == 0
        assert page.evaluate(
            "[...document.querySelectorAll('a')].every((one) => one.getAttribute('href').startsWith('#'))"
        )
        text = page.evaluate("document.body.textContent")
        assert not set(text) & set("\x1b\u202e\u2066\u200b\u2028\ufeff"), page.url

    check()
    for view in VIEWS[1:]:
        go(page, view)
        check()
    go(page, "pages")
    page.locator(".rows li a").first.click()
    page.wait_for_selector(".text")
    page.click("text=Metadata")
    check()
    assert "\\u202e" in page.inner_text(".text")
    assert MARKUP in page.inner_text(".text")
    directions = page.eval_on_selector_all(".passage", "all => all.map((one) => getComputedStyle(one).direction)")
    assert directions == ["rtl", "ltr", "ltr"]  # Arabic, Chinese, markup
    style = page.evaluate(
        "(({unicodeBidi, textAlign}) => [unicodeBidi, textAlign])(getComputedStyle(document.querySelector('.passage')))"
    )
    assert style == ["plaintext", "start"]
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) < 300) == (scheme == "dark")


@WITH_BROWSER
def test_an_item_is_edited_undone_and_a_proposal_approved(open_page: Callable[..., Any]) -> None:
    page = open_page()
    go(page, "items")
    card = page.locator("li.item", has_text="spelt")
    card.get_by_text("Edit").click()
    page.fill("li.item textarea", "Marta bakes spelt bread on Sundays.")
    page.click("text=Save")
    page.wait_for_selector("li.item:has-text('Sundays')")
    page.locator("li.item", has_text="Sundays").get_by_text("History").click()
    page.wait_for_selector("ins")
    assert page.locator("ins").all_text_contents() == ["Sundays.", "spelt"]
    assert page.locator("del").all_text_contents() == ["Fridays.", "rye"]
    page.click("text=Undo this change")
    page.wait_for_selector("main ol > li:nth-child(4)")
    go(page, "items")
    page.click("text=Approve")
    page.wait_for_selector("li.item:has-text('Proposed.')")
    assert page.locator("text=Proposed edits").count() == 0
    page.click("text=Add an item")
    page.fill("details textarea[name=content]", "Tom sails.")
    page.click("details button.primary")
    page.wait_for_selector("li.item:has-text('Tom sails.')")
    page.fill("input[name=as_of]", "2020-01-01")
    page.click("text=Filter")
    page.wait_for_selector("text=No item is like this.")
    page.fill("input[name=as_of]", "yesterday at the sea")
    page.click("text=Filter")
    page.wait_for_selector(".refusal")


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until an element has the focus, which must then be seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
            assert width != "0px", selector
            return
    pytest.fail(f"Tab does not reach {selector}")


@WITH_BROWSER
def test_everything_can_be_done_with_the_keys_alone(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.keyboard.type("Where does Tom sail from?")  # the question has the focus
    page.keyboard.press("Enter")
    page.wait_for_selector(".result .context a")
    tab_to(page, ".context a")
    page.keyboard.press("Enter")
    page.wait_for_selector("mark")
    tab_to(page, "a[href*='/forget?page_id=']")
    page.keyboard.press("Enter")
    page.wait_for_selector(SHOWN["forget"])
    tab_to(page, "button.primary")
    page.keyboard.press("Enter")
    page.wait_for_selector("input[name=sure]")
    tab_to(page, "input[name=sure]")
    page.keyboard.type("forget")
    tab_to(page, "button.danger")
    page.keyboard.press("Enter")
    page.wait_for_selector(".receipt")
    for number, view in enumerate(VIEWS, start=1):
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press(str(number))
        page.wait_for_selector(f"nav a[data-view={view}][aria-current]")
        page.wait_for_selector(SHOWN[view])
    page.keyboard.press("2")
    page.wait_for_selector(SHOWN["pages"])
    page.keyboard.press("/")
    page.keyboard.type("Tokyo bakery")
    page.keyboard.press("Enter")
    page.wait_for_selector(".empty, .refusal")  # what was asked for is forgotten, and no page has these words
    assert "Sign out" in page.inner_text("#whose")


@WITH_BROWSER
def test_an_empty_memory_says_what_to_do(chromium: Any, tmp_path: Path) -> None:
    with http_service(tmp_path / "memory", "--no-browser", command="ui") as running:
        page = chromium.new_page()
        page.goto(running.line.split()[1])
        for view, says in (
            ("ask", "Ask something"),
            ("pages", "jitmem memorize"),
            ("items", "memory items yet"),
            ("namespaces", "No other namespace reads"),
            ("health", "Nothing was filed yet"),
        ):
            page.click(f"nav a[data-view={view}]")
            page.wait_for_selector(f".empty:has-text('{says}')")
        page.click("nav a[data-view=forget]")
        page.fill("textarea[name=value]", "anything")
        page.click("text=Preview")
        page.wait_for_selector(".empty:has-text('Nothing matches')")
        page.click("text=Sign out")
        page.wait_for_selector("input[name=secret]")
        page.reload()
        page.wait_for_selector("input[name=secret]")
        page.close()


@WITH_BROWSER
def test_a_long_list_is_shown_a_part_at_a_time_and_a_long_page_too(chromium: Any, tmp_path: Path) -> None:
    from jitmem import MemorizeOptions

    options = MemorizeOptions(curate=False, page_tokens=1_000_000)
    with Memory.open(tmp_path / "memory", memorize_options=options) as memory:
        memory.memorize_many([Session(text=f"Number {n}.", time=f"2024-01-{n % 28 + 1:02d}") for n in range(120)])
        long = "\n".join(f"Ana: This is line {n} of a long page, with the word heron{n} in it." for n in range(5000))
        memory.memorize(Session(text=long, time="2025-01-01"))
    with http_service(tmp_path / "memory", "--no-browser", command="ui") as running:
        page = chromium.new_page()
        page.goto(running.line.split()[1])
        go(page, "pages")
        assert page.locator(".rows li").count() == 50
        page.click("text=Show more")
        page.wait_for_selector(":nth-match(.rows li, 100)")
        page.locator(".rows li a").first.click()
        page.wait_for_selector(".text")
        assert page.locator(".passage, .between").count() == 500
        page.click("text=Show more of this page")
        assert page.locator(".passage, .between").count() == 1000
        go(page, "ask")
        page.fill("textarea[name=question]", "heron4321")
        page.keyboard.press("Enter")
        page.locator(".result .context a").first.click()
        page.wait_for_selector("mark")  # far behind what is shown at first
        assert "heron4321" in page.inner_text("mark")
        page.close()


def browser_clock(page: Any) -> Callable[[], float]:
    """Counts the seconds of work of the page's own thread from now on."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def seconds() -> float:
        found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return float(found["TaskDuration"])

    began = seconds()
    return lambda: seconds() - began


def cpu_of_server(running: HttpService) -> float:
    fields = Path(f"/proc/{running.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@WITH_BROWSER
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the CPU of another process is read from /proc")
def test_the_first_view_of_50_000_pages_takes_less_than_a_second_of_cpu(chromium: Any, tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        fill_with_rows(memory)
    with http_service(tmp_path / "memory", "--no-browser", command="ui") as running:
        page = chromium.new_page()
        page.goto(running.line.split()[1])
        page.wait_for_selector(SHOWN["ask"])
        before = cpu_of_server(running)
        seconds = browser_clock(page)
        go(page, "pages")
        page.wait_for_selector(":nth-match(.rows li, 50)")
        spent = cpu_of_server(running) - before
        assert spent < 1
        assert 0.001 < seconds() < 3  # by the clock: other processes may take their turns in between
        assert page.locator(".rows li").count() == 50
        for view in ("items", "forget", "namespaces", "health"):
            page.click(f"nav a[data-view={view}]")
            page.wait_for_selector(SHOWN[view])
        assert "50,001" in page.inner_text(".numbers")
        page.close()


@WITH_BROWSER
def test_a_page_of_2_mb_is_shown_a_part_at_a_time(chromium: Any, tmp_path: Path) -> None:
    from jitmem import MemorizeOptions

    options = MemorizeOptions(curate=False, page_tokens=10_000_000)
    turns = [(f"Ana {number}", f"{POISON} " + f"heron{number}{'x' * 1300}") for number in range(1500)]
    assert sum(len(words) for _, words in turns) > 2_000_000
    with Memory.open(tmp_path / "memory", memorize_options=options) as memory:
        [page_id] = memory.memorize(Session(turns=turns)).page_ids
    with http_service(tmp_path / "memory", "--no-browser", command="ui") as running:
        page = chromium.new_page()
        page.set_default_timeout(60_000)
        page.goto(running.line.split()[1])
        page.wait_for_selector(SHOWN["ask"])
        seconds = browser_clock(page)
        page.evaluate(f"location.hash = '/page/{page_id}'")
        page.wait_for_selector(".text .passage")
        assert seconds() < 5
        assert page.locator(".passage, .between").count() <= 500
        assert page.locator("script").count() == 1
        page.click("text=Show more of this page")
        assert page.locator(".passage, .between").count() > 500
        page.close()


@WITH_BROWSER
@pytest.mark.skipif(
    find_spec("axe_playwright_python") is None, reason="needs axe-playwright-python, which brings axe-core"
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_no_fault_in_any_view(open_page: Callable[..., Any], width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 800})  # axe is a script
    found = dict[str, Any]()

    def examine(state: str) -> None:
        page.wait_for_timeout(100)  # colours that fade
        result = Axe().run(page)
        found[state] = [
            (one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in result.response["violations"]
        ]

    page.fill("textarea[name=question]", "Where does Zoe live?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result .context a")
    examine("ask")
    for view in VIEWS[1:]:
        go(page, view)
        examine(view)
    page.click("text=Run the doctor")
    page.wait_for_selector("text=Healthy")
    examine("doctor")
    go(page, "items")
    page.click("text=Add an item")
    page.locator("li.item").get_by_text("Edit").first.click()
    examine("editor")
    page.locator("li.item .actions a").first.click()
    page.wait_for_selector("main ol")
    examine("item")
    go(page, "pages")
    page.locator(".rows li a").first.click()
    page.wait_for_selector(".text")
    page.click("text=Metadata")
    examine("page")
    page.click("text=forget it")
    page.click("text=Preview")
    page.wait_for_selector(".beginnings")
    examine("preview")
    confirm(page)
    page.click("text=As JSON")
    examine("receipt")
    page.go_back()
    page.wait_for_selector(".refusal")
    examine("refusal")
    page.click("text=Sign out")
    page.wait_for_selector("input[name=secret]")
    examine("sign in")
    assert {state: faults for state, faults in found.items() if faults} == {}


@pytest.mark.parametrize("file", sorted(INSPECTOR.glob("*.js")), ids=lambda file: file.name)
def test_no_module_makes_markup_of_text_or_names_another_server(file: Path) -> None:
    code = file.read_text(encoding="utf-8")
    code = code.replace("there is no innerHTML anywhere", "").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|https?://", code)


def test_the_page_has_no_inline_script_or_style() -> None:
    html = (INSPECTOR / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html) == []
