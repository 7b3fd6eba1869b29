"""The report as a person meets it: opened from disk in Chromium, drawn, filtered, searched and walked by keyboard."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.audits import shared_audit
from support.chromium import CHROMIUM, DRIVER, NO_BROWSER, chromium, look
from support.releases import copy_release
from support.reports import ask, choose, found, keep_screenshot, made_up_pair, search

from ipm_prefdial.builders.release.report import write_report
from ipm_prefdial.cards.report import render_report

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NO_BROWSER),
    pytest.mark.xdist_group("chromium"),
]

WIDTHS = (380, 1400)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the scripted release."""
    release = copy_release(tmp_path_factory.mktemp("report") / "release")
    write_report(release, shared_audit())
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


def _press(browser: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    for key in keys:
        ActionChains(browser).send_keys(key).perform()


def _selected(browser: Any) -> str:
    """Id of the selected option, which is the one that the list says is active."""
    (option,) = browser.find_elements("css selector", '#list li[aria-selected="true"]')
    assert browser.find_element("id", "list").get_attribute("aria-activedescendant") == option.get_attribute("id")
    return str(option.get_attribute("id"))


@pytest.mark.parametrize(("width", "dark"), [(380, False), (1400, True)], ids=["380-light", "1400-dark"])
def test_every_chart_is_drawn_and_nothing_overflows(
    browser: Any, page: Path, width: int, dark: bool, tmp_path: Path
) -> None:
    browser.get_log("browser")
    look(browser, page, width=width, dark=dark)
    keep_screenshot(browser, f"report-{width}-{'dark' if dark else 'light'}.png", tmp_path)
    for name in ask(browser, "[...document.querySelectorAll('input[name=config]')].map((one) => one.value)"):
        browser.execute_async_script("showConfig(arguments[0]).then(arguments[arguments.length - 1])", name)
        shown = browser.find_elements("css selector", "figure.card:not([hidden])")
        assert shown, name
        for card in shown:
            assert card.get_attribute("data-config") == name
            assert card.find_elements("css selector", ".main-svg"), card.text
        assert ask(browser, "document.documentElement.scrollWidth") <= width, name
    assert browser.get_log("browser") == []


def test_console_is_silent_and_only_the_file_is_asked_for(browser: Any, page: Path) -> None:
    browser.get_log("browser")
    browser.get_log("performance")
    look(browser, page, width=1400, dark=False)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {page.as_uri()}


def test_charts_change_with_the_theme(browser: Any, page: Path) -> None:
    look(browser, page, width=1400, dark=False)
    fill = "getComputedStyle(document.querySelector('figure.card:not([hidden]) .main-svg text')).fill"
    seen = [ask(browser, fill), ask(browser, "getComputedStyle(document.body).color")]
    theme = {"name": "prefers-color-scheme", "value": "dark"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
    browser.execute_async_script("setTimeout(arguments[arguments.length - 1], 500)")
    now = [ask(browser, fill), ask(browser, "getComputedStyle(document.body).color")]
    assert all(before != after for before, after in zip(seen, now, strict=True))


def test_filters_narrow_the_list_together(opened: Any) -> None:
    everything = found(opened)
    choose(opened, "config", "response")
    choose(opened, "outcome", "kept")
    some = found(opened)
    assert some == [pair for pair in everything if pair["config"] == "response" and pair["reason"] is None]
    choose(opened, "error", some[0]["error"])
    choose(opened, "strategy", some[0]["strategy"])
    choose(opened, "split", some[0]["split"])
    choose(opened, "source", some[0]["source"])
    fewer = found(opened)
    names = ("error", "strategy", "split", "source")
    assert fewer == [pair for pair in some if all(pair[name] == some[0][name] for name in names)]
    opened.find_element("css selector", "button[type=reset]").click()
    opened.execute_async_script("setTimeout(arguments[arguments.length - 1], 50)")
    assert found(opened) == everything


def test_drop_reasons_are_a_filter(opened: Any) -> None:
    choose(opened, "outcome", "chosen_flawed")
    flawed = found(opened)
    assert {pair["reason"] for pair in flawed} == {"chosen_flawed"}
    assert "Dropped: chosen flawed." in opened.find_element("id", "pair").text
    choose(opened, "outcome", "dropped")
    assert len(found(opened)) > len(flawed)


def test_search_finds_words_of_dialogue_replies_and_verdicts(opened: Any) -> None:
    pair = next(one for one in found(opened) if one["config"] == "response" and one["turns"] and not one["reason"])
    for text in (
        pair["turns"][-1]["text"],
        pair["rejected"].upper(),
        pair["id"],
        pair["rejected_verdict"]["rationale"],
    ):
        assert pair["id"] in {one["id"] for one in search(opened, text)}, text
        assert opened.find_elements("css selector", "#pair mark") or text == pair["id"]
    assert search(opened, "nobody says zyzzyva") == []
    assert "No pair fits" in opened.find_element("id", "pair").text


def test_keys_walk_from_pair_to_pair_and_to_the_search(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    _press(opened, "j", "j")
    assert _selected(opened) == "option-2"
    _press(opened, "k")
    assert _selected(opened) == "option-1"
    assert ask(opened, "document.activeElement.id") == "list"
    _press(opened, Keys.ARROW_DOWN)
    assert _selected(opened) == "option-2"
    _press(opened, Keys.END, Keys.ARROW_DOWN)
    assert _selected(opened) == f"option-{len(found(opened)) - 1}"
    _press(opened, Keys.HOME, Keys.ARROW_UP)
    assert _selected(opened) == "option-0"
    _press(opened, "/")
    assert ask(opened, "document.activeElement.id") == "search"
    _press(opened, "j")
    assert ask(opened, "document.getElementById('search').value") == "j"
    _press(opened, Keys.ESCAPE)
    assert ask(opened, "document.activeElement.id") == "list"
    _press(opened, Keys.ENTER)
    assert ask(opened, "document.activeElement.id") == "pair"


@pytest.mark.parametrize("width", WIDTHS)
def test_pair_walked_to_is_in_view(browser: Any, page: Path, width: int) -> None:
    look(browser, page, width=width, dark=False)
    _press(browser, "j")
    top = ask(browser, "document.getElementById('pair').getBoundingClientRect().top")
    assert 0 <= top < 600
    _press(browser, *"jjjjjjjjjjjj")
    place = "(at) => at.getBoundingClientRect()"
    option, box = (
        ask(browser, f"(({place})(document.querySelector('{one}'))).toJSON()")
        for one in ('#list [aria-selected="true"]', "#list")
    )
    assert option["top"] >= box["top"] - 1
    assert option["bottom"] <= box["bottom"] + 1


def test_first_tab_skips_to_the_pairs_and_focus_is_seen(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    _press(opened, Keys.TAB)
    assert ask(opened, "document.activeElement.className") == "skip"
    assert ask(opened, "document.activeElement.getBoundingClientRect().top") >= 0
    assert ask(opened, "getComputedStyle(document.activeElement).outlineStyle") == "solid"
    _press(opened, Keys.ENTER)
    assert ask(opened, "document.activeElement.id") == "pairs"


def test_sides_are_told_in_words_and_by_sign(opened: Any) -> None:
    choose(opened, "outcome", "kept")
    chosen, rejected = opened.find_elements("css selector", "#pair .side")
    assert chosen.text.startswith("✓ Chosen")
    assert rejected.text.startswith("✗ Rejected: the inferred side\nHarmful by design")
    dialogue = opened.find_element("css selector", "#pair .dialogue")
    assert dialogue.location["y"] < chosen.location["y"]
    assert chosen.location["y"] == rejected.location["y"]


def test_hostile_words_are_shown_and_do_nothing(browser: Any, tmp_path: Path) -> None:
    text = "</script><img src=x onerror=\"document.title='gone'\"><script>document.title='gone'</script>"
    path = tmp_path / "report.html"
    path.write_text(render_report(shared_audit(), [made_up_pair(text)], of=1), encoding="utf-8")
    look(browser, path, width=1400, dark=False)
    assert text in browser.find_element("css selector", "#pair .side .words").text
    assert ask(browser, "document.images.length") == 0
    assert browser.title != "gone"


def test_the_policy_stops_what_is_not_of_the_page(opened: Any) -> None:
    opened.execute_script("""
        const script = document.createElement("script");
        script.textContent = "document.title = 'gone'";
        document.head.append(script);
        new Image().src = "https://example.org/x.png";
    """)
    opened.execute_async_script("setTimeout(arguments[arguments.length - 1], 200)")
    assert opened.title != "gone"
    refused = [entry["message"] for entry in opened.get_log("browser")]
    assert len([line for line in refused if "Content Security Policy" in line]) == 2
