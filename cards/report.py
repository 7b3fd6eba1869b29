"""Renders an audit and a sample of its pairs as one HTML file that needs only a browser.

The page loads nothing, and its Content-Security-Policy forbids it. Text from the data reaches the page escaped, or as
JSON that scripts insert as text nodes, so that no dialogue can be markup.
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..schemas.audit import Audit
from ..schemas.drops import DropReason
from ..schemas.error_type import ErrorType
from ..schemas.report import HeldOut, ReportPair
from ._charts import charts_of, configs_of
from ._report_tables import gate_lines, judges_of, other_tables, verdict_table
from .columns import member_docs

_SCRIPTS = ("report_charts.js", "report_judges.js", "report.js")
"""The page's own scripts, in the order of their dependencies."""

_MARKUP = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def render_report(audit: Audit, pairs: Iterable[ReportPair], *, of: int, held_out: HeldOut | None = None) -> str:
    """The text of `report.html`.

    Args:
        audit: the source of all numbers about the data as a whole.
        pairs: the sample to show.
        of: the number of pairs and drops that the sample was drawn from.
        held_out: the counts of what was left out of `of` for a crisis; None if the data holds nothing out.
    """
    shown, charts = list(pairs), charts_of(audit)
    scripts = {"plotly": _plotly(), "page": "".join(map(_asset, _SCRIPTS))}
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.jinja").render(
        policy=_policy(scripts.values()),
        scripts=scripts,
        style=_asset("report.css"),
        subject=audit.subject,
        configs=configs_of(audit),
        charts=charts,
        gates=gate_lines(audit),
        judges=judges_of(audit),
        compared=bool(audit.orders),
        verdicts=verdict_table(audit),
        tables=other_tables(audit),
        shown=len(shown),
        of=of,
        held_out=held_out,
        figures_json=embed({chart.id: chart.figure for chart in charts}),
        pairs_json=embed([pair.model_dump(mode="json") for pair in shown]),
        about_json=embed(_about()),
    )


def embed(value: Any) -> str:
    """`value` as JSON that is safe inside a script element, whatever its texts contain."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_MARKUP)


def _about() -> dict[str, str]:
    """The meanings of drop reasons and errors."""
    return {one.value: member_docs(kind)[one.name] for kind in (DropReason, ErrorType) for one in kind}


def _policy(scripts: Iterable[str]) -> str:
    """A policy under which only these scripts run and nothing loads; Plotly needs inline styles and `data:` images."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@lru_cache
def _plotly() -> str:
    """Plotly's JavaScript with LF line ends: browsers normalise them before they compute the script's digest."""
    from plotly.offline import get_plotlyjs  # slow to import

    return str(get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n")
