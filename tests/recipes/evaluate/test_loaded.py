"""Sampling of a loaded model: the nucleus is the smallest set of the likeliest tokens with enough of the mass."""

import pytest

from ipm_prefdial.recipes.evaluate.loaded import _nucleus

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [
        (0.4, [True, False, False, False]),
        (0.6, [True, True, False, False]),
        (0.85, [True, True, True, False]),
        (1.0, [True, True, True, True]),
        (0.0, [True, False, False, False]),
    ],
)
def test_nucleus(top_p: float, kept: list[bool]) -> None:
    """The likeliest token is always in it, also where it has more of the mass than asked for, or nothing is asked."""
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05])
    assert _nucleus(shares.log(), max(top_p, 1e-9)).tolist() == kept
    order = torch.tensor([2, 0, 3, 1])
    assert _nucleus(shares[order].log(), max(top_p, 1e-9)).tolist() == [kept[place] for place in order]
