"""Take the pictures of the inspector over the sample history: `make pictures`. Needs playwright and a chromium."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from jitmem import Memory
from jitmem.sample_history import sample_sessions

PICTURES = Path(__file__).parent / "pictures" / "inspector"
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


def main() -> None:
    from http_service import http_service

    PICTURES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        with Memory.open(folder) as memory:
            memory.memorize_many(sample_sessions())
            made = memory.items.insert("Filomena bakes rye bread on Fridays.")
            assert made.item is not None
            memory.items.update(made.item.id, "Filomena bakes spelt bread on Saturdays.")
        with http_service(Path(folder), "--no-browser", command="ui") as running, sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = chromium.new_page(viewport={"width": 1100, "height": 1000}, color_scheme="light")
            page.goto(running.line.split()[1])
            page.fill("textarea", "Why was the opening moved to March?")
            page.select_option("select[name=output]", "integration")
            page.keyboard.press("Tab")
            page.click("button.primary")
            page.wait_for_selector(".result .context a")
            page.wait_for_selector("#status:empty", state="attached")
            page.screenshot(path=PICTURES / "ask-light.png")
            page.emulate_media(color_scheme="dark")
            page.set_viewport_size({"width": 1100, "height": 560})
            page.click("nav >> text=Items")
            page.click(".item:has-text('spelt') >> text=History")
            page.wait_for_selector("ins")
            page.screenshot(path=PICTURES / "item-dark.png")
            chromium.close()


if __name__ == "__main__":
    main()
