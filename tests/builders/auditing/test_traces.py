"""The audit of traces: its numbers are those of the rows, and every candidate is found again."""

from typing import Any

import numpy as np
import pytest
from support.audits import audit_release
from support.releases import shared_release

from ipm_prefdial.builders.auditing._traces import diversity_of
from ipm_prefdial.cards.report import other_tables
from ipm_prefdial.schemas.audit import Audit
from ipm_prefdial.schemas.config import REASONING_CONFIGS, Config
from ipm_prefdial.schemas.measures import TraceMeasures
from ipm_prefdial.schemas.text import words_of
from ipm_prefdial.schemas.trace import Step

Row = dict[str, Any]


@pytest.fixture(scope="module")
def audit() -> Audit:
    """Of a scripted release with traces, three judges and a stylist."""
    return audit_release(shared_release("2.1.0", 8))


@pytest.fixture(scope="module")
def found(audit: Audit) -> TraceMeasures:
    """What it says of traces."""
    assert audit.traces is not None
    return audit.traces


def test_shares_of_right_and_contradicted_steps_are_those_of_the_rows(found: TraceMeasures) -> None:
    rows = list(shared_release("2.1.0", 8).rows(Config.REASONING_STEPS))
    assert found.traces == len(rows)
    assert [one.step for one in found.steps] == list(Step)
    right = np.mean([row["labels"] for row in rows], axis=0)
    contradicted = np.mean([[panel["rule"] is not None for panel in row["panels"]] for row in rows], axis=0)
    assert [one.right.value for one in found.steps] == pytest.approx(right.tolist(), abs=1e-6)
    assert [one.contradicted.value for one in found.steps] == pytest.approx(contradicted.tolist(), abs=1e-6)
    assert all(one.right.low is not None and one.right.low < (one.right.value or 0) for one in found.steps)


def _judged(config: str) -> list[list[Row]]:
    """The judgements of every candidate of a config, kept or dropped, that a panel saw."""
    release = shared_release("2.1.0", 8)
    dropped = [row for row in release.rows(Config.DROPPED) if row["config"] == config]
    return [row["judgements"] for row in [*release.rows(Config(config)), *dropped] if row["judgements"]]


def test_judges_of_pairs_agree_as_far_as_krippendorff_says(audit: Audit) -> None:
    found = [one for one in audit.agreement if one.label == "chosen_error" and len(one.judges) == 3]
    assert found
    for one in found:
        units = []
        for row in _judged(one.config):
            both = zip(row[:3], row[3:], strict=True)
            units.append([a["chosen_error"] for a, b in both if a["rationale"] and b["rationale"]])
        alpha, n = _krippendorff(units)
        assert one.alpha.n == n
        assert one.alpha.value == pytest.approx(alpha, abs=1e-6)


def test_a_judges_habit_is_its_share_of_answers_for_the_side_that_stands_first(audit: Audit) -> None:
    assert audit.orders
    for found in audit.orders:
        answers = [
            one["better"] == ("chosen" if one["order"] == "chosen_first" else "rejected")
            for row in _judged(found.config)
            for one in row
            if "#".join(filter(None, (one["model"], one["revision"]))) == found.judge
            if one["rationale"] is not None and one["better"] != "tie"
        ]
        assert found.first.n == len(answers) > 0
        assert found.first.value == pytest.approx(np.mean(answers), abs=1e-6)


def _krippendorff(units: list[list[object]]) -> tuple[float, int]:
    """Alpha for nominal labels by its definition, and how many units have at least two labels."""
    units = [unit for unit in units if len(unit) > 1]
    labels = [label for unit in units for label in unit]
    observed = sum(
        sum(one != other for at, one in enumerate(unit) for other in unit[at + 1 :]) * 2 / (len(unit) - 1)
        for unit in units
    )
    pairs = len(labels) ** 2 - sum(labels.count(label) ** 2 for label in set(labels))
    expected = pairs / (len(labels) - 1)
    return 1 - observed / expected, len(units)


def test_judges_of_steps_agree_as_far_as_krippendorff_says(found: TraceMeasures) -> None:
    rows = shared_release("2.1.0", 8).rows(Config.REASONING_STEPS)
    alpha, n = _krippendorff([[one["labels"][0] for one in row["judgements"] if one["labels"]] for row in rows])
    assert found.steps[0].alpha.n == n
    assert found.steps[0].alpha.value == pytest.approx(alpha, abs=1e-6)


def test_what_was_rewritten_is_compared_with_what_it_became(found: TraceMeasures) -> None:
    kinds = {one.of: one for one in found.diversity}
    assert kinds["before rewriting"].replies == kinds["after rewriting"].replies > 0
    assert kinds["before rewriting"].distinct_1 != kinds["after rewriting"].distinct_1
    assert {one.config for one in found.redundancy} == set(REASONING_CONFIGS)
    assert all(0 < one.effective <= one.rows for one in found.redundancy)


def test_diversity_is_counted_by_hand() -> None:
    replies = [words_of(text) for text in ("you sound so very sad", "you sound so very cross", "hm")]
    found = diversity_of("demonstrations", replies)
    assert found.distinct_1 == round(7 / 11, 4)
    assert found.distinct_2 == round(5 / 8, 4)
    assert found.shared_4 == 0.5
    nothing = diversity_of("demonstrations", [[]])
    assert (nothing.distinct_1, nothing.shared_4) == (None, None)


def test_every_candidate_of_a_trace_is_found_again(audit: Audit) -> None:
    kept = {one.config: one for one in audit.conservation}
    for config in REASONING_CONFIGS:
        assert kept[config].rows > 0
        assert kept[config].lost == 0


def test_the_report_shows_it_and_says_nothing_where_there_is_none(audit: Audit) -> None:
    titles = {"Steps of reasoning", "Diversity of replies", "Redundancy"}
    assert titles <= {table.title for table in other_tables(audit)}
    bare = audit.model_copy(update={"traces": None})
    assert not titles & {table.title for table in other_tables(bare)}
