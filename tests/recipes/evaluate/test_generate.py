"""Systems are asked as the release asks: the responder under what the planner named, and nothing is lost on the way."""

import asyncio
from collections.abc import Callable

import pytest
from support.dialogues import SHORT_TURNS

from ipm_prefdial.builders.models.client import Script, ScriptedCompleter
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.recipes.evaluate.generate import GenerationTask, answer_all, asked_names, generate
from ipm_prefdial.recipes.evaluate.held_out import HumanTurn
from ipm_prefdial.recipes.evaluate.options import SystemOptions, resolve_pool
from ipm_prefdial.recipes.evaluate.predictions import Prediction, System
from ipm_prefdial.schemas.errors import BudgetError, EndpointError, UsageError
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, ModelRef, Request, Role
from ipm_prefdial.schemas.strategy import Strategy

SPEC = load_release("1.0.0").spec
TURN = HumanTurn("d0", 3, SHORT_TURNS[:3], Strategy.REFLECTION, "Alone on that bridge, you must have felt forgotten.")
URL = "http://127.0.0.1:9/v1"
BOTH = SystemOptions(planner=f"p@{URL}", responder=f"r@{URL}")
WHOLE = SystemOptions(joint=f"j@{URL}")


def _asked(
    options: SystemOptions, script: Script, *, temperature: float | None = None, turns: int = 1
) -> tuple[tuple[System, ...], list[Request]]:
    """What the systems say where a script is the model, and what it was asked."""
    pool = resolve_pool(options, lambda: ())
    model = ScriptedCompleter(script)
    completers = dict.fromkeys(pool.endpoints, model)
    systems = asyncio.run(generate(pool, completers, SPEC, [TURN] * turns, temperature=temperature))
    return systems, model.requests


def _one(options: SystemOptions, script: Script) -> Prediction:
    ((system,), _) = _asked(options, script)
    assert system.name == asked_names(options)[0]
    (said,) = system.predictions
    return said


def test_responder_writes_under_what_the_planner_named() -> None:
    systems, requests = _asked(BOTH, {"planner": "**QUESTION**", "responder": "Where was that?"})
    (said,) = systems[0].predictions
    assert (said.strategy, said.reply, said.problem) == (Strategy.QUESTION, "Where was that?", "")
    assert (said.gold_strategy, said.gold_reply) == (TURN.strategy, TURN.text)
    planned, wrote = requests
    assert "seeker: The last bus" in planned.messages[-1]["content"]
    assert "must follow this strategy: Question" in wrote.messages[0]["content"]
    assert TURN.text not in str(requests)


def test_sampling_is_the_releases_own_unless_a_temperature_is_given() -> None:
    _, released = _asked(BOTH, {"planner": "Others", "responder": "Hm."})
    assert [one.sampling for one in released] == [SPEC.planner.sampling, SPEC.responder.sampling]
    systems, greedy = _asked(BOTH, {"planner": "Others", "responder": "Hm."}, temperature=0)
    assert [one.sampling.temperature for one in greedy] == [0, 0]
    assert "temperature 0, top_p 0.95" in systems[0].about


@pytest.mark.parametrize(
    "raw", ["Comfort the seeker", "Question or Others", "<think>Question</think>", "Was there hail?"]
)
def test_answer_that_is_no_strategy_gets_no_reply(raw: str) -> None:
    said = _one(BOTH, {"planner": raw})
    assert (said.strategy, said.reply) == (None, None)
    assert said.problem in ("not_a_strategy", "empty_reply")


def test_thoughts_are_no_part_of_an_answer() -> None:
    script = {"planner": "<think>Others?</think>Question", "responder": "<think>Hm.</think> Where?"}
    assert _one(BOTH, script).reply == "Where?"


def test_failed_calls_are_told_and_count_as_no_answer() -> None:
    failed = Failed(key="", reason=FailureReason.TIMEOUT, detail="no answer in 9 s")
    said = _one(BOTH, {"planner": failed})
    assert (said.strategy_raw, said.strategy, said.problem) == (None, None, "timeout: no answer in 9 s")
    said = _one(BOTH, {"planner": "Others", "responder": failed})
    assert (said.strategy, said.reply, said.problem) == (Strategy.OTHERS, None, "timeout: no answer in 9 s")
    filtered = Completion(key="", text="I can", finish_reason="content_filter")
    assert _one(BOTH, {"planner": "Others", "responder": filtered}).problem == "content_filter"


@pytest.mark.parametrize(
    ("raw", "strategy", "reply", "problem"),
    [
        ("[Question] Where was that?", Strategy.QUESTION, "Where was that?", ""),
        ("Where was that?", None, "Where was that?", "not_a_strategy"),
        ("[Comfort] There, there.", None, "[Comfort] There, there.", "not_a_strategy"),
        (" ", None, None, "empty_reply"),
    ],
)
def test_joint_answers_are_taken_apart(raw: str, strategy: Strategy | None, reply: str | None, problem: str) -> None:
    said = _one(WHOLE, {"joint": raw})
    assert (said.strategy, said.reply, said.problem) == (strategy, reply, problem)


def test_planner_alone_and_a_joint_model_beside_it() -> None:
    options = SystemOptions(planner=f"p@{URL}", joint=f"j@{URL}")
    systems, _ = _asked(options, {"planner": "Others", "joint": "[Others] Hm."}, turns=3)
    assert [one.name for one in systems] == ["planner", "joint"] == asked_names(options)
    assert [len(one.predictions) for one in systems] == [3, 3]
    assert {said.reply for said in systems[0].predictions} == {None}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (SystemOptions(responder="corpus"), "name a --planner, too"),
        (SystemOptions(planner="m"), "needs an API key"),
        (SystemOptions(planner="m@localhost:1"), "needs http://"),
        (SystemOptions(judges=(f"m@{URL}", f"m@{URL}")), "named twice as judge"),
        (SystemOptions(planner=f"m@{URL}", budget_usd=1.0), "has no price"),
    ],
)
def test_models_that_cannot_be_asked_are_refused(options: SystemOptions, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        resolve_pool(options, lambda: ())


def _run(ask: Callable[[int], object], at_once: int = 3) -> list[object]:
    async def answer(job: int) -> object:
        await asyncio.sleep(0)
        return ask(job)

    return asyncio.run(answer_all(answer, range(20), at_once=at_once))


def test_answers_come_in_order_and_no_more_than_so_many_at_once() -> None:
    running: list[int] = []
    most = 0

    async def answer(job: int) -> int:
        nonlocal most
        running.append(job)
        most = max(most, len(running))
        await asyncio.sleep(0.001 * (job % 3))
        running.remove(job)
        return job * job

    assert asyncio.run(answer_all(answer, range(20), at_once=4)) == [job * job for job in range(20)]
    assert most == 4
    assert asyncio.run(answer_all(answer, [], at_once=4)) == []


@pytest.mark.parametrize("error", [EndpointError("nobody there"), BudgetError("the budget is spent")])
def test_first_failure_is_what_is_told(error: Exception) -> None:
    asked = []

    def ask(job: int) -> int:
        asked.append(job)
        if job >= 5:
            raise error
        return job

    with pytest.raises(type(error), match=str(error)):
        _run(ask)
    assert len(asked) < 12


@pytest.mark.parametrize(("name", "prompt"), [("mine", "reasoner/write_trace@1"), ("corpus", None)])
def test_a_trained_reasoner_is_asked_as_the_rows_ask_and_the_baseline_as_a_build_does(
    name: str, prompt: str | None
) -> None:
    spec = load_release("2.1.0").spec
    assert spec.reasoner is not None and spec.reasoning is not None
    model = ModelRef(name=name)
    task = GenerationTask.of(Role.REASONER, model, {(Role.REASONER, model): ScriptedCompleter({})}, spec, None)
    assert spec.reasoning.prompt != spec.reasoner.prompt
    assert task.prompt.id == (prompt or spec.reasoner.prompt)
