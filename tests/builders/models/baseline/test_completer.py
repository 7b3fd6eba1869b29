"""The completer: every task answers, the same request always alike."""

import json
import subprocess
import sys

import pytest

from ipm_prefdial.builders.models.baseline._completer import BaselineCompleter
from ipm_prefdial.builders.models.baseline.models import BaselineModels, fit_baseline
from ipm_prefdial.schemas.dialogue import Dialogue, Speaker, Turn
from ipm_prefdial.schemas.inference import Ask, Completion, Failed, FailureReason, Request, Sampling, Task
from ipm_prefdial.schemas.strategy import Strategy, parse_strategy

_HISTORY = (Turn(speaker=Speaker.SEEKER, text="I am so worried about the rent."),)


def _request(
    models: BaselineModels, task: Task, *, draw: int = 0, seed: int = 7, temperature: float = 1.0, **ask: str
) -> Request:
    return Request(
        model=models.ref,
        messages=({"role": "user", "content": f"{task}: {_HISTORY[0].text}"},),
        sampling=Sampling(temperature=temperature, top_p=0.95, max_tokens=64),
        draw=draw,
        seed=seed,
        ask=Ask.model_validate({"task": task, "history": _HISTORY, **ask}),
    )


async def _text(models: BaselineModels, request: Request) -> str:
    outcome = await BaselineCompleter(models).complete(request)
    assert isinstance(outcome, Completion)
    assert (outcome.key, outcome.finish_reason) == (request.key, "stop")
    assert outcome.prompt_tokens == outcome.completion_tokens == 0
    return outcome.text


@pytest.mark.parametrize("temperature", [0.0, 0.7])
async def test_every_task_answers_and_always_alike(
    models: BaselineModels, dialogues: list[Dialogue], temperature: float
) -> None:
    again = fit_baseline(reversed(dialogues))
    for task, ask in (
        (Task.PLANNER, {}),
        (Task.RESPONDER, {"strategy": Strategy.QUESTION}),
        (Task.JOINT, {}),
        (Task.JUDGE, {"reply": "You should move."}),
        (Task.JUDGE, {"reply": "You should move.", "other_reply": "The rent must be a worry."}),
        (Task.STRATEGY_JUDGE, {"strategy": Strategy.QUESTION, "other_strategy": Strategy.OTHERS}),
    ):
        request = _request(models, task, temperature=temperature, **ask)
        assert await _text(models, request) == await _text(again, request) != ""


async def test_the_planner_answers_with_a_canonical_name(models: BaselineModels) -> None:
    for seed in range(30):
        Strategy(await _text(models, _request(models, Task.PLANNER, seed=seed)))


async def test_the_joint_reply_is_a_strategy_in_brackets_and_a_reply_of_it(
    models: BaselineModels, dialogues: list[Dialogue]
) -> None:
    real = {(turn.strategy, turn.text) for dialogue in dialogues for turn in dialogue.turns}
    for seed in range(10):
        name, _, reply = (await _text(models, _request(models, Task.JOINT, seed=seed))).partition("] ")
        assert (parse_strategy(name), reply) in real


async def test_draws_of_one_seed_differ(models: BaselineModels) -> None:
    asked = [_request(models, Task.RESPONDER, draw=draw, strategy=Strategy.QUESTION) for draw in range(5)]
    assert len({await _text(models, request) for request in asked}) == 5


async def test_the_judge_answers_in_the_form_that_prompts_ask_for(models: BaselineModels) -> None:
    said = json.loads(await _text(models, _request(models, Task.JUDGE, reply="Be happy!")))
    assert said.keys() == {"error", "rationale"}
    assert said["error"] == "early_emotion_shift"
    said = json.loads(await _text(models, _request(models, Task.JUDGE, reply="The rent must be a worry.")))
    assert said["error"] == "none"


@pytest.mark.parametrize(
    ("task", "ask"),
    [
        (Task.RESPONDER, {}),
        (Task.JUDGE, {}),
        (Task.JUDGE, {"other_reply": "You should move."}),
        (Task.STRATEGY_JUDGE, {}),
        (Task.STRATEGY_JUDGE, {"strategy": Strategy.OTHERS}),
        (Task.STRATEGY_JUDGE, {"other_strategy": Strategy.OTHERS}),
        (Task.STRATEGY_JUDGE, {"reply": "You should move.", "other_reply": "Hm."}),
        (Task.CRISIS_JUDGE, {}),
        (Task.REWRITER, {"strategy": Strategy.OTHERS, "reply": "You should move.", "error": "lack_of_empathy"}),
    ],
)
async def test_a_request_that_no_embedded_model_can_answer_fails(
    models: BaselineModels, task: Task, ask: dict[str, str]
) -> None:
    outcome = await BaselineCompleter(models).complete(_request(models, task, **ask))
    assert isinstance(outcome, Failed)
    assert outcome.reason is FailureReason.BAD_REQUEST


def test_importing_loads_no_training_library() -> None:
    code = (
        "import sys; import ipm_prefdial.builders.models.baseline._completer; "
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'scipy', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_models_go_by_their_name(models: BaselineModels) -> None:
    assert models.ref.name == "corpus"
    assert models.ref.is_baseline
    assert models.ref.revision == models.revision
