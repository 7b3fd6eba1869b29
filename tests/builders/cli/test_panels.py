"""A build with three judges behind an endpoint, and what the command then shows of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.chat_server import ChatServer
from support.command import Done, ipm_prefdial
from support.reports import Page

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.audit import Audit
from ipm_prefdial.schemas.config import PAIR_CONFIGS

JUDGES = ("first-sider", "judge-two", "judge-three")


def _play_judge(body: dict[str, Any]) -> str:
    """A judge who finds the shorter side wanting; the one called first-sider always finds the second side wanting."""
    text = body["messages"][-1]["content"]
    if "whether a person trained in crisis support" in body["messages"][0]["content"]:
        return json.dumps({"crisis": "none", "turn": None, "rationale": "Nothing."})
    a, b = (part.strip() for part in re.split(r"\n\n(?:Reply|Strategy) [AB]:", text)[1:])
    error = "strategy_mismatch" if "\n\nStrategy A:" in text else "template_response"
    second = body["model"] == "first-sider" or (len(a), a) > (len(b), b)
    found = {"a": "none", "b": error} if second else {"a": error, "b": "none"}
    return json.dumps({**found, "better": "a" if second else "b", "rationale": "The better one says more."})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Done]]:
    """A release of eight dialogues by spec 2.0.0, and what its build printed."""
    root = tmp_path_factory.mktemp("panels") / "release"
    with ChatServer(_play_judge, models=JUDGES) as server:
        judges = [word for name in JUDGES for word in ("--judge", f"{name}@{server.url}")]
        done = ipm_prefdial("build", "--out", root, "--release", "2.0.0", "--limit", "8", "--show", "3", *judges)
    assert done.code == 0, done.err
    yield root, done


@pytest.fixture(scope="module")
def audited(built: tuple[Path, Done]) -> Done:
    """What `audit` prints of it; the release then has its report."""
    return ipm_prefdial("audit", built[0])


def test_pairs_are_shown_with_their_panel(built: tuple[Path, Done]) -> None:
    root, done = built
    rows = [row for config in PAIR_CONFIGS for row in Release(root).rows(config)]
    assert done.out.count("+ chosen") == done.out.count("- rejected") == 3
    told = re.findall(
        r"(template_response|strategy_mismatch) \((\d) of 3 judges, confidence (0\.\d+)\): The better one", done.out
    )
    assert len(told) == 3
    assert set(told) <= {
        (row["rejected_error"], str(row["panel"]["votes"]), str(row["panel"]["confidence"])) for row in rows
    }


def test_a_judge_who_minds_the_order_closes_a_gate(audited: Done) -> None:
    assert audited.code == 1
    line = next(line for line in audited.err.splitlines() if "order_flips" in line)
    assert (
        "gate order_flips failed: strategy: answers of first-sider that turn with the order is 1 (95 % bounds: 0."
        in line
    )
    assert not [line for line in audited.err.splitlines() if "order_flips failed" in line and "judge-two" in line]


def test_orders_agreement_and_chatter_are_tables(built: tuple[Path, Done], audited: Done) -> None:
    audit = Audit.model_validate_json((built[0] / "audit.json").read_bytes())
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in audited.out.splitlines() if "│" in line]
    for one in audit.orders:
        assert one.flips.value == (1 if one.judge == "first-sider" else 0)
        flips, first = (f"{it.value:.3f} ({it.low:.3f} to {it.high:.3f})" for it in (one.flips, one.first))
        assert [one.config, one.judge, flips, str(one.flips.n), first, str(one.first.n)] in cells
    assert "Agreement of the judges" in audited.out
    for agreement in audit.agreement:
        line = next(line for line in cells if line[:2] == [agreement.config, agreement.label])
        assert line[2].startswith(f"{agreement.alpha.value:.3f}")
        assert line[3] == str(agreement.alpha.n)
        known = [pair for pair in agreement.pairs if pair.kappa.value is not None]
        least = min((pair.kappa.value or 0 for pair in known), default=None)
        assert line[4].startswith("–" if least is None else f"{least:.3f}")
    assert "Crowd chatter in chosen replies" in audited.out
    for chatter in audit.chatter:
        assert any(line[:2] == [chatter.config, str(chatter.found)] and line[4] == "–" for line in cells)


def test_report_shows_who_is_behind_an_endpoint(built: tuple[Path, Done], audited: Done) -> None:
    page = Page((built[0] / "report.html").read_text(encoding="utf-8"))
    assert "A panel of 3 judges" in page.text
    votes = {one["vote"] for pair in page.data("pairs-data") for one in pair["judges"] if one["judge"] == "first-sider"}
    assert votes == {"flip"}
    assert "✗ FAILED" in page.cells
