"""Whether anything may be made of a dialogue is settled before any of its turns is asked about."""

from dataclasses import replace

import pytest
from support.dialogues import dialogue, seeker, supporter
from support.mining import PANELS, Answer, by_task, driven, failed, mined, plan_of, said

from ipm_prefdial.builders.building.conversations import gather_answers, replay
from ipm_prefdial.builders.mining.candidate import Drop
from ipm_prefdial.builders.mining.mine import demonstrate
from ipm_prefdial.builders.mining.plan import MiningPlan
from ipm_prefdial.builders.mining.screen import screen
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.mining.turns import PlacedDialogue, supporter_turns
from ipm_prefdial.builders.models.client import ScriptedCompleter
from ipm_prefdial.schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Dialogue, Split
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.inference import Completion, FailureReason, ModelRef, Request, Role, Task
from ipm_prefdial.schemas.rows.layout_2 import FoundCrisis
from ipm_prefdial.schemas.safety import CrisisCategory, CrisisForm

CALM = (seeker("My oven broke, and nobody came."), supporter("When was that?"), seeker("Last week."), supporter("Oh."))
GRAVE = (seeker("My oven broke."), supporter("And now?"), seeker("I want to kill myself."), supporter("I am here."))

NO_JUDGE = PANELS.model_copy(update={"crisis_judge": None})
CORPUS_JUDGE = {Role.JUDGE: (ModelRef(name="corpus", revision="f00"),)}
SIGHT = '{"crisis": "abuse", "turn": 2, "rationale": "It is said there."}'
NOTHING = '{"crisis": "none", "turn": null, "rationale": "An oven."}'


def _placed(*turns: object, split: Split = Split.TRAIN, situation: str | None = None, **more: object) -> PlacedDialogue:
    one = dialogue(*turns)  # type: ignore[arg-type]
    return PlacedDialogue(
        Dialogue(source=one.source, license=one.license, turns=one.turns, situation=situation), 0, split, **more
    )  # type: ignore[arg-type]


def _screened(
    placed: PlacedDialogue, judge: Answer | None = None, plan: MiningPlan | None = None
) -> tuple[PlacedDialogue, list[tuple[Request, ...]]]:
    """The dialogue as it comes out, and what was asked."""
    done = driven(screen(placed, plan or plan_of(PANELS)), by_task(crisis_judge=judge))  # type: ignore[arg-type]
    return done.results, done.rounds  # type: ignore[return-value]


def test_a_calm_dialogue_comes_out_as_it_went_in() -> None:
    placed = _placed(*CALM)
    found, asked = _screened(placed, said(NOTHING))
    assert found == placed
    assert found.barred is None
    assert [[one.ask.task for one in round_] for round_ in asked] == [[Task.CRISIS_JUDGE]]


@pytest.mark.parametrize("split", Split)
def test_what_the_rules_find_is_held_out_in_the_test_split(split: Split) -> None:
    found, asked = _screened(_placed(*GRAVE, split=split), plan=plan_of(NO_JUDGE))
    assert asked == []
    assert found.split is Split.TEST
    assert found.barred == (DropReason.CRISIS, "self_harm")
    (one,) = found.findings
    assert (one.turn, one.category, one.form) == (2, CrisisCategory.SELF_HARM, CrisisForm.EXPLICIT)
    assert one.rule
    assert (one.judge, one.rationale, one.raw, one.request_key) == (None, None, None, None)


def test_only_the_seekers_turns_and_the_situation_are_looked_at_by_rule() -> None:
    turns = (seeker("My oven broke."), supporter("Do you want to kill yourself?"), seeker("No, why?"), supporter("Oh."))
    found, _ = _screened(_placed(*turns), plan=plan_of(NO_JUDGE))
    assert found.barred is None
    found, _ = _screened(_placed(*CALM, situation="I want to kill myself."), plan=plan_of(NO_JUDGE))
    assert [one.turn for one in found.findings] == [None]
    assert found.barred == (DropReason.CRISIS, "self_harm")


def test_a_yes_to_a_question_about_it_is_found() -> None:
    turns = (
        seeker("It is too much."),
        supporter("Do you think of killing yourself?"),
        seeker("Yes."),
        supporter("Oh."),
    )
    found, _ = _screened(_placed(*turns), plan=plan_of(NO_JUDGE))
    assert [one.turn for one in found.findings] == [2]


def test_every_sign_is_kept_in_the_order_of_the_dialogue_with_the_judges_after_the_rules() -> None:
    turns = (*GRAVE, seeker("He hits me when he drinks."), supporter("Oh."))
    found, _ = _screened(_placed(*turns, situation="I want to die."), said(SIGHT))
    assert [(one.turn, one.rule is None) for one in found.findings] == [
        (2, False),
        (4, False),
        (None, False),
        (2, True),
    ]
    assert found.barred == (DropReason.CRISIS, "self_harm")


def test_a_judge_that_sees_a_crisis_is_enough() -> None:
    found, (asked,) = _screened(_placed(*CALM), said(SIGHT))
    assert found.split is Split.TEST
    assert found.barred == (DropReason.CRISIS, "abuse")
    assert found.findings == (
        FoundCrisis(
            turn=2,
            category=CrisisCategory.ABUSE,
            form=None,
            rule=None,
            said_to_be_past=False,
            judge="the-judge",
            rationale="It is said there.",
            raw=SIGHT,
            request_key=asked[0].key,
        ),
    )


@pytest.mark.parametrize(
    ("judge", "raw"),
    [
        (said("I would rather not say."), "I would rather not say."),
        (said('{"crisis": "perhaps"}'), '{"crisis": "perhaps"}'),
        (said(""), ""),
        (said('{"crisis": "no', "length"), '{"crisis": "no'),
        (failed(FailureReason.TIMEOUT), None),
        (failed(FailureReason.REFUSED), None),
    ],
)
def test_a_judge_that_cannot_be_read_leaves_the_dialogue_to_human_eyes(judge: Answer, raw: str | None) -> None:
    found, (asked,) = _screened(_placed(*CALM), judge)
    assert found.split is Split.TEST
    assert found.barred == (DropReason.CRISIS, "a judge gave no answer that can be read")
    (one,) = found.findings
    assert (one.category, one.turn, one.rationale) == (None, None, None)
    assert (one.judge, one.raw, one.request_key) == ("the-judge", raw, asked[0].key)


NEXT = PANELS.model_copy(update={"layout": 4})


def test_in_the_next_layout_an_unread_dialogue_has_a_name_of_its_own() -> None:
    found, _ = _screened(_placed(*CALM), said("I would rather not say."), plan_of(NEXT))
    assert found.barred == (DropReason.CRISIS_UNREAD, "a judge gave no answer that can be read")
    assert found.split is Split.TEST and len(found.findings) == 1


@pytest.mark.parametrize("turns", [CALM, GRAVE])
def test_in_the_next_layout_one_who_sees_a_crisis_is_enough_whoever_else_cannot_be_read(turns: tuple[object]) -> None:
    models = {Role.JUDGE: (ModelRef(name="mute"), ModelRef(name="sees"))}

    def judge(request: Request) -> Completion:
        text = "Sorry." if request.model.name == "mute" else SIGHT
        return Completion(key=request.key, text=text, finish_reason="stop")

    found, _ = _screened(_placed(*turns), judge, plan_of(NEXT, models=models))
    assert found.barred == (DropReason.CRISIS, "abuse" if turns is CALM else "self_harm")
    assert sum(one.category is None for one in found.findings) == 1


def test_every_judge_reads_the_whole_dialogue_and_one_of_them_is_enough() -> None:
    models = {Role.JUDGE: (ModelRef(name="one"), ModelRef(name="two", revision="r2"))}
    placed = _placed(*CALM)
    found, (asked,) = _screened(
        placed,
        lambda request: said(SIGHT if request.model.name == "two" else NOTHING)(request),
        plan_of(PANELS, models=models),
    )
    assert [one.model.name for one in asked] == ["one", "two"]
    assert {one.ask.history for one in asked} == {placed.dialogue.turns}
    lines = asked[0].messages[-1]["content"].split("\n")
    assert lines == [
        "0. seeker: My oven broke, and nobody came.",
        "1. supporter: When was that?",
        "2. seeker: Last week.",
        "3. supporter: Oh.",
    ]
    assert [one.judge for one in found.findings] == ["two#r2"]


def test_the_embedded_judge_is_never_asked() -> None:
    found, asked = _screened(_placed(*CALM), plan=plan_of(PANELS, models=CORPUS_JUDGE))
    assert (asked, found.barred) == ([], None)
    both = {Role.JUDGE: (*CORPUS_JUDGE[Role.JUDGE], ModelRef(name="one"))}
    _, (asked_of,) = _screened(_placed(*CALM), said(NOTHING), plan_of(PANELS, models=both))
    assert [one.model.name for one in asked_of] == ["one"]


def test_a_release_that_keeps_such_dialogues_looks_at_none() -> None:
    found, asked = _screened(_placed(*GRAVE), plan=plan_of())
    assert (asked, found.barred, found.findings, found.split) == ([], None, (), Split.TRAIN)


def test_what_was_found_at_intake_is_not_looked_for_again() -> None:
    found, _ = _screened(_placed(*GRAVE, by_rule=()), plan=plan_of(NO_JUDGE))
    assert found.barred is None
    known, _ = _screened(_placed(*GRAVE), plan=plan_of(NO_JUDGE))
    found, _ = _screened(_placed(*CALM, by_rule=known.findings), plan=plan_of(NO_JUDGE))
    assert found.findings == known.findings


@pytest.mark.parametrize(
    ("turns", "more", "reason", "detail"),
    [
        (GRAVE, {"contaminated_by": "exam", "repeats": "0" * 16}, DropReason.CRISIS, "self_harm"),
        (CALM, {"contaminated_by": "exam", "repeats": "0" * 16}, DropReason.CONTAMINATED, "exam"),
        (CALM, {"repeats": "0" * 16}, DropReason.REPEATED_DIALOGUE, f"of dialogue {'0' * 16}"),
    ],
)
def test_a_crisis_comes_before_a_benchmark_and_that_before_a_repetition(
    turns: tuple[object, ...], more: dict[str, object], reason: DropReason, detail: str
) -> None:
    found, _ = _screened(_placed(*turns, **more), said(NOTHING))
    assert found.barred == (reason, detail)
    assert found.split is (Split.TEST if reason is DropReason.CRISIS else Split.TRAIN)


def test_a_repetition_bars_nothing_where_the_release_takes_them() -> None:
    spec = PANELS.model_copy(update={"drop_repeated_dialogues": False})
    assert _screened(_placed(*CALM, repeats="0" * 16), said(NOTHING), plan_of(spec))[0].barred is None


@pytest.mark.parametrize("config", [*PAIR_CONFIGS, *SFT_CONFIGS])
def test_nothing_is_asked_about_the_turns_of_a_barred_dialogue(config: Config) -> None:
    barred, _ = _screened(_placed(supporter("Hello."), *GRAVE), plan=plan_of(NO_JUDGE))
    for turn in supporter_turns(barred):
        if config in SFT_CONFIGS:
            results = (demonstrate(turn, config, steps_of(PANELS).of_turns),)
        else:
            outcome = mined(turn, config, by_task(), plan_of(PANELS, draws=3))
            assert outcome.rounds == []
            results = outcome.results  # type: ignore[assignment]
        for result in results:
            assert isinstance(result, Drop)
            assert (result.reason, result.detail) == (DropReason.CRISIS, "self_harm")


async def test_a_build_screens_every_dialogue_first_and_mines_no_turn_of_a_barred_one() -> None:
    """Of three dialogues the judge holds out the second; the third is a repetition."""
    calm = [
        replace(_placed(seeker(f"Oven {number} broke."), supporter("Since when?")), position=number)
        for number in range(3)
    ]
    placed = [calm[0], calm[1], replace(calm[2], repeats="0" * 16)]

    def answer(request: Request) -> str:
        held_out = "Oven 1" in request.messages[-1]["content"]
        return (SIGHT if held_out else NOTHING) if request.ask.task is Task.CRISIS_JUDGE else "no reply"

    plan, model, turns = plan_of(PANELS), ScriptedCompleter(answer), []
    completers = {(role, ref): model for role, refs in plan.models.items() for ref in refs}
    steps = steps_of(PANELS)
    await gather_answers(placed, plan, steps, completers, turns_at_once=2, on_turn=lambda: turns.append(1))
    tasks = [request.ask.task for request in model.requests]
    assert tasks[:3] == [Task.CRISIS_JUDGE] * 3
    assert Task.CRISIS_JUDGE not in tasks[3:]
    mined_texts = {request.ask.history[0].text for request in model.requests[3:]}
    assert mined_texts == {"Oven 0 broke."}
    assert len(turns) == 3


def test_a_screening_can_be_replayed() -> None:
    placed = _placed(*CALM)
    assert replay(screen(placed, plan_of(PANELS)), said(SIGHT)) == _screened(placed, said(SIGHT))[0]
