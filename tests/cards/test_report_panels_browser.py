"""The report of a release with panels as a person meets it: charts, filters and what every judge said, in Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.audits import audit_release, shared_audit
from support.chromium import CHROMIUM, DRIVER, NO_BROWSER, chromium, look
from support.releases import copy_release, shared_release
from support.reports import ask, choose, compared_pair, found, keep_screenshot, search

from ipm_prefdial.builders.release.report import write_report
from ipm_prefdial.cards.report import render_report

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NO_BROWSER),
    pytest.mark.xdist_group("chromium"),
]

Shown = dict[str, Any]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the scripted release with panels."""
    release = copy_release(tmp_path_factory.mktemp("report") / "release", shared_release("2.0.0"))
    write_report(release, audit_release(release))
    return release.root / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all."""
    with chromium() as driver:
        yield driver


@pytest.fixture
def opened(browser: Any, page: Path) -> Any:
    """The browser with the page in a wide window."""
    look(browser, page, width=1400, dark=False)
    return browser


def _show(browser: Any, which: str) -> Shown:
    """Selects the first pair for which an expression over `pair` holds."""
    at = ask(browser, f"found.findIndex((pair) => {which})")
    assert at >= 0, which
    browser.execute_script("select(arguments[0])", at)
    return found(browser)[at]


def _text(browser: Any, selector: str) -> str:
    return str(browser.find_element("css selector", f"#pair {selector}").text)


@pytest.mark.parametrize(("width", "dark"), [(380, False), (1400, True)], ids=["380-light", "1400-dark"])
def test_charts_are_drawn_and_nothing_overflows(
    browser: Any, page: Path, width: int, dark: bool, tmp_path: Path
) -> None:
    browser.get_log("browser")
    look(browser, page, width=width, dark=dark)
    _show(browser, "pair.rewrite && !pair.reason")
    keep_screenshot(browser, f"panels-{width}-{'dark' if dark else 'light'}.png", tmp_path)
    titles = set()
    for name in ("strategy", "response", "joint"):
        browser.execute_async_script("showConfig(arguments[0]).then(arguments[arguments.length - 1])", name)
        for card in browser.find_elements("css selector", "figure.card:not([hidden])"):
            assert card.find_elements("css selector", ".main-svg"), card.text
            titles.add(card.find_element("css selector", "h3").text.removesuffix(name).strip(" ·"))
        assert ask(browser, "document.documentElement.scrollWidth") <= width, name
    assert titles > {"Agreement of the judges", "The order of the sides", "Strategies step by step"}
    assert browser.get_log("browser") == []


def test_every_judge_is_shown_with_both_orders(opened: Any) -> None:
    pair = _show(opened, "pair.reason === 'order_flip'")
    boxes = opened.find_elements("css selector", "#pair .judge")
    assert len(boxes) == len(pair["judges"]) == 3
    for box, judge in zip(boxes, pair["judges"], strict=True):
        assert box.text.startswith(judge["judge"])
        answers = [answer.text for answer in box.find_elements("css selector", ".verdict")]
        assert [text.splitlines()[0] for text in answers] == [
            "The chosen side stood first",
            "The rejected side stood first",
        ]
        for text, answer in zip(answers, judge["answers"], strict=True):
            assert (answer["problem"] or answer["rationale"]) in text
            if answer["problem"] is None:
                better = "neither side" if answer["better"] == "tie" else f"the {answer['better']} side"
                assert f"Prefers {better}" in text
            assert ("Raw reply of the judge" in text) == (answer["raw"] is not None)
    flips = sum(judge["vote"] == "flip" for judge in pair["judges"])
    assert _text(opened, ".panel").count("the answers turn with the order") == flips > 0


def test_panel_is_told_in_numbers(opened: Any) -> None:
    pair = _show(opened, "pair.config === 'response' && !pair.reason && pair.panel.votes === 2")
    panel, closeness = pair["panel"], pair["closeness"]
    told = _text(opened, ".panel")
    assert f"2 of 3 judges vote for the pair · margin {panel['margin']:.2f} · confidence" in told
    assert _text(opened, ".closeness").endswith(
        f"length {closeness['length']:.2f} · style {closeness['style']:.2f} · meaning {closeness['meaning']:.2f}"
    )
    answers = [one for judge in pair["judges"] for one in judge["answers"] if one["problem"] is None]
    named = sum(one["rejected_error"] == pair["error"] for one in answers)
    words = pair["error"].replace("_", " ")
    assert f"{words} ({named} of {len(answers)} answers)" in _text(opened, ".side.rejected")


def test_rewritten_side_is_shown_with_the_humans_words(opened: Any) -> None:
    pair = _show(opened, "pair.rewrite && !pair.reason")
    side = _text(opened, ".side.chosen")
    assert side.startswith("✓ Chosen: the human's side, rewritten")
    assert pair["chosen"] in side
    assert f"what the human said\n{pair['rewrite']['original']}\nRewritten by scripted#r1." in side
    assert f"found in the human's words: {pair['rewrite']['error'].replace('_', ' ')} (" in side


def test_drop_after_a_rewriting_says_what_was_judged(opened: Any) -> None:
    pair = _show(opened, "pair.rewrite && pair.reason")
    side = _text(opened, ".side:not(.rejected)")
    assert "The judges answered about a rewriting of these words by scripted#r1" in side
    assert pair["rewrite"]["request_key"] in side


def test_error_is_what_any_judge_found(opened: Any) -> None:
    everything = found(opened)
    choose(opened, "error", "early_emotion_shift")
    left = {pair["id"] for pair in found(opened)}
    named = {
        pair["id"]
        for pair in everything
        if "early_emotion_shift"
        in {
            pair["error"],
            (pair["rewrite"] or {}).get("error"),
            *(
                one[f"{side}_error"]
                for judge in pair["judges"]
                for one in judge["answers"]
                for side in ("chosen", "rejected")
            ),
        }
    }
    assert left == named
    assert {pair["id"] for pair in everything if pair["error"] == "early_emotion_shift"} < left


def test_strategy_drop_reason_and_source_are_filters_as_before(opened: Any) -> None:
    everything = found(opened)
    assert "crisis" not in ask(opened, "[...filterOf('outcome').options].map((one) => one.value)")
    choose(opened, "outcome", "order_flip")
    choose(opened, "strategy", "Question")
    choose(opened, "source", everything[0]["source"])
    assert [pair["id"] for pair in found(opened)] == [
        pair["id"] for pair in everything if pair["reason"] == "order_flip" and pair["strategy"] == "Question"
    ]


def test_search_finds_what_judges_said_and_what_was_rewritten(opened: Any) -> None:
    pair = _show(opened, "pair.rewrite && !pair.reason")
    raw = pair["judges"][-1]["answers"][-1]["raw"]
    for text in (" ".join(raw.split()), pair["rewrite"]["original"]):
        assert pair["id"] in {one["id"] for one in search(opened, text)}
    search(opened, "")
    unread = _show(opened, "pair.judges.some((judge) => judge.vote === 'failed')")
    problem = next(one["problem"] for judge in unread["judges"] for one in judge["answers"] if one["raw"] is None)
    assert unread["id"] in {one["id"] for one in search(opened, problem)}


def test_a_candidate_that_no_judge_saw_says_so(opened: Any) -> None:
    _show(opened, "pair.reason === 'same_strategy'")
    assert "Verdict: no judge was asked." in _text(opened, ".side.rejected")
    assert opened.find_elements("css selector", "#pair .panel") == []


def test_hostile_judges_do_nothing(browser: Any, tmp_path: Path) -> None:
    text = "</script><img src=x onerror=\"document.title='gone'\">"
    path = tmp_path / "report.html"
    path.write_text(render_report(shared_audit(), [compared_pair(text)], of=1), encoding="utf-8")
    look(browser, path, width=1400, dark=False)
    assert browser.find_element("css selector", "#pair .judge").text.count(text) >= 3
    assert ask(browser, "document.images.length") == 0
    assert browser.title != "gone"
