"""What `--dry-run` tells is never less than what a build then asks."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from servers.chat_server import ChatServer, RawAnswer
from support.panels import comparison
from support.persona import play_role_of_panels
from support.script import scripted_answer, spelt_answer
from support.sources import opened
from support.traces import TEXT

from ipm_prefdial.builders.building._assemble import Assembly, assemble
from ipm_prefdial.builders.building.estimate import estimate
from ipm_prefdial.builders.building.ingest import ingest
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.mining.plan import MiningPlan
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.models.pool import ModelOptions
from ipm_prefdial.builders.release.write import ReleaseWriter
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.errors import EndpointError
from ipm_prefdial.schemas.inference import Completion, ModelRef, Outcome, Request, Role, Task
from ipm_prefdial.schemas.spec import SourceRef
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.trace import Step

DIALOGUES = 4
NOWHERE = "http://127.0.0.1:9/v1"

Answer = Callable[[Request], Outcome]


def _options(
    out: Path, url: str = NOWHERE, *, release: str = "2.1.0", rewrite: bool = True, **models: int
) -> BuildOptions:
    """A build in which invented models play, so many of each role that the release has."""
    traces = () if load_release(release).spec.reasoning is None else ("reasoner", "stylist")
    named = {
        role: tuple(f"{role}{number}@{url}" for number in range(models.get(role, 1)))
        for role in ("planner", "responder", "joint", "judge", *traces)
    }
    return BuildOptions(
        out=out,
        release=release,
        limit=DIALOGUES,
        models=ModelOptions(rewrite=rewrite, **named),  # type: ignore[arg-type]
    )


def _estimated(options: BuildOptions) -> Counter[Role]:
    found: Counter[Role] = Counter()
    for one in estimate(options).roles:
        found[one.role] += one.calls
    return found


def _asked(folder: Path, options: BuildOptions, answer: Answer) -> Counter[Role]:
    """How many distinct calls a build comes to where the models answer like this."""
    released = load_release(options.release).spec
    refs = {
        role: tuple(ModelRef(name=named.partition("@")[0]) for named in options.models.of(role, released))
        for role in Role
        if options.models.of(role, released)
    }
    ingested = ingest([opened("sample")], released, folder / "spool", on_bad="stop", limit=DIALOGUES)
    writer = ReleaseWriter(folder / "tables", released.layout)
    assembly = Assembly(MiningPlan.of(released, refs), steps_of(released), answer, writer)
    assemble(ingested, assembly).counts()
    return Counter({role: usage.calls for role, usage in assembly.usages().items()})


def _as_costly_as_can_be(flaw_of: Callable[[Request], str]) -> Answer:
    """Everything is whole and new, all human replies are flawed, and every rewriting is judged again."""

    def answer(request: Request) -> Outcome:
        ask = request.ask
        strategies = list(Strategy)
        number = request.draw + 3 * int(request.model.name[-1])
        words = (
            f"Another reply of {request.model.name}, draw {'abcdefghij'[request.draw]}, to {len(ask.history)} turns."
        )
        text = {
            Task.PLANNER: strategies[number % 8].value,
            Task.RESPONDER: words,
            Task.JOINT: f"[{strategies[number % 8]}] {words}",
            Task.REWRITER: f"Rewritten because of {ask.error}: {ask.reply}",
            Task.JUDGE: comparison(flaw_of(request), flaw_of(request), "tie"),
            Task.STRATEGY_JUDGE: comparison("strategy_mismatch", "strategy_mismatch", "tie"),
            Task.CRISIS_JUDGE: '{"crisis": "none"}',
            Task.REASONER: TEXT.replace("Alone on that bridge", words),
            Task.STEP_JUDGE: json.dumps(dict.fromkeys(Step, True)),
            Task.STYLIST: f"So: {ask.reply}",
            Task.STYLE_JUDGE: '{"same_strategy": true, "same_facts": true}',
        }[ask.task]
        return Completion(key=request.key, text=text, finish_reason="stop")

    return answer


def _one_flaw(request: Request) -> str:
    return "lack_of_empathy"


def _a_flaw_for_every_pair(request: Request) -> str:
    """Another error for each draw, so that the human's reply is rewritten for each."""
    replies = f"{request.ask.reply} {request.ask.other_reply}"
    flaws = {"draw a": "lack_of_empathy", "draw b": "early_emotion_shift", "draw c": "template_response"}
    return next((flaw for draw, flaw in flaws.items() if draw in replies), "emotion_misread")


@pytest.mark.parametrize(
    ("models", "answer"),
    [
        ({}, spelt_answer),
        ({"judge": 3}, spelt_answer),
        ({"judge": 3}, _as_costly_as_can_be(_one_flaw)),
        ({"judge": 2}, _as_costly_as_can_be(_a_flaw_for_every_pair)),
        ({"planner": 2, "responder": 2, "joint": 2}, _as_costly_as_can_be(_one_flaw)),
    ],
    ids=["as scripted", "a panel", "all flawed", "all flawed otherwise", "two models a role"],
)
def test_a_build_asks_no_more_than_was_estimated(tmp_path: Path, models: dict[str, int], answer: Answer) -> None:
    options = _options(tmp_path / "release", **models)
    estimated, asked = _estimated(options), _asked(tmp_path, options, answer)
    assert asked.keys() == estimated.keys() == set(Role)
    assert {role: (asked[role], estimated[role]) for role in Role if asked[role] > estimated[role]} == {}


def test_where_nearly_all_is_asked_that_can_be_the_estimate_is_nearly_exact(tmp_path: Path) -> None:
    """But for the planner's candidates that name the human's own strategy."""
    options = _options(tmp_path / "release", judge=3)
    estimated, asked = _estimated(options), _asked(tmp_path, options, _as_costly_as_can_be(_one_flaw))
    for role in (Role.PLANNER, Role.RESPONDER, Role.JOINT):
        assert asked[role] == estimated[role] > 0
    # Here all candidates of a turn have one flaw, so the human's reply is rewritten once; each might have its own.
    assert 0 < asked[Role.REWRITER] < estimated[Role.REWRITER]
    assert 0.5 < asked[Role.JUDGE] / estimated[Role.JUDGE] <= 1


def test_without_a_rewriter_none_is_estimated_and_no_second_judging(tmp_path: Path) -> None:
    with_it, without = (_estimated(_options(tmp_path / "release", rewrite=rewrite)) for rewrite in (True, False))
    assert Role.REWRITER in with_it
    assert Role.REWRITER not in without
    assert with_it[Role.JUDGE] > without[Role.JUDGE]
    assert {role: with_it[role] for role in (Role.PLANNER, Role.RESPONDER, Role.JOINT)} == {
        role: without[role] for role in (Role.PLANNER, Role.RESPONDER, Role.JOINT)
    }


def test_the_first_release_is_estimated_as_it_was(tmp_path: Path) -> None:
    options = _options(tmp_path / "release", release="1.0.0", rewrite=False)
    estimated = _estimated(options)
    asked = _asked(tmp_path, options, scripted_answer)
    assert estimated.keys() == {Role.PLANNER, Role.RESPONDER, Role.JOINT, Role.JUDGE}
    assert all(asked[role] <= estimated[role] for role in estimated)


@pytest.mark.slow
def test_what_is_answered_is_not_estimated_again(tmp_path: Path) -> None:
    """A build that broke off: what it has on record costs nothing more."""
    broken = RawAnswer(503, {"error": {"message": "overloaded"}}, {"Retry-After": "0"})
    names = tuple(f"{role}0" for role in Role)
    with ChatServer(play_role_of_panels, models=names) as server:
        options = _options(tmp_path / "release", server.url)
        before = estimate(options)
        assert server.asked.total() == 0
        server.raw = lambda body: broken if len(server.bodies) > 120 else None
        with pytest.raises(EndpointError):
            build(options)
        after = estimate(options)
        answered = len(server.answered)
    assert sum(one.recorded for one in before.roles) == 0
    assert answered >= sum(one.recorded for one in after.roles) > 60
    for one, again in zip(before.roles, after.roles, strict=True):
        assert (one.role, one.model) == (again.role, again.model)
        assert again.recorded + again.new == again.calls <= one.calls, "what is known rules out some of the guesses"
        assert again.new < one.new or not again.recorded
        assert again.prompt_tokens < one.prompt_tokens or not again.recorded


def test_dialogues_that_the_rules_hold_out_or_that_are_barred_cost_no_more_than_their_screening(tmp_path: Path) -> None:
    lines = [
        '{"source": "s", "license": "mit", "turns": [{"speaker": "seeker", "text": "I want to kill myself."}, '
        '{"speaker": "supporter", "text": "Are you safe now?", "strategy": "Question"}]}'
    ]
    (tmp_path / "talks.jsonl").write_text("\n".join(lines) + "\n")
    options = replace(_options(tmp_path / "release", judge=2), sources=(SourceRef(uri=str(tmp_path / "talks.jsonl")),))
    assert +_estimated(options) == {Role.JUDGE: 2}


def test_turns_are_those_that_answer_a_seeker(tmp_path: Path) -> None:
    opening = '{"speaker": "supporter", "text": "What is on your mind today?", "strategy": "Question"}'
    told = '{"speaker": "seeker", "text": "The kiln is cold, and I lost a whole week of work."}'
    answer = '{"speaker": "supporter", "text": "A whole week of work gone, how hard.", "strategy": "Others"}'
    path = tmp_path / "talks.jsonl"
    path.write_text(f'{{"source": "s", "license": "mit", "turns": [{opening}, {told}, {answer}]}}\n')
    assert estimate(replace(_options(tmp_path / "release"), sources=(SourceRef(uri=str(path)),))).turns == 1
