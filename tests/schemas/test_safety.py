"""Finds are values that hold something."""

import pytest
from pydantic import ValidationError

from ipm_prefdial.schemas.safety import CrisisCategory, CrisisFinding, CrisisForm, PiiKind, PiiSpan


@pytest.mark.parametrize(("start", "end"), [(3, 3), (3, 2), (-1, 2)])
def test_an_empty_or_backward_span_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValidationError):
        PiiSpan(kind=PiiKind.NAME, start=start, end=end)


def test_finds_are_frozen() -> None:
    found = CrisisFinding(category=CrisisCategory.ABUSE, form=CrisisForm.CODED, rule="hands_on")
    assert found.said_to_be_past is False
    with pytest.raises(ValidationError):
        found.rule = "other"  # type: ignore[misc]
