"""A system that reasons is asked as its rows ask, read in either form, and judged step by step."""

import asyncio
import json
from typing import Any

import pytest
from support.dialogues import SHORT_TURNS
from support.predictions import prediction, system
from support.traces import TEXT, TRACE

from ipm_prefdial.builders.models.client import Script, ScriptedCompleter
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.prompts.library import load_prompt
from ipm_prefdial.recipes.evaluate._judging import ALL_STEPS, count_questions, judge_replies, panels_of, replies_of
from ipm_prefdial.recipes.evaluate.generate import REASONING, asked_names, generate
from ipm_prefdial.recipes.evaluate.held_out import HumanTurn
from ipm_prefdial.recipes.evaluate.options import SystemOptions, resolve_pool
from ipm_prefdial.recipes.evaluate.predictions import Prediction, align, predictions_text
from ipm_prefdial.recipes.metrics.sample import AnswerSample
from ipm_prefdial.recipes.metrics.strategies import measure_reasoning
from ipm_prefdial.schemas.emotion import Emotion
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import Completion, Outcome, Request, Role, Task
from ipm_prefdial.schemas.spec import BuildSpec
from ipm_prefdial.schemas.strategy import Strategy

SPEC = load_release("2.1.0").spec
URL = "http://127.0.0.1:9/v1"
OPTIONS = SystemOptions(reasoner=f"r@{URL}")
TURN = HumanTurn("d0", 3, SHORT_TURNS[:3], Strategy.REFLECTION, "You must have felt forgotten.", Emotion.LONELINESS)
AS_JSON = json.dumps({
    "history": TRACE.history, "emotion": "lonely", "intensity": 4, "cause": TRACE.emotion.cause,
    "cues": [{"modality": cue.modality, "description": cue.description} for cue in TRACE.emotion.cues],
    "strategy": "Reflection of feelings", "why": TRACE.strategy.why, "reply": TRACE.reply,
})  # fmt: skip


def _asked(script: Script, spec: BuildSpec = SPEC) -> tuple[Prediction, Request]:
    pool = resolve_pool(OPTIONS, lambda: ())
    model = ScriptedCompleter(script)
    ((found,)) = asyncio.run(generate(pool, dict.fromkeys(pool.endpoints, model), spec, [TURN]))
    assert [found.name] == [REASONING] == asked_names(OPTIONS)
    return found.predictions[0], model.requests[0]


@pytest.mark.parametrize("answer", [TEXT, f"<think>Hm.</think>\n{TEXT}", AS_JSON])
def test_trace_is_read_in_either_form(answer: str) -> None:
    said, _ = _asked({"reasoner": answer})
    assert (said.strategy, said.reply, said.problem) == (Strategy.REFLECTION, TRACE.reply, "")
    assert said.trace == TEXT
    assert said.steps == TRACE
    assert (said.answer.emotion, said.answer.gold_emotion) == (Emotion.LONELINESS, Emotion.LONELINESS)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [("Oh no.", "no_trace"), (TEXT.replace("</reply>", ""), "missing_reply"), (" ", "empty_reply")],
)
def test_what_is_no_trace_is_a_wrong_answer(answer: str, problem: str) -> None:
    said, _ = _asked({"reasoner": answer})
    assert (said.strategy, said.reply, said.trace, said.problem) == (None, None, None, problem)


def test_reasoner_is_asked_as_the_rows_ask() -> None:
    _, request = _asked({"reasoner": TEXT})
    assert SPEC.reasoning is not None
    assert SPEC.reasoner is not None
    assert list(request.messages) == list(load_prompt(SPEC.reasoning.prompt).messages(request.ask))
    assert "Write the four steps in this form" in request.messages[0]["content"]
    assert request.sampling == SPEC.reasoner.sampling
    assert TURN.text not in str(request.messages)


def test_release_without_traces_is_refused() -> None:
    with pytest.raises(UsageError, match=r"release 1\.0\.0 has no reasoner"):
        _asked({"reasoner": TEXT}, load_release("1.0.0").spec)


def test_predictions_of_other_systems_are_written_as_before() -> None:
    assert "trace" not in predictions_text([prediction()])
    said, _ = _asked({"reasoner": TEXT})
    assert Prediction.model_validate_json(predictions_text([said])) == said


def _reasoned(golds: list[Emotion | None], traces: list[str | None]) -> list[Prediction]:
    return [
        prediction(at, dialogue=f"d{at}").model_copy(update={"gold_emotion": gold, "trace": trace})
        for at, (gold, trace) in enumerate(zip(golds, traces, strict=True))
    ]


def test_emotions_are_compared_where_the_source_tells_one() -> None:
    said = _reasoned([Emotion.LONELINESS, Emotion.ANGER, None, Emotion.LONELINESS], [TEXT, TEXT, TEXT, None])
    found = measure_reasoning(AnswerSample.of([one.answer for one in said], 50))
    assert found["whole_traces"].interval.value == 0.75
    assert found["emotion_accuracy"].interval.value == pytest.approx(1 / 3, abs=1e-6)
    assert found["emotion_accuracy"].n == 3
    assert "3 of 4 turns" in found["emotion_accuracy"].why


def test_nothing_to_compare() -> None:
    silent = measure_reasoning(AnswerSample.of([prediction().answer], 50))
    assert {one.why for one in silent.values()} == {"it writes no reasoning traces that can be read"}
    found = measure_reasoning(AnswerSample.of([_reasoned([None], [TEXT])[0].answer], 50))
    assert found["emotion_accuracy"].interval.value is None
    assert found["whole_traces"].interval.value == 1


TURNS = [HumanTurn(f"d{at}", at, SHORT_TURNS[:3], Strategy.QUESTION, "How was the hail?") for at in range(4)]


def _label(request: Request) -> Outcome:
    """Finds the strategy wrong and cannot be read in the last dialogue; all other questions get no grade."""
    text = "{}"
    if request.ask.task is Task.STEP_JUDGE:
        steps: dict[str, Any] = {step: {"correct": True, "why": ""} for step in ("history", "emotion", "reply")}
        text = json.dumps(steps | {"strategy": {"correct": False, "why": "too early"}})
    return Completion(key=request.key, text=text, finish_reason="stop")


def test_judges_are_asked_about_the_steps_of_traces_alone() -> None:
    aligned = align([system("larch", _reasoned([None] * 4, [TEXT, TEXT, TEXT, None])), system("maple", _plain())])
    pool = resolve_pool(SystemOptions(judges=(f"j@{URL}",)), lambda: ())
    completer = ScriptedCompleter(_label)
    replies = replies_of(aligned, TURNS)
    completers = {(Role.JUDGE, ref): completer for ref in pool.models[Role.JUDGE]}
    said = asyncio.run(judge_replies(pool, completers, replies, seed=1))
    steps = [one for one in completer.requests if one.ask.task is Task.STEP_JUDGE]
    assert len(steps) == 3
    assert len(completer.requests) == count_questions(pool, replies)
    assert "walked home in the hail. Nothing was asked yet." in steps[0].messages[-1]["content"]
    (panel,) = panels_of(said, AnswerSample.of([one.answer for one in aligned[0].predictions], 50))
    judged = panel.judged()
    means = {one.grade: one.mean for one in judged.grades if one.grade.startswith("step") or one.grade == ALL_STEPS}
    assert {name: mean.value for name, mean in means.items()} == {
        "step: history": 1, "step: emotion": 1, "step: strategy": 0, "step: reply": 1, ALL_STEPS: 0.75,
    }  # fmt: skip
    assert {mean.n for mean in means.values()} == {3}
    assert "judge/four_steps@2" in judged.prompts


def _plain() -> list[Prediction]:
    return [prediction(at, dialogue=f"d{at}") for at in range(4)]
