"""Baselines learn from the training dialogues alone, and the better ones beat the worse on what they were made for."""

from pathlib import Path

from support.dialogues import dialogue, seeker, supporter
from support.releases import shared_release

from ipm_prefdial.recipes.evaluate.baselines import BASELINES, LINEAR, MAJORITY, _previous, baselines
from ipm_prefdial.recipes.evaluate.held_out import HumanTurn, evaluated_release, held_out_turns, training_dialogues
from ipm_prefdial.schemas.dialogue import Dialogue, Split
from ipm_prefdial.schemas.strategy import Strategy

_CUES = {
    Strategy.QUESTION: "The kiln broke in the hail.",
    Strategy.SUGGESTIONS: "What could be done about the tram?",
    Strategy.AFFIRMATION: "Nobody thinks that it was good work.",
}


def _dialogue(number: int) -> Dialogue:
    """A dialogue whose strategies follow from the seeker's words; questions are the most frequent."""
    asked = [Strategy.QUESTION, Strategy.SUGGESTIONS, Strategy.QUESTION, Strategy.AFFIRMATION]
    turns = [
        turn
        for at, strategy in enumerate(asked)
        for turn in (
            seeker(f"{_CUES[strategy]} It is day {number} {at}."),
            supporter(f"Reply {number} {at}.", strategy),
        )
    ]
    return dialogue(*turns)


def _turns(of: Dialogue) -> list[HumanTurn]:
    return [
        HumanTurn(of.dialogue_id, at, of.turns[:at], turn.strategy, turn.text)
        for at, turn in enumerate(of.turns)
        if turn.strategy is not None
    ]


def test_linear_model_and_planner_learn_what_the_majority_cannot() -> None:
    found = baselines([_dialogue(number) for number in range(12)], _turns(_dialogue(99)))
    assert tuple(one.name for one in found) == BASELINES
    right = {
        one.name: sum(said.strategy is said.gold_strategy for said in one.predictions) / len(one.predictions)
        for one in found
    }
    assert right[MAJORITY] == 0.5
    assert right[LINEAR] == 1
    assert {said.strategy for said in found[0].predictions} == {Strategy.QUESTION}
    assert all(one.kind == "baseline" and said.reply is None for one in found for said in one.predictions)


def test_one_strategy_and_no_dialogues_at_all_are_no_trouble() -> None:
    alone = dialogue(seeker("The hail."), supporter("Where?", Strategy.QUESTION))
    named = {said.strategy for one in baselines([alone], _turns(_dialogue(1))) for said in one.predictions}
    assert Strategy.QUESTION in named
    assert baselines([], _turns(_dialogue(1))) == ()


def test_baselines_of_a_release_are_repeatable_and_are_asked_at_its_test_turns() -> None:
    release = evaluated_release(str(shared_release().root))
    turns = held_out_turns(release, Split.TEST)
    training = tuple(training_dialogues(release))
    assert {turn.dialogue_id for turn in turns}.isdisjoint(one.dialogue_id for one in training)
    once, again = baselines(training, turns), baselines(training, turns)
    assert once == again
    assert [said.place for said in once[0].predictions] == [(turn.dialogue_id, turn.index) for turn in turns]


def test_first_dialogues_alone_where_few_are_wanted(tmp_path: Path) -> None:
    release = evaluated_release(str(shared_release().root))
    few, every = held_out_turns(release, Split.TEST, 2), held_out_turns(release, Split.TEST)
    assert len({turn.dialogue_id for turn in few}) == 2
    assert few == every[: len(few)]


def test_the_linear_model_knows_the_last_strategy_from_the_one_before_it() -> None:
    turns = _dialogue(1).turns
    assert _previous([turns[:1], turns[:2], turns[:8]]) == [
        {},
        {"1 before": "Question"},
        {"1 before": "Affirmation and Reassurance", "2 before": "Question"},
    ]
