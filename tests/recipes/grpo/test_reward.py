"""The reward of a trace by hand, and the weight of a reply that repeats others."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

pytest.importorskip("sacrebleu", reason="needs the [evaluate] extra")

from hypothesis import given
from hypothesis import strategies as st
from support.traces import TEXT, TRACE, traces

from ipm_prefdial.prompts.context import chat
from ipm_prefdial.prompts.parsers.trace import format_trace
from ipm_prefdial.recipes.grpo.reward import (
    RewardParts,
    TraceReward,
    jaccard,
    redundancy_weights,
    scale_weight,
    supporter_turns,
)
from ipm_prefdial.recipes.metrics.sample import phrases_of
from ipm_prefdial.recipes.runs.arguments import GrpoArguments
from ipm_prefdial.schemas.dialogue import Speaker, Turn
from ipm_prefdial.schemas.inference import Message
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.trace import Trace

PROMPT: list[Message] = [{"role": "user", "content": "It hailed all the way home."}]
OTHER: list[Message] = [{"role": "user", "content": "My exam is tomorrow."}]


class Scorer:
    """Scores every trace alike, and remembers what it was shown."""

    def __init__(self, *scores: float) -> None:
        self.scores = scores
        self.shown: list[tuple[list[Message], Sequence[str]]] = []

    def score(self, traces: Sequence[tuple[list[Message], Sequence[str]]]) -> list[tuple[float, ...]]:
        """The same scores for each."""
        self.shown += traces
        return [self.scores] * len(traces)


def _said(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def _with_reply(reply: str) -> list[Message]:
    return _said(format_trace(Trace.model_validate({**TRACE.model_dump(), "reply": reply})))


def _reward(scorer: Scorer | None = None, **weights: Any) -> TraceReward:
    return TraceReward(GrpoArguments(**weights), scorer or Scorer(0.5, 0.5, 0.5, 0.5))  # type: ignore[arg-type]


@pytest.mark.parametrize(("credit", "process"), [("mean", 0.6), ("min", 0.3), ("per_step", 0.6)])
def test_reward_by_hand(credit: str, process: float) -> None:
    scorer = Scorer(0.9, 0.6, 0.3, 0.25)
    reward = _reward(scorer, process=2.0, outcome=4.0, process_credit=credit)
    assert reward([PROMPT], [_said(TEXT)]) == [pytest.approx(2 * process + 4 * 0.25)]
    assert scorer.shown[0][0] == PROMPT
    assert "\n".join(scorer.shown[0][1]) == TEXT


def test_what_is_no_trace_earns_nothing_and_is_not_scored() -> None:
    scorer = Scorer(1.0, 1.0, 1.0, 1.0)
    assert _reward(scorer)([PROMPT] * 2, [_said("Oh no."), _said(TEXT.replace("</reply>", ""))]) == [0, 0]
    assert scorer.shown == []


def test_copies_share_credit_within_their_group_alone_and_their_rewards_are_left() -> None:
    replies = ["What happened then?", "what happened then", "You carried a lot that night."]
    prompts = [PROMPT] * 3 + [OTHER]
    completions = [*(_with_reply(reply) for reply in replies), _with_reply(replies[0])]
    reward = _reward()
    assert reward(prompts, completions) == [1, 1, 1, 1]
    assert reward.last.kept_shares(GrpoArguments()) == [0.5, 0.5, 1, 1]
    assert reward.last.kept_shares(GrpoArguments(redundancy=0)) == [1, 1, 1, 1]
    assert reward.last.kept_shares(GrpoArguments(redundancy=3)) == [0.25, 0.25, 1, 1]
    assert reward.last.kept_shares(GrpoArguments(redundancy=3, redundancy_floor=0.4)) == [0.4, 0.4, 1, 1]


def test_a_part_can_be_switched_off_and_is_measured_all_the_same() -> None:
    seen: dict[str, float] = {}
    reward = _reward(Scorer(1.0, 0.5, 0.0, 0.75), process=0, redundancy=0)
    completions = [_said(TEXT), _said(TEXT), _said("Well.")]
    said = reward([PROMPT] * 3, completions, human_strategy=[TRACE.strategy.strategy, "Question", "Question"],
                  log_metric=seen.__setitem__)  # fmt: skip
    assert said == [0.75, 0.75, 0]
    assert seen.pop("self_bleu") > 0
    assert seen == {
        "process": pytest.approx(1 / 3),
        "process_min": 0,
        "outcome": pytest.approx(0.5),
        "format": pytest.approx(2 / 3),
        "redundancy": pytest.approx(2 / 3),
        "strategy_accuracy": pytest.approx(1 / 3),
        "distinct_1": pytest.approx(10 / 19),
        "distinct_2": pytest.approx(8 / 16),
    }


@given(st.lists(st.text(max_size=20) | traces.map(format_trace), min_size=1, max_size=5))
def test_any_text_has_a_reward_from_0_to_the_sum_of_the_weights(texts: list[str]) -> None:
    seen: dict[str, float] = {}
    rewards = _reward(Scorer(1.0, 1.0, 1.0, 1.0))(
        [PROMPT] * len(texts), [_said(text) for text in texts], ["Question"] * len(texts), seen.__setitem__
    )
    assert len(rewards) == len(texts)
    assert all(0 <= one <= 2 for one in rewards)
    assert all(0 <= value <= (100.001 if name == "self_bleu" else 1) for name, value in seen.items())


def test_what_was_said_before_is_read_from_chats_and_transcripts() -> None:
    turns = [
        Turn(speaker=Speaker.SEEKER, text="It hailed."),
        Turn(speaker=Speaker.SUPPORTER, text="Were you alone?", strategy=Strategy.QUESTION),
        Turn(speaker=Speaker.SEEKER, text="Yes."),
    ]
    assert list(supporter_turns(chat(turns, with_strategies=False))) == ["Were you alone?"]
    shown: list[Message] = [{"role": "user", "content": "seeker: It hailed.\nsupporter: Were you alone?\nseeker: Yes."}]
    assert list(supporter_turns(shown)) == ["Were you alone?"]


def test_who_repeats_oneself_keeps_less() -> None:
    prompt: list[Message] = [
        {"role": "user", "content": "It hailed."},
        {"role": "assistant", "content": "Were you alone?"},
        {"role": "user", "content": "Yes."},
    ]
    reward = _reward()
    reward([prompt, prompt], [_with_reply("Were you alone?"), _with_reply("That is a long way home.")])
    assert reward.last.kept_shares(reward.weights) == [0.5, 1]


WORD = st.sampled_from(["that", "sounds", "hard", "what", "happened", "then", "I", "hear", "you"])
REPLIES = st.lists(st.lists(WORD, max_size=8).map(" ".join), min_size=1, max_size=6)
STRENGTH = st.floats(0, 4)


@given(REPLIES, REPLIES, STRENGTH)
def test_weight_is_above_0_and_at_most_1(replies: list[str], before: list[str], strength: float) -> None:
    weights = redundancy_weights(replies, before)
    assert len(weights) == len(replies)
    assert all(0 < weight <= 1 and 0 < scale_weight(weight, strength) <= 1 for weight in weights)


@given(st.integers(1, 9))
def test_unique_replies_weigh_1(number: int) -> None:
    replies = [f"the {at} one {at} of all {at}" for at in range(number)]
    assert redundancy_weights(replies, ["nothing of the kind"]) == [1.0] * number


@given(st.integers(1, 9))
def test_copies_share_the_reward_of_one(number: int) -> None:
    weights = redundancy_weights(["That sounds really hard."] * number)
    assert weights == pytest.approx([1 / number] * number)
    assert sum(weights) == pytest.approx(1)


@given(st.floats(0.01, 1), STRENGTH, STRENGTH)
def test_more_strength_never_raises_a_weight(weight: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert scale_weight(weight, high) <= scale_weight(weight, low) * (1 + 1e-12)
    assert scale_weight(weight, 0) == 1
    assert scale_weight(weight, 1) == pytest.approx(weight)
    assert scale_weight(weight, high, 0.25) == max(0.25, scale_weight(weight, high))


@given(REPLIES, REPLIES, st.randoms())
def test_order_of_the_group_does_not_matter(replies: list[str], before: list[str], random: Random) -> None:
    order = list(range(len(replies)))
    random.shuffle(order)
    weights = redundancy_weights(replies, before)
    shuffled = redundancy_weights([replies[at] for at in order], before)
    assert shuffled == pytest.approx([weights[at] for at in order])


@given(REPLIES, REPLIES)
def test_another_copy_never_raises_a_weight(replies: list[str], before: list[str]) -> None:
    alone = redundancy_weights(replies, before)
    joined = redundancy_weights([*replies, replies[0]], before)
    assert all(after <= first for first, after in zip(alone, joined, strict=False))
    assert joined[0] < alone[0]


def test_case_and_punctuation_do_not_hide_a_copy() -> None:
    assert redundancy_weights(["I hear you, truly.", "i hear you truly"]) == [0.5, 0.5]


def test_what_the_supporter_said_before_counts_by_its_share() -> None:
    assert redundancy_weights(["I hear you well"], ["Yes, I hear you."]) == [pytest.approx(1 / 1.5)]
    assert redundancy_weights(["I hear you"], ["I hear you"]) == [0.5]


def test_short_replies_are_alike_only_where_they_are_equal() -> None:
    assert jaccard(phrases_of("Oh no"), phrases_of("oh, no!")) == 1
    assert jaccard(phrases_of("Oh no"), phrases_of("Oh yes")) == 0
    assert redundancy_weights(["", ""]) == [0.5, 0.5]


def test_a_step_is_credited_with_itself_and_what_follows_as_parts_of_the_mean() -> None:
    parts = RewardParts([(0.9, 0.6, 0.3, 0.25), None], [1.0, 1.0])
    earned, none = parts.rewards_to_go(GrpoArguments(process=2.0, outcome=4.0, process_credit="per_step"))
    assert earned == pytest.approx((2 * 0.6 + 1, 2 * 0.3 + 1, 2 * 0.1 + 1, 1))
    assert none == (0.0, 0.0, 0.0, 0.0)
