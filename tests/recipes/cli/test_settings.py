"""Values of `--set` are what their words say."""

from typing import Any

import pytest

from ipm_prefdial.recipes.runs.arguments import read_settings


@pytest.mark.parametrize(
    ("value", "read"),
    [("no", "no"), ("Off", "Off"), ("yes", "yes"), ("false", False), ("2", 2), ("1.0e-4", 1e-4)],
)
def test_words_that_yaml_takes_for_truth_values_stay_words(value: str, read: Any) -> None:
    """`eval_strategy=no` is what a message of ours tells people to set."""
    assert list(read_settings([f"eval_strategy={value}"])) == [("eval_strategy", read)]
