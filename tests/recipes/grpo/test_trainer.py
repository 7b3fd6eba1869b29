"""Advantages as they are shaped: better and no more repeated is never rewarded less; tokens answer for their step."""

from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

import torch
from hypothesis import given
from hypothesis import strategies as st
from support.traces import TEXT

from ipm_prefdial.recipes.grpo.reward import RewardParts, redundancy_weights
from ipm_prefdial.recipes.grpo.trainer import (
    check_credit,
    expand_steps,
    find_step_ends,
    group_advantages,
    shrink_positive,
)
from ipm_prefdial.recipes.runs.arguments import CREDITS, MIN, PER_STEP, GrpoArguments
from ipm_prefdial.recipes.tiny import make_tiny
from ipm_prefdial.schemas.errors import UsageError

ALIKE = "That sounds really hard, and it makes sense that you feel {} alone tonight."
NONSENSE = "Purple ladders sing seven of the kettle."

SCORE = st.integers(0, 64).map(lambda number: number / 64)
SHARE = st.integers(1, 64).map(lambda number: number / 64)
TRACES = st.lists(st.tuples(st.none() | st.tuples(SCORE, SCORE, SCORE, SCORE), SHARE), min_size=2, max_size=8)
WEIGHTS = st.builds(
    GrpoArguments,
    process=SHARE,
    outcome=SHARE,
    redundancy=st.integers(0, 4),
    redundancy_floor=SHARE,
    process_credit=st.sampled_from(CREDITS),
)


def shaped(parts: RewardParts, weights: GrpoArguments, scale: str = "group") -> torch.Tensor:
    """What a group's tokens have of each step, as the trainer gives it: completions × 4, or × 1 of the whole."""
    whole = group_advantages(torch.tensor([parts.rewards(weights)]).T, len(parts.steps), scale)
    if weights.process_credit == PER_STEP:
        steps = group_advantages(torch.tensor(parts.rewards_to_go(weights)), len(parts.steps), scale)
        readable = torch.tensor([one is not None for one in parts.steps])
        whole = torch.where(readable[:, None], steps, whole.expand_as(steps))
    return shrink_positive(whole, parts.kept_shares(weights))


def test_seven_near_alike_good_replies_stay_above_one_of_nonsense() -> None:
    """With the weight on rewards, and a point for the form, they had -0.73 to 0.30, and the nonsense 2.17."""
    replies = [ALIKE.format(word) for word in ("so", "so", "so", "so", "this", "rather", "very")] + [NONSENSE]
    parts = RewardParts([(0.95,) * 4] * 7 + [(0.05,) * 4], redundancy_weights(replies))
    *good, nonsense = shaped(parts, GrpoArguments()).ravel().tolist()
    assert max(parts.redundancy[:7]) < 0.25
    assert good == pytest.approx([0.25 * 0.3535] * 7, abs=1e-3), "each keeps the floor's share"
    assert nonsense == pytest.approx(-2.474, abs=1e-3)


@given(TRACES, WEIGHTS, st.sampled_from(("group", "batch", "none")))
def test_better_in_every_score_and_no_more_repeated_is_never_rewarded_less(
    traces: list[tuple[tuple[float, ...] | None, float]], weights: GrpoArguments, scale: str
) -> None:
    found = shaped(RewardParts(*map(list, zip(*traces, strict=True))), weights, scale)  # type: ignore[arg-type]
    for one, (better, kept) in enumerate(traces):
        for other, (worse, kept_by_other) in enumerate(traces):
            no_worse = worse is None or (better is not None and all(map(float.__ge__, better, worse)))
            if no_worse and kept >= kept_by_other:
                assert (found[one] >= found[other] - 1e-3).all()


@given(TRACES, WEIGHTS)
def test_what_cannot_be_read_is_rewarded_least_and_form_alone_earns_nothing(
    traces: list[tuple[tuple[float, ...] | None, float]], weights: GrpoArguments
) -> None:
    rewards = RewardParts(*map(list, zip(*traces, strict=True))).rewards(weights)  # type: ignore[arg-type]
    for (scores, _), reward in zip(traces, rewards, strict=True):
        assert (reward == 0) if scores is None else (reward >= min(rewards))
    assert RewardParts([(0.0,) * 4], [1.0]).rewards(weights) == [0.0]


def test_an_advantage_of_zero_or_less_is_left_as_it_is() -> None:
    assert shrink_positive(torch.tensor([-2.0, 0.0, 2.0]), [0.5, 0.5, 0.5]).tolist() == [-2.0, 0.0, 1.0]
    assert shrink_positive(torch.tensor([[-2.0, 2.0], [4.0, 0.0]]), [0.5, 0.25]).tolist() == [[-2.0, 1.0], [1.0, 0.0]]


def test_the_weakest_step_decides_under_min() -> None:
    parts = RewardParts([(0.9, 0.9, 0.0, 0.5), (0.5, 0.5, 0.5, 0.5)], [1.0, 1.0])
    by_mean, by_min = (parts.rewards(GrpoArguments(process_credit=credit)) for credit in ("mean", MIN))
    assert by_mean[0] > by_mean[1]
    assert by_min == [0.5, 1.0]


@given(TRACES, WEIGHTS)
def test_the_first_step_earns_the_reward_under_the_mean_and_the_reply_the_outcome(
    traces: list[tuple[tuple[float, ...] | None, float]], weights: GrpoArguments
) -> None:
    weights.process_credit = PER_STEP
    parts = RewardParts(*map(list, zip(*traces, strict=True)))  # type: ignore[arg-type]
    earned = parts.rewards_to_go(weights)
    assert [one[0] for one in earned] == pytest.approx(parts.rewards(weights))
    assert [one[-1] for one in earned] == pytest.approx(
        [weights.outcome * one[-1] if one else 0 for one in parts.steps]
    )


def test_a_token_has_the_value_of_its_step() -> None:
    values = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert expand_steps(values, [2, 3, 5], 7).tolist() == [1, 1, 2, 3, 3, 4, 4]


def test_steps_end_where_their_tags_do(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    make_tiny(tmp_path, [TEXT, "It hailed."], width=16, layers=1, vocabulary=400, positions=512, seed=1)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    ids = tokenizer(f"<think>no </history> yet</think>{TEXT}", add_special_tokens=False)["input_ids"]
    ends = find_step_ends(tokenizer, ids)
    assert ends is not None
    for end, step in zip(ends, ("history", "emotion", "strategy"), strict=True):
        assert f"</{step}>" in tokenizer.decode(ids[:end])[-len(step) - 6 :]
        assert f"</{step}>" not in tokenizer.decode(ids[: end - 1])[-len(step) - 6 :]
    assert find_step_ends(tokenizer, ids[:5]) is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("loss_type", "vespo"),
        ("importance_sampling_level", "sequence"),
        ("multi_objective_aggregation", "normalize_then_sum"),
        ("off_policy_mask_threshold", 0.1),
    ],
)
def test_what_takes_no_advantage_a_token_is_refused(setting: str, value: object) -> None:
    training = SimpleNamespace(**{setting: value})
    with pytest.raises(UsageError, match=f"tiny: process_credit=per_step does not work with {setting}={value}"):
        check_credit("tiny", GrpoArguments(process_credit=PER_STEP), training)  # type: ignore[arg-type]
    check_credit("tiny", GrpoArguments(), training)  # type: ignore[arg-type]
