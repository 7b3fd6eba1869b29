"""The report is a view of the audit, loads nothing, and takes words from dialogues as words."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, UndefinedError
from support.audits import audit_release, audit_rows, shared_audit
from support.releases import change_rows, copy_release, shared_release
from support.reports import Page, made_up_pair

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.report import write_report
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.cards import report
from ipm_prefdial.cards.report import embed, render_report
from ipm_prefdial.schemas.audit import Audit
from ipm_prefdial.schemas.report import REPORT_FILE, ReportPair

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]></style><img src=x onerror=alert(1)>",
    "\"'`&lt;&amp;",
    "line\u2028and\u2029paragraph",
    "{{ 7 * 7 }}{% raw %}",
    "%{x}<br><a href='javascript:alert(1)'>",
    "\\u003c\\",
)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release with its report."""
    release = copy_release(tmp_path_factory.mktemp("report") / "release")
    write_report(release, shared_audit(), sample=100)
    return Release(release.root)


@pytest.fixture(scope="module")
def page(shipped: Release) -> Page:
    """The page of it."""
    return Page((shipped.root / REPORT_FILE).read_text(encoding="utf-8"))


def _without_plotly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_plotly", lambda: "'charts'")


def _tags(page: Page) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attributes)) for tag, attributes in page.tags]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _check_that_it_stays_text(text, monkeypatch)


@settings(max_examples=25)
@given(text=st.text(st.characters(codec="utf-8"), min_size=1).map(lambda text: f"<{text}"))
def test_any_text_stays_text(text: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        _check_that_it_stays_text(text, monkeypatch)


def _check_that_it_stays_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page has the elements of one with harmless words, and its data gives the very text back."""
    _without_plotly(monkeypatch)
    pages = [
        Page(render_report(_named(shared_audit(), name), [made_up_pair(name)], of=1)) for name in ("harmless", text)
    ]
    assert _tags(pages[0]) == _tags(pages[1])
    (pair,) = pages[1].data("pairs-data")
    assert ReportPair.model_validate(pair) == made_up_pair(text)
    if "<" in text:
        assert _labels_with(pages[1], text) == []


def _named(audit: Audit, name: str) -> Audit:
    """The audit with `name` wherever data gives names: config, strategies, words, judge, subject."""
    tables = tuple(table.model_copy(update={"rows": (name, *table.rows[1:])}) for table in audit.tables)
    flags = tuple(flag.model_copy(update={"strategy": flag.strategy and name}) for flag in audit.flags)
    verdicts = tuple(one.model_copy(update={"judge": name}) for one in audit.verdicts)
    word = [one.telling[0].model_copy(update={"word": name}) if one.telling else None for one in audit.artefacts]
    artefacts = tuple(
        one.model_copy(update={"telling": (told,) if told else ()})
        for one, told in zip(audit.artefacts, word, strict=True)
    )
    return audit.model_copy(
        update={
            "subject": audit.subject.model_copy(update={"name": name}),
            "rows": {name: next(iter(audit.rows.values())), **audit.rows},
            "tables": tables,
            "flags": flags,
            "verdicts": verdicts,
            "artefacts": artefacts,
        }
    )


def _labels_with(page: Page, text: str) -> list[str]:
    """What charts hold of a text that Plotly would read as markup."""
    found: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, str) and text in value:
            found.append(value)
        elif isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                look(one)

    look(page.data("figures-data"))
    return found


def test_undefined_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_plotly(monkeypatch)
    monkeypatch.setattr(report._TEMPLATES, "loader", DictLoader({"report.html.jinja": "{{ subject.nmae }}"}))
    with pytest.raises(UndefinedError, match="nmae"):
        render_report(shared_audit(), [], of=0)


def test_nothing_is_loaded(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("img", "iframe", "object", "embed", "base", "video", "audio", "source")
        links = [attributes.get(name) for name in ("src", "href", "srcset", "action", "data", "poster", "background")]
        assert all(link is None or link.startswith("#") or link == "data:," for link in links), (tag, attributes)
    style = (Path(report.__file__).parent / "report.css").read_text()
    assert not re.search(r"url\(|@import|//", style.replace("/*", ""))


def test_the_policy_lets_only_the_scripts_of_the_page_run(page: Page) -> None:
    policy = next(one["content"] for tag, one in page.tags if tag == "meta" and "http-equiv" in one)
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    scripts = policy.split("script-src ")[1].split(";")[0].split()
    kinds = [attributes.get("type") for tag, attributes in page.tags if tag == "script"]
    inline = [text for kind, text in zip(kinds, page.scripts, strict=True) if kind is None]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    assert scripts == [f"'sha256-{digest}'" for digest in digests]
    handlers = [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert handlers == []


def test_numbers_are_those_of_the_audit(page: Page) -> None:
    audit, cells = shared_audit(), set(page.cells)
    for gate in audit.gates:
        limit = f"≥ {gate.limit:g}" if gate.bound == "least" else f"{gate.limit:g}"
        why = f"{gate.why}; {gate.note}" if gate.note else gate.why
        assert {gate.name, why, limit} <= cells
    for flow in audit.flows:
        assert {str(flow.candidates), str(flow.rows), *(str(step.dropped) for step in flow.steps)} <= cells
    for artefact in audit.artefacts:
        auc = artefact.auc
        assert f"{auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]" in cells
    for table in audit.tables:
        if table.rows_are == "chosen_strategy":
            assert {str(count) for row in table.counts for count in row} <= cells
    for leak in audit.leakage:
        assert str(leak.held_out) in cells
    failed = len(audit.failed)
    assert page.cells.count("✗ FAILED") == failed + sum(
        gate.passed is False and gate.name.startswith("artefact") for gate in audit.gates
    )
    assert f"{failed} ✗ failed" in page.text


def test_charts_show_the_numbers_of_the_audit(page: Page) -> None:
    audit, figures = shared_audit(), list(page.data("figures-data").values())
    tables = [trace for figure in figures for trace in figure["data"] if trace["type"] == "heatmap"]
    heats = [trace["z"] for trace in tables if trace["texttemplate"] == "%{z}"]
    assert heats == [
        [list(row) for row in table.counts]
        for config in audit.rows
        for table in audit.tables
        if table.config == config and table.rows_are == "chosen_strategy"
    ]
    flows = [trace["link"]["value"] for figure in figures for trace in figure["data"] if trace["type"] == "sankey"]
    for flow, values in zip(audit.flows, flows, strict=True):
        steps = [step for step in flow.steps if step.dropped]
        assert values == [step.left for step in steps] + [step.dropped for step in steps]
    aucs = [x for figure in figures for trace in figure["data"] if trace.get("name") == "AUC" for x in trace["x"]]
    assert aucs == [one.auc.value for config in audit.rows for one in audit.artefacts if one.config == config]


def test_one_judge_is_said_to_be_no_panel(page: Page) -> None:
    assert "One judge, no panel" in page.text


def test_notice_and_labels_are_in_words(page: Page) -> None:
    assert "The rejected side of every pair is harmful by design" in page.text
    assert "not for counselling, diagnosis, crisis response" in page.text
    assert any(attributes.get("class") == "skip" and attributes["href"] == "#pairs" for _, attributes in page.tags)


def test_sample_is_bounded_spread_and_told(shipped: Release, page: Page) -> None:
    pairs = [ReportPair.model_validate(one) for one in page.data("pairs-data")]
    counts = shipped.manifest.counts
    of = sum(counts[config].candidates for config in counts if not config.endswith("_sft"))
    assert len(pairs) == 100
    assert f"100 of {of}" in page.text
    assert {pair.config for pair in pairs} == {"strategy", "response", "joint"}
    assert len({pair.reason for pair in pairs}) > 8
    assert len({(pair.config, pair.strategy, pair.reason, pair.error) for pair in pairs}) == 100


def test_pairs_are_those_of_the_release(shipped: Release, page: Page) -> None:
    from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config

    rows = {row["row_id"]: row for config in (*PAIR_CONFIGS, Config.DROPPED) for row in shipped.rows(config)}
    dialogues = {row["dialogue_id"]: row for row in shipped.rows(Config.DIALOGUES)}
    for pair in (ReportPair.model_validate(one) for one in page.data("pairs-data")):
        row, turns = rows[pair.id], dialogues[pair.dialogue_id]["turns"]
        assert [turn.text for turn in pair.turns] == [turn["text"] for turn in turns[: row["turn"]]]
        assert pair.reason == row.get("reason")
        assert pair.rejected == (row["reply"] if pair.reason else row["rejected"][0]["content"])
        if pair.config == "strategy":
            assert (pair.chosen, pair.human) == (pair.strategy, turns[row["turn"]]["text"])
        elif pair.reason is None:
            assert pair.chosen == row["chosen"][0]["content"]


def test_release_stays_valid_and_the_page_the_same(shipped: Release, tmp_path: Path) -> None:
    assert list(validate_release(shipped)) == []
    again = copy_release(tmp_path / "again")
    write_report(again, shared_audit(), sample=100)
    assert (again.root / REPORT_FILE).read_bytes() == (shipped.root / REPORT_FILE).read_bytes()
    assert Release(again.root).manifest == shipped.manifest


def test_sample_larger_than_the_release_is_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_plotly(monkeypatch)
    release = copy_release(tmp_path / "release")
    write_report(release, shared_audit(), sample=100_000)
    page = Page((release.root / REPORT_FILE).read_text(encoding="utf-8"))
    counts = release.manifest.counts
    assert len(page.data("pairs-data")) == sum(
        counts[config].candidates for config in counts if not config.endswith("_sft")
    )


def test_damaged_rows_are_shown_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_plotly(monkeypatch)
    release = copy_release(tmp_path / "release")

    def spoil(rows: list[dict[str, Any]]) -> None:
        rows[0] |= {"chosen": [], "rejected": [{"role": "assistant", "content": ""}], "dialogue_id": "gone"}

    change_rows(release, next(name for name in release.manifest.files if name.startswith("data/response/train")), spoil)
    write_report(release, audit_release(release), sample=10_000)
    pairs = Page((release.root / REPORT_FILE).read_text(encoding="utf-8")).data("pairs-data")
    (spoilt,) = [pair for pair in pairs if pair["dialogue_id"] == "gone"]
    assert (spoilt["chosen"], spoilt["rejected"], spoilt["turns"]) == ("", "", [])


def test_audit_of_pairs_without_labels_has_a_page_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_plotly(monkeypatch)
    rows = [
        {"prompt": f"p{at}", "chosen": f"good {at}", "rejected": f"bad {at}", "dialogue": str(at)} for at in range(20)
    ]
    page = Page(render_report(audit_rows(tmp_path / "pairs", rows), [], of=0))
    assert "No judge, no panel" in page.text
    assert page.data("pairs-data") == []


def test_multiple_judges_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_plotly(monkeypatch)
    audit = shared_audit()
    more = (*audit.verdicts, audit.verdicts[0].model_copy(update={"judge": "another"}))
    text = Page(render_report(audit.model_copy(update={"verdicts": more}), [], of=0)).text
    assert "2 judges:" in text
    assert "One judge" not in text


def test_embedded_json_reads_back() -> None:
    assert json.loads(embed(list(HOSTILE))) == list(HOSTILE)
    assert not re.search("[<>&\u2028\u2029]", embed(list(HOSTILE)))


def test_release_is_only_read_for_its_rows() -> None:
    assert REPORT_FILE not in shared_release().manifest.files
