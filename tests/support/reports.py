"""Reports for tests: pairs that a test makes up, a page read as a browser would, and what is asked of a browser."""

import base64
import json
import os
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from ipm_prefdial.schemas.report import ReportAnswer, ReportJudge, ReportPair, ReportRewrite, ReportTurn, ReportVerdict
from ipm_prefdial.schemas.rows.layout_2 import Closeness, Panel


def made_up_pair(text: str = "Some words.", **changed: Any) -> ReportPair:
    """A kept pair whose every text is `text`."""
    verdict = ReportVerdict(judge=text, error=text, rationale=text, raw=text)
    values: dict[str, Any] = {
        "id": text,
        "config": text,
        "split": text,
        "source": text,
        "dialogue_id": text,
        "turn": 3,
        "reason": None,
        "detail": text,
        "strategy": text,
        "rejected_strategy": text,
        "error": text,
        "earlier": 0,
        "turns": (ReportTurn(speaker=text, text=text, strategy=text),),
        "human": text,
        "chosen": text,
        "rejected": text,
        "chosen_verdict": verdict,
        "rejected_verdict": verdict,
    }
    return ReportPair(**{**values, **changed})


def compared_pair(text: str = "Some words.", **changed: Any) -> ReportPair:
    """A kept pair on which a panel of one judge voted, and whose chosen side was rewritten; every text is `text`."""
    answers = [
        ReportAnswer(
            order=order, better="chosen", chosen_error=None, rejected_error=text, rationale=text, problem=None, raw=text
        )
        for order in ("chosen_first", "rejected_first")
    ]
    return made_up_pair(
        text,
        chosen_verdict=None,
        rejected_verdict=None,
        panel=Panel(judges=1, votes=1, margin=1, confidence=0.75),
        judges=(ReportJudge(judge=text, vote="worse", answers=tuple(answers)),),
        closeness=Closeness(length=0.5, style=0.25, meaning=0.125),
        rewrite=ReportRewrite(by=text, error=text, original=text, request_key=text),
        **changed,
    )


@dataclass
class Page(HTMLParser):
    """What a browser makes of a page: its elements, and what its scripts and cells hold."""

    html: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)
        self._open, self._in_cell = "", False
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element."""
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append("")
        if tag == "td":
            self.cells.append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        """Notes that a script or a cell is over."""
        if tag in ("script", "style"):
            self._open = ""
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data: str) -> None:
        """Notes words where they stand."""
        if self._open == "script":
            self.scripts[-1] += data
        elif self._open != "style":
            self.text += data
            if self._in_cell:
                self.cells[-1] += data

    def data(self, name: str) -> Any:
        """What a script of JSON holds."""
        ids = [attributes.get("id") for tag, attributes in self.tags if tag == "script"]
        return json.loads(self.scripts[ids.index(name)])


def ask(browser: Any, script: str) -> Any:
    """What an expression is worth on the page."""
    return browser.execute_script(f"return {script}")


def choose(browser: Any, name: str, value: str) -> None:
    """Sets a filter."""
    from selenium.webdriver.support.select import Select

    Select(browser.find_element("id", f"filter-{name}")).select_by_value(value)


def found(browser: Any) -> list[dict[str, Any]]:
    """The pairs that the filters leave, which the list and the line above it agree on."""
    pairs: list[dict[str, Any]] = json.loads(ask(browser, "JSON.stringify(found)"))
    assert len(browser.find_elements("css selector", "#list li")) == len(pairs)
    assert ask(browser, "document.getElementById('found').textContent").startswith(f"{len(pairs)} of")
    return pairs


def search(browser: Any, text: str) -> list[dict[str, Any]]:
    """The pairs that a search leaves."""
    browser.execute_script("document.getElementById('search').value = arguments[0]; applyFilters()", text)
    return found(browser)


def keep_screenshot(browser: Any, name: str, folder: Path) -> None:
    """A screenshot of the whole page, in $IPM_SCREENSHOTS where that is set, so that a person can look at it."""
    width, height = ask(browser, "[innerWidth, document.documentElement.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    told = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    (Path(os.environ.get("IPM_SCREENSHOTS", folder)) / name).write_bytes(base64.b64decode(told["data"]))
