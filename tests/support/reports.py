"""Reports for tests: pairs that a test makes up, and a page read as a browser would."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from ipm_prefdial.schemas.report import ReportPair, ReportTurn, ReportVerdict


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
