"""Draw the flowcharts of the documents for the site: `make pictures`. Needs npm, playwright and a chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent / "site"))

MERMAID = "mermaid@11.12.0"
DRAW = """async (text) => {
  mermaid.initialize({startOnLoad: false, theme: "neutral", deterministicIds: true, fontFamily: "sans-serif",
                      htmlLabels: false, flowchart: {htmlLabels: false}});
  return (await mermaid.render("flowchart", text)).svg;
}"""
_WIDE = re.compile(r'width="100%"(?=.*? viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)")')
_DATA = re.compile(r' data-[\w-]+="[^"]*"')  # for Mermaid's own use: most of the bytes
_DIGITS = re.compile(r"(\d\.\d\d)\d+")


def main() -> None:
    from flowcharts import PICTURES, flowcharts_in, picture_of
    from navigation import documents

    texts = [path.read_text(encoding="utf-8") for path in documents() if path.suffix == ".md"]
    wanted = {picture_of(flowchart): flowchart for text in texts for flowchart in flowcharts_in(text)}
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in set(PICTURES.glob("*.svg")) - set(wanted):
        old.unlink()
    missing = {path: flowchart for path, flowchart in wanted.items() if not path.exists()}
    if not missing:
        return
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--prefix", folder, MERMAID], check=True)
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page()
        page.add_script_tag(path=Path(folder) / "node_modules/mermaid/dist/mermaid.min.js")
        for path, flowchart in missing.items():
            drawn = _WIDE.sub(r'width="\1" height="\2"', page.evaluate(DRAW, flowchart), count=1)
            path.write_text(_DIGITS.sub(r"\1", _DATA.sub("", drawn)), encoding="utf-8")
        chromium.close()


if __name__ == "__main__":
    main()
