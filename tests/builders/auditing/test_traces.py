"""The audit of traces: its numbers are those of the rows, and every candidate is found again."""

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


def test_judges_agree_as_far_as_krippendorff_says(found: TraceMeasures) -> None:
    """By the definition: 1 less the observed over the expected disagreement, written out for one step."""
    units = [
        [one["labels"][0] for one in row["judgements"] if one["labels"]]
        for row in shared_release("2.1.0", 8).rows(Config.REASONING_STEPS)
    ]
    units = [unit for unit in units if len(unit) > 1]
    labels = [label for unit in units for label in unit]
    observed = sum(
        sum(one != other for at, one in enumerate(unit) for other in unit[at + 1 :]) * 2 / (len(unit) - 1)
        for unit in units
    ) / len(labels)
    yes, no = labels.count(True), labels.count(False)
    expected = 2 * yes * no / (len(labels) * (len(labels) - 1))
    assert found.steps[0].alpha.n == len(units)
    assert found.steps[0].alpha.value == pytest.approx(1 - observed / expected, abs=1e-6)


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
