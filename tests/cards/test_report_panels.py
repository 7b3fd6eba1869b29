"""The report of a release whose judges compared the sides: what the page holds of them, and whom it leaves out."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.audits import audit_release, shared_audit
from support.releases import build_scripted, change_rows, copy_release, shared_release
from support.reports import Page, compared_pair

from ipm_prefdial.builders.release.card_context import all_unread
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.report import report_pair, write_report
from ipm_prefdial.cards import report
from ipm_prefdial.cards._plotting import scatter_points
from ipm_prefdial.cards.report import gate_lines, render_report
from ipm_prefdial.schemas.audit import Audit, OrderCheck, Outcome
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config
from ipm_prefdial.schemas.measures import Chatter, Interval
from ipm_prefdial.schemas.report import REPORT_FILE, HeldOut, ReportPair

Row = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def _without_plotly() -> Any:
    """The page without its 4 MB of charts' code."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(report, "_plotly", lambda: "'charts'")
        yield


@pytest.fixture(scope="module")
def audit() -> Audit:
    """The audit of the scripted release with panels."""
    return audit_release(shared_release("2.0.0", 30))


@pytest.fixture(scope="module")
def shipped(audit: Audit, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """That release with everything on its page."""
    release = copy_release(tmp_path_factory.mktemp("report") / "release", shared_release("2.0.0", 30))
    write_report(release, audit, sample=100_000)
    return release


@pytest.fixture(scope="module")
def html(shipped: Release) -> str:
    """The page, as it is."""
    return (shipped.root / REPORT_FILE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    """The page, as it is read."""
    return Page(html)


@pytest.fixture(scope="module")
def pairs(page: Page) -> list[ReportPair]:
    """What can be looked at on it."""
    return [ReportPair.model_validate(one) for one in page.data("pairs-data")]


def _rows(release: Release) -> dict[str, Row]:
    return {row["row_id"]: row for config in (*PAIR_CONFIGS, Config.DROPPED) for row in release.rows(config)}


# Whom the page leaves out


def test_nobody_in_a_crisis_is_on_the_page(shipped: Release, html: str, pairs: list[ReportPair]) -> None:
    held_out = list(shipped.rows(Config.CRISIS_HOLDOUT))
    assert held_out
    assert {pair.reason for pair in pairs}.isdisjoint({"crisis"})
    for row in held_out:
        assert row["dialogue_id"] not in html
        said = [turn["text"] for turn in row["turns"] if len(turn["text"]) > 20]
        assert [text for text in said if report.embed(text)[1:-1] in html] == []


def test_page_says_how_many_are_held_out_and_where(shipped: Release, page: Page, pairs: list[ReportPair]) -> None:
    held_out = list(shipped.rows(Config.CRISIS_HOLDOUT))
    dropped = [row for row in shipped.rows(Config.DROPPED) if row["config"] in PAIR_CONFIGS]
    unread = {row["dialogue_id"] for row in held_out if all_unread(row["findings"])}
    candidates = sum(row["reason"] == "crisis" for row in dropped)
    of_unread = sum(row["reason"] == "crisis" and row["dialogue_id"] in unread for row in dropped)
    assert unread and of_unread
    assert f"{len(held_out) - len(unread)} dialogues, which stand in the config crisis_holdout" in page.text
    assert f"and none of the {candidates - of_unread} candidates" in page.text
    assert f"{len(unread)} more dialogue" in page.text and f"held out unread, with {of_unread} candidates" in page.text
    rows = sum(1 for config in PAIR_CONFIGS for _ in shipped.rows(config))
    assert len(pairs) == rows + len(dropped) - candidates
    assert f"{len(pairs)} of {len(pairs)} pairs" in page.text


def test_a_damaged_release_shows_nobody_in_a_crisis_either(audit: Audit, tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", shared_release("2.0.0"))
    held_out = next(release.rows(Config.CRISIS_HOLDOUT))["dialogue_id"]

    def leak(rows: list[Row]) -> None:
        rows[0] |= {"dialogue_id": held_out, "row_id": "leaked"}

    change_rows(release, "data/response/train-00000-of-00001.parquet", leak)
    write_report(release, audit, sample=100_000)
    shown = Page((release.root / REPORT_FILE).read_text(encoding="utf-8")).data("pairs-data")
    assert {pair["id"] for pair in shown}.isdisjoint({"leaked"})
    assert {pair["dialogue_id"] for pair in shown}.isdisjoint({held_out})


@pytest.mark.parametrize(("number", "told"), [(1, "1 dialogue, which stands"), (0, "0 dialogues, which stand")])
def test_few_are_told_in_grammar(number: int, told: str) -> None:
    page = Page(render_report(shared_audit(), [], of=0, held_out=HeldOut(dialogues=number, candidates=0)))
    assert told in page.text


def test_a_release_that_holds_nobody_out_says_nothing_of_it(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release")
    write_report(release, shared_audit(), sample=10)
    assert "crisis_holdout" not in Page((release.root / REPORT_FILE).read_text(encoding="utf-8")).text


# What judges said


def test_every_judgement_is_beside_its_pair(shipped: Release, pairs: list[ReportPair]) -> None:
    rows = _rows(shipped)
    asked = [pair for pair in pairs if pair.judges]
    assert {pair.config for pair in asked if pair.reason is None} == set(PAIR_CONFIGS)
    for pair in pairs:
        row = rows[pair.id]
        told = [(one.judge, answer) for one in pair.judges for answer in one.answers]
        due = row["judgements"]
        assert len(told) == len(due)
        assert {(judge, answer.order, answer.raw, answer.rationale, answer.problem) for judge, answer in told} == {
            (_judge(one), one["order"], one["raw"], one["rationale"], one["problem"]) for one in due
        }
        assert sorted(
            (str(answer.better), str(answer.chosen_error), str(answer.rejected_error)) for _, answer in told
        ) == sorted((str(one["better"]), str(one["chosen_error"]), str(one["rejected_error"])) for one in due)


def _judge(row: Row) -> str:
    return row["model"] + (f"#{row['revision']}" if row["revision"] else "")


def test_judges_are_called_what_the_audit_calls_them(audit: Audit, pairs: list[ReportPair]) -> None:
    assert {one.judge for pair in pairs for one in pair.judges} == {one.judge for one in audit.orders}


def test_votes_come_to_what_the_panel_says(pairs: list[ReportPair]) -> None:
    settled = [pair for pair in pairs if pair.panel is not None]
    assert {pair.reason for pair in settled} > {
        None,
        "order_flip",
        "chosen_flawed",
        "rejected_sound",
        "easier_negative",
    }
    votes: Counter[str | None] = Counter()
    for pair in settled:
        assert pair.panel is not None
        assert [answer.order for one in pair.judges for answer in one.answers] == ["chosen_first", "rejected_first"] * 3
        assert sum(one.vote == "worse" for one in pair.judges) == pair.panel.votes
        votes.update(one.vote for one in pair.judges)
    assert votes.keys() >= {"worse", "flip", "failed", "unparsed", "chosen_flawed", "rejected_sound"}


def test_panel_closeness_and_rewriting_are_the_rows(shipped: Release, pairs: list[ReportPair]) -> None:
    rows = _rows(shipped)
    for pair in pairs:
        row = rows[pair.id]
        assert (pair.panel and pair.panel.model_dump()) == row["panel"]
        assert (pair.closeness and pair.closeness.model_dump()) == row["closeness"]
        assert (pair.rewrite is None) == (row["rewrite"] is None)
        if pair.rewrite is not None:
            told = (pair.rewrite.original, pair.rewrite.error, pair.rewrite.request_key)
            assert told == tuple(row["rewrite"][name] for name in ("original", "error", "request_key"))
            assert pair.rewrite.by == _judge(row["rewrite"])
    rewritten = Counter(pair.reason is None for pair in pairs if pair.rewrite is not None)
    assert rewritten[True] and rewritten[False], "kept and dropped"


def test_draws_of_one_judge_are_told_apart() -> None:
    row = next(row for row in shared_release("2.0.0").rows(Config.RESPONSE) if row["judgements"])
    one, other = row["judgements"][0], row["judgements"][3]
    again = [{**one, "draw": 1}, {**other, "draw": 1}]
    pair = report_pair(
        {**row, "judgements": [one, again[0], other, again[1]], "config": "response", "split": "train"}, None
    )
    assert [judge.judge for judge in pair.judges] == [_judge(one), f"{_judge(one)} (draw 1)"]
    assert [len(judge.answers) for judge in pair.judges] == [2, 2]


def test_damaged_judgements_are_shown_as_they_are() -> None:
    row = next(row for row in shared_release("2.0.0").rows(Config.RESPONSE) if row["judgements"])
    damaged = {
        **row,
        "judgements": [row["judgements"][0] | {"better": "the first"}, *row["judgements"][1:-1]],
        "panel": row["panel"] | {"votes": None},
        "closeness": None,
    }
    pair = report_pair({**damaged, "config": "response", "split": "train"}, None)
    assert [one.vote is None for one in pair.judges] == [True, False, True]
    assert pair.judges[0].answers[0].better == "the first"
    assert (pair.panel, pair.closeness) == (None, None)


def test_hostile_judges_stay_texts() -> None:
    text = "</script><script>alert(1)</script>%{x}<br>"
    harmless, hostile = (
        Page(render_report(_with_judge(shared_audit(), name), [compared_pair(name)], of=1))
        for name in ("harmless", text)
    )
    assert [tag for tag, _ in harmless.tags] == [tag for tag, _ in hostile.tags]
    (pair,) = hostile.data("pairs-data")
    assert ReportPair.model_validate(pair) == compared_pair(text)
    assert text not in str(hostile.data("figures-data"))


def _with_judge(audit: Audit, name: str) -> Audit:
    flips = Interval(value=0.1, low=0.05, high=0.2, n=40)
    return audit.model_copy(update={"orders": (OrderCheck(config="response", judge=name, flips=flips, first=flips),)})


# What the audit says of them


def _figures(page: Page, title: str) -> list[dict[str, Any]]:
    """The figures of every config's chart of that title."""
    titles = [part.split(" · ")[0].strip() for part in _captions(page)]
    return [page.data("figures-data")[f"chart-{at}"] for at, one in enumerate(titles) if one == title]


def _captions(page: Page) -> list[str]:
    labels = [attributes.get("aria-label") or "" for tag, attributes in page.tags if tag == "div"]
    return [one.removeprefix("Chart: ").split(", ")[0] for one in labels if one.startswith("Chart: ")]


def test_agreement_is_drawn_and_told(audit: Audit, page: Page) -> None:
    figures = _figures(page, "Agreement of the judges")
    assert len(figures) == len(PAIR_CONFIGS)
    drawn = [trace["x"] for figure in figures for trace in figure["data"]]
    due = []
    for config in audit.rows:
        labels = [one for one in audit.agreement if one.config == config]
        due.append([one.alpha.value for one in labels])
        due += [[one.pairs[at].kappa.value for one in labels] for at in range(3)]
    assert drawn == due
    cells = set(page.cells)
    for one in audit.agreement:
        for interval in (one.alpha, *(pair.kappa for pair in one.pairs), *(pair.same for pair in one.pairs)):
            assert f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]" in cells
    assert "scripted#r1 and scripted-three#r3 (kappa)" in cells
    assert "judge 1 is scripted#r1; judge 2 is scripted-too; judge 3 is scripted-three#r3." in page.text


def test_order_flips_are_drawn_with_their_gate(audit: Audit, page: Page) -> None:
    figures = _figures(page, "The order of the sides")
    traces = {name: [] for name in ("turned", "first", "limit")}
    for figure in figures:
        for trace in figure["data"]:
            traces[trace["name"]] += trace["x"]
    gates = [gate for gate in audit.gates if gate.name == "order_flips"]
    assert traces == {
        "turned": [one.flips.value for one in audit.orders],
        "first": [one.first.value for one in audit.orders],
        "limit": [gate.limit for gate in gates],
    }
    assert len(gates) == 9
    for one in audit.orders:
        assert f"{one.flips.value:.3f} [{one.flips.low:.3f}, {one.flips.high:.3f}]" in page.cells
    assert page.cells.count("✓ passed") >= 9


def test_panel_is_listed(page: Page) -> None:
    assert "A panel of 3 judges; each saw both sides of every pair in both orders." in page.text
    assert "judge 3: scripted-three#r3" in page.text


def test_one_judge_in_both_orders_is_no_panel(audit: Audit) -> None:
    alone = audit.model_copy(update={"agreement": (), "orders": audit.orders[:1]})
    text = Page(render_report(alone, [], of=0)).text
    assert "One judge, no panel" in text
    assert "It saw both sides of every pair in both orders" in text
    assert "Agreement of the judges" not in text


def test_strategies_are_told_step_by_step(audit: Audit, page: Page) -> None:
    drawn = [figure["data"][0]["z"] for figure in _figures(page, "Strategies step by step")]
    flows = [flow for config in audit.rows for flow in audit.flows if flow.config == config]
    flows += [flow for flow in audit.flows if flow.config not in audit.rows]
    for flow, shares in zip(flows, drawn, strict=True):
        stages = [flow.by_strategy, *(step.left_by_strategy for step in flow.steps if step.dropped)]
        assert len(shares) == len(stages)
        for row, counts in zip(shares, stages, strict=True):
            assert row == pytest.approx([counts.get(name, 0) / sum(counts.values()) for name in flow.by_strategy])
            assert sum(row) == pytest.approx(1)
        assert stages[-1] == {name: number for name, number in flow.rows_by_strategy.items() if number}
    kept = next(one for one in audit.filter_bias if one.config == "response").kept["Question"]
    assert f"{kept.value:.3f} [{kept.low:.3f}, {kept.high:.3f}]" in page.cells


def test_crowd_chatter_is_told_with_its_gate(audit: Audit) -> None:
    share = Interval(value=0.05, low=0.01, high=0.09, n=200)
    found = Chatter(config="response", found=10, kinds={"hit_or_task": 7, "leaving": 3}, share=share)
    gate = next(one for one in audit.gates if one.name == "crowd_chatter" and one.measure.startswith("response:"))
    failed = gate.model_copy(update={"value": 0.05, "passed": False, "outcome": "failed"})
    page = Page(render_report(audit.model_copy(update={"chatter": (found,), "gates": (failed,)}), [], of=0))
    at = page.cells.index("hit or task 7; leaving 3")
    assert (
        page.cells[at - 4 : at + 2]
        == ["response", "10", "200", "0.050 [0.010, 0.090]", "hit or task 7; leaving 3", "✗ FAILED"][-6:]
    )


def test_release_without_a_safety_rule_holds_nobody_out(tmp_path: Path) -> None:
    spec = shared_release("2.0.0").manifest.spec
    safety = spec.safety.model_copy(update={"crisis": "keep"})
    spec = spec.model_copy(update={"safety": safety, "crisis_judge": None})
    release = build_scripted(tmp_path / "kept", limit=2, release="2.0.0", spec=spec)
    write_report(release, audit_release(release), sample=10)
    assert "Held out of all training" not in Page((release.root / REPORT_FILE).read_text(encoding="utf-8")).text


def test_gates_that_failed_come_first_and_those_that_passed_after_what_cannot_tell() -> None:
    gate = shared_audit().gates[0]
    answers: tuple[Outcome, ...] = ("not_applicable", "passed", "failed", "cannot_tell", "passed")
    gates = tuple(gate.model_copy(update={"outcome": answer}) for answer in answers)
    lines = gate_lines(shared_audit().model_copy(update={"gates": gates}))
    assert [line["state"] for line in lines] == ["fail", "unknown", "pass", "pass", "none"]


def test_error_bars_reach_from_the_value_to_its_interval() -> None:
    points = scatter_points([Interval(value=5, low=3, high=9, n=1), Interval(value=None, low=None, high=None, n=0)])
    assert points["x"] == [5, None]
    assert (points["error_x"]["arrayminus"], points["error_x"]["array"]) == ([2, 0], [4, 0])
