"""The embedded reasoner and judge of traces: what they say can be shown, and is always the same."""

import numpy as np
import pytest
from hypothesis import given
from support.dialogues import histories, seeker, supporter
from support.traces import TRACE

from ipm_prefdial.builders.mining.trace_rules import RULES, contradictions
from ipm_prefdial.builders.models.baseline._completer import answer, judge_style, judge_trace
from ipm_prefdial.builders.models.baseline._reasoner import feelings, latest_words, reason
from ipm_prefdial.builders.models.baseline.models import BaselineModels
from ipm_prefdial.prompts.parsers.trace import read_kept, read_step_labels, read_trace
from ipm_prefdial.schemas.dialogue import Cue, Turn
from ipm_prefdial.schemas.emotion import Emotion
from ipm_prefdial.schemas.inference import Ask, Request, Sampling, Task
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.trace import Trace
from ipm_prefdial.schemas.verdict import StyleVerdict, Unparsed

HISTORY = (
    seeker("I am so worried about the rent, and lonely."),
    supporter("That sounds hard. Since when has the rent been on your mind?"),
    seeker("Since May; my landlord raised it. I am angry, really angry.", Cue(modality="voice", description="loud")),
)


def _request(models: BaselineModels, task: Task = Task.REASONER, temperature: float = 0.0, **ask: object) -> Request:
    return Request(
        model=models.ref,
        messages=({"role": "user", "content": "Go on."},),
        sampling=Sampling(temperature=temperature, top_p=0.95, max_tokens=64),
        draw=0,
        seed=7,
        ask=Ask.model_validate({"task": task, "history": HISTORY, **ask}),
    )


def _traced(models: BaselineModels, request: Request, seed: int = 0) -> Trace:
    found = read_trace(reason(models, request, np.random.default_rng(seed)))
    assert isinstance(found, Trace)
    return found


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("I feel so down, I cried all night.", Emotion.SADNESS),
        ("I'm scared of the exam", Emotion.FEAR),
        ("Nobody is there, I am so lonely.", Emotion.LONELINESS),
        ("It was all my fault.", Emotion.GUILT),
        ("I am depressed and hopeless.", Emotion.DEPRESSION),
    ],
)
def test_a_feeling_is_found_by_its_words(text: str, emotion: Emotion) -> None:
    assert feelings((seeker(text),))[0].emotion is emotion


@pytest.mark.parametrize("text", ["I am not sad.", "The bus was late.", "I'm never angry"])
def test_what_is_negated_or_not_named_is_not_found(text: str) -> None:
    assert feelings((seeker(text),)) == []


def test_what_was_named_last_weighs_most() -> None:
    found = feelings(HISTORY)
    assert [(felt.emotion, felt.weight) for felt in found] == [
        (Emotion.ANGER, 2.0),
        (Emotion.ANXIETY, 0.5),
        (Emotion.LONELINESS, 0.5),
    ]
    assert latest_words(HISTORY) == [HISTORY[-1]]
    assert latest_words((*HISTORY, supporter("Hm."))) == [HISTORY[-1]]


def test_the_greedy_trace_looks_at_the_last_turn_and_is_right(models: BaselineModels) -> None:
    trace = _traced(models, _request(models))
    assert 'The supporter last asked: "Since when has the rent been on your mind"' in trace.history
    assert "my landlord raised it" in trace.history
    assert (trace.emotion.emotion, trace.emotion.intensity) == (Emotion.ANGER, 3)
    assert [cue.modality for cue in trace.emotion.cues] == ["text", "voice"]
    assert contradictions(trace, HISTORY, tuple(RULES)) == {}
    assert judge_trace(models.planner, models.rarity, HISTORY, trace).labels[:2] == (True, True)


def test_drawn_traces_differ_and_are_sometimes_of_an_earlier_moment(models: BaselineModels) -> None:
    traces = [_traced(models, _request(models, temperature=1.0), seed) for seed in range(30)]
    assert {Emotion.ANGER, Emotion.ANXIETY} <= {trace.emotion.emotion for trace in traces}
    labels = {judge_trace(models.planner, models.rarity, HISTORY, trace).labels[0] for trace in traces}
    assert labels == {True, False}
    assert len({trace.strategy.strategy for trace in traces}) > 2


@given(history=histories())
def test_any_history_is_reasoned_about_without_a_word_that_was_not_said(
    models: BaselineModels, history: tuple[Turn, ...]
) -> None:
    request = _request(models, temperature=1.0).model_copy(update={"ask": Ask(task=Task.REASONER, history=history)})
    text = answer(models, request)
    assert text is not None
    found = read_trace(text)
    if isinstance(found, Unparsed):  # nobody has said a word, or it is a tag
        assert found.reason in ("empty_reply", "stray_tag", "bad_cues", "no_cause")
    else:
        assert judge_trace(models.planner, models.rarity, history, found).rationales


def test_the_judges_answers_are_in_the_form_that_prompts_ask_for(models: BaselineModels) -> None:
    text = answer(models, _request(models, Task.STEP_JUDGE, trace=TRACE))
    assert text is not None
    found = read_step_labels(text)
    assert not isinstance(found, Unparsed)
    assert found.labels[:2] == (False, False)  # of another conversation
    style = answer(
        models, _request(models, Task.STYLE_JUDGE, reply="The rent is a worry.", other_reply="Rent: a worry!")
    )
    assert style is not None
    assert isinstance(read_kept(style), StyleVerdict)
    assert answer(models, _request(models, Task.STEP_JUDGE)) is None
    assert answer(models, _request(models, Task.STYLIST, reply="Hm.", strategy=Strategy.OTHERS)) is None


@pytest.mark.parametrize(
    ("rewritten", "strategy", "facts"),
    [
        ("Your landlord and that rent, since May: what a weight.", True, True),
        ("Is it the rent that your landlord wants since May?", False, True),
        ("What a weight.", True, False),
        (
            "The rent your landlord asks since May: call a lawyer, write the mayor, move abroad, sell the piano.",
            True,
            False,
        ),
    ],
)
def test_a_rewriting_is_judged_by_its_words(rewritten: str, strategy: bool, facts: bool) -> None:
    found = judge_style("Since May your landlord wants more rent.", rewritten)
    assert (found.same_strategy, found.same_facts) == (strategy, facts)
