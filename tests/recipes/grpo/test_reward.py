"""A trace is rewarded for its parts, by their weights, and less where it repeats."""

from collections.abc import Sequence

import pytest

pytest.importorskip("sacrebleu", reason="needs the [evaluate] extra")

from hypothesis import given
from hypothesis import strategies as st
from support.traces import TEXT, TRACE, traces

from ipm_prefdial.prompts.context import chat
from ipm_prefdial.prompts.parsers.trace import format_trace
from ipm_prefdial.recipes.grpo.arguments import GrpoArguments
from ipm_prefdial.recipes.grpo.reward import Parts, TraceReward, said_before
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


def _reward(scorer: Scorer | None = None, **weights: float) -> TraceReward:
    return TraceReward(GrpoArguments(**weights), scorer)  # type: ignore[arg-type]


def test_reward_by_hand() -> None:
    scorer = Scorer(0.9, 0.6, 0.3, 0.25)
    reward = _reward(scorer, process=2.0, outcome=4.0, format=0.5)
    assert reward([PROMPT], [_said(TEXT)]) == [pytest.approx(2 * 0.6 + 4 * 0.25 + 0.5)]
    assert scorer.shown[0][0] == PROMPT
    assert "\n".join(scorer.shown[0][1]) == TEXT


def test_what_is_no_trace_earns_nothing_and_is_not_scored() -> None:
    scorer = Scorer(1.0, 1.0, 1.0, 1.0)
    assert _reward(scorer)([PROMPT] * 2, [_said("Oh no."), _said(TEXT.replace("</reply>", ""))]) == [0, 0]
    assert scorer.shown == []


def test_copies_share_a_reward_within_their_group_alone() -> None:
    replies = ["What happened then?", "what happened then", "You carried a lot that night."]
    prompts = [PROMPT] * 3 + [OTHER]
    completions = [*(_with_reply(reply) for reply in replies), _with_reply(replies[0])]
    assert _reward()(prompts, completions) == [0.5, 0.5, 1, 1]
    assert _reward(redundancy=0)(prompts, completions) == [1, 1, 1, 1]
    assert _reward(redundancy=3)(prompts, completions) == [0.25, 0.25, 1, 1]


def test_a_part_can_be_switched_off_and_is_measured_all_the_same() -> None:
    seen: dict[str, float] = {}
    reward = _reward(Scorer(1.0, 0.5, 0.0, 0.75), process=0, format=0, redundancy=0)
    completions = [_said(TEXT), _said(TEXT), _said("Well.")]
    said = reward([PROMPT] * 3, completions, human_strategy=[TRACE.strategy.strategy, "Question", "Question"],
                  log_metric=seen.__setitem__)  # fmt: skip
    assert said == [0.75, 0.75, 0]
    assert seen.pop("self_bleu") > 0
    assert seen == {
        "process": pytest.approx(1 / 3),
        "outcome": pytest.approx(0.5),
        "format": pytest.approx(2 / 3),
        "redundancy": pytest.approx(2 / 3),
        "strategy_accuracy": pytest.approx(1 / 3),
        "distinct_1": pytest.approx(10 / 19),
        "distinct_2": pytest.approx(8 / 16),
    }


def test_without_a_reward_model_no_score_is_logged() -> None:
    seen: dict[str, float] = {}
    assert _reward(process=0, outcome=0)([PROMPT], [_said(TEXT)], log_metric=seen.__setitem__) == [1]
    assert not {"process", "outcome"} & seen.keys()
    assert seen["format"] == 1


@given(st.lists(st.text(max_size=20) | traces.map(format_trace), min_size=1, max_size=5))
def test_any_text_has_a_reward_from_0_to_the_sum_of_the_weights(texts: list[str]) -> None:
    seen: dict[str, float] = {}
    rewards = _reward(Scorer(1.0, 1.0, 1.0, 1.0))(
        [PROMPT] * len(texts), [_said(text) for text in texts], ["Question"] * len(texts), seen.__setitem__
    )
    assert len(rewards) == len(texts)
    assert all(0 <= one <= 3 for one in rewards)
    assert all(0 <= value <= (100.001 if name == "self_bleu" else 1) for name, value in seen.items())


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.lists(st.floats(0, 4), min_size=4, max_size=4))
def test_more_of_a_part_is_never_rewarded_less(parts: list[float], weights: list[float]) -> None:
    given = GrpoArguments(**dict(zip(("process", "outcome", "format", "redundancy"), weights, strict=True)))
    low = [max(one, 1e-3) for one in parts]
    (before,) = Parts(*([one] for one in low)).rewards(given)
    for at in range(4):
        more = [[min(1.0, one + 0.1) if place == at else one] for place, one in enumerate(low)]
        assert Parts(*more).rewards(given)[0] >= before - 1e-9


def test_what_was_said_before_is_read_from_chats_and_transcripts() -> None:
    turns = [
        Turn(speaker=Speaker.SEEKER, text="It hailed."),
        Turn(speaker=Speaker.SUPPORTER, text="Were you alone?", strategy=Strategy.QUESTION),
        Turn(speaker=Speaker.SEEKER, text="Yes."),
    ]
    assert list(said_before(chat(turns, with_strategies=False))) == ["Were you alone?"]
    shown: list[Message] = [{"role": "user", "content": "seeker: It hailed.\nsupporter: Were you alone?\nseeker: Yes."}]
    assert list(said_before(shown)) == ["Were you alone?"]


def test_repeating_oneself_is_rewarded_less() -> None:
    prompt: list[Message] = [
        {"role": "user", "content": "It hailed."},
        {"role": "assistant", "content": "Were you alone?"},
        {"role": "user", "content": "Yes."},
    ]
    again, new = _reward()([prompt, prompt], [_with_reply("Were you alone?"), _with_reply("That is a long way home.")])
    assert (again, new) == (0.5, 1)
