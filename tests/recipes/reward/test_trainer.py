"""The loss is what one computes by hand."""

from math import exp, isnan, log
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the [train] extra")

import torch

from ipm_prefdial.recipes.reward.model import read_scores
from ipm_prefdial.recipes.reward.trainer import UNKNOWN, reward_loss

pytestmark = pytest.mark.train

NONE = [UNKNOWN] * 4


def _cost(score: float) -> float:
    """`-log sigmoid(score)`."""
    return log(1 + exp(-score))


def _batch(labels: list[list[int]], weights: list[float], pairs: list[tuple[int, int, float]]) -> dict[str, Any]:
    return {
        "step_labels": torch.tensor(labels),
        "weights": torch.tensor(weights),
        "better": torch.tensor([one[0] for one in pairs], dtype=torch.long),
        "worse": torch.tensor([one[1] for one in pairs], dtype=torch.long),
        "pair_weights": torch.tensor([one[2] for one in pairs]),
    }


def test_mixed_batch_by_hand() -> None:
    scores = torch.tensor([[0.5, -1.0, 2.0, 0.0], [9.0, 9.0, 9.0, 1.5], [9.0, 8.0, 9.0, 0.5], [1.0, 1.0, 1.0, -3.0]])
    batch = _batch([[1, 0, 1, 0], NONE, NONE, [0, UNKNOWN, 1, 1]], [1.0, 1.0, 1.0, 0.5], [(1, 2, 0.25)])
    losses = reward_loss(scores, batch, step_weight=2.0, pair_weight=3.0)
    whole = _cost(0.5) + _cost(1.0) + _cost(2.0) + _cost(0.0)
    half = 0.5 * (_cost(-1.0) + _cost(1.0) + _cost(-3.0))
    assert float(losses.steps) == pytest.approx((whole + half) / (4 + 1.5))
    assert float(losses.pairs) == pytest.approx(_cost(2.0)), "the sums of the steps' scores are 2 apart"
    assert float(losses.total) == pytest.approx(2 * float(losses.steps) + 3 * float(losses.pairs))
    assert float(losses.right_steps) == pytest.approx(5 / 7), "a score of 0 is on the side of wrong"
    assert float(losses.right_pairs) == 1


def test_pairs_count_by_their_weights() -> None:
    scores = torch.tensor([[0.0, 0.0, 0.0, one] for one in (1.0, 0.0, -2.0, 0.0)])
    batch = _batch([NONE] * 4, [1.0] * 4, [(0, 1, 1.0), (2, 3, 0.5)])
    losses = reward_loss(scores, batch, step_weight=1, pair_weight=1)
    assert float(losses.pairs) == pytest.approx((_cost(1.0) + 0.5 * _cost(-2.0)) / 1.5)
    assert float(losses.right_pairs) == 0.5
    assert float(losses.steps) == 0
    assert isnan(float(losses.right_steps))


def test_batch_without_pairs_costs_nothing_for_them_and_can_be_learnt_from() -> None:
    scores = torch.zeros(1, 4, requires_grad=True)
    losses = reward_loss(scores, _batch([[1, 1, 0, 0]], [1.0], []), step_weight=1, pair_weight=1)
    assert losses.pairs.detach() == 0
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert scores.grad[0].tolist() == pytest.approx([-0.125, -0.125, 0.125, 0.125])
    assert not losses.detach().total.requires_grad


def test_scores_are_read_where_steps_end() -> None:
    logits = torch.arange(12.0).reshape(2, 6, 1)
    ends = torch.tensor([[0, 1, 3, 5], [2, 2, 2, 4]])
    assert read_scores(logits, ends).tolist() == [[0, 1, 3, 5], [8, 8, 8, 10]]
