"""Conservation, as a manifest states it."""

import pytest

from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.manifest import ConfigCounts


@pytest.mark.parametrize(("candidates", "conserved"), [(6, True), (5, False), (7, False)])
def test_candidates_are_rows_and_drops(candidates: int, conserved: bool) -> None:
    counts = ConfigCounts(
        candidates=candidates,
        rows={Split.TRAIN: 2, Split.TEST: 1},
        dropped={DropReason.CUT_OFF: 1, DropReason.SAME_REPLY: 2},
    )
    assert counts.conserved is conserved
