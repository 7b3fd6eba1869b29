"""Rows that nearly repeat each other count as one, within their config and split, and keep their order."""

import pytest
from support.dialogues import placed, seeker, supporter
from support.mining import plan_of
from support.traces import TRACE

from ipm_prefdial.builders.mining.candidate import Row
from ipm_prefdial.builders.mining.plan import MiningPlan
from ipm_prefdial.builders.mining.turns import supporter_turns
from ipm_prefdial.builders.reasoning.candidate import TraceCandidate
from ipm_prefdial.builders.reasoning.rows import Weighing, difference
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.inference import Ask, Completion, ModelRef, Role, Task
from ipm_prefdial.schemas.rows.reasoning import TraceScore

REASONING = load_release("2.1.0").spec
LONG = "Alone on that bridge in the hail after the last bus had gone, you must have felt forgotten by the whole town"


def _plan() -> MiningPlan:
    return plan_of(REASONING, models={Role.REASONER: (ModelRef(name="r"),)})


def _candidate(reply: str, number: int, split: Split = Split.TRAIN) -> TraceCandidate:
    place = placed(seeker(f"The bus number {number} left."), supporter("And then?"), split=split)
    (turn,) = supporter_turns(place)
    request = next(_plan().requests(Ask(task=Task.REASONER, history=turn.history)))
    outcome = Completion(key=request.key, text=reply, finish_reason="stop")
    trace = TRACE.model_copy(update={"reply": reply})
    return TraceCandidate(Config.REASONING, turn, request, outcome, trace=trace)


def _weighed(*candidates: TraceCandidate) -> list[tuple[str, float]]:
    weighing, rows = Weighing(_plan(), 0.6), list[Row]()
    for candidate in candidates:
        weighing.add(candidate)
    weighing.release(lambda config, split, row: rows.append(row))
    assert [row["row_id"] for row in rows] == [candidate.row_id for candidate in candidates]
    return [(row["completion"][0]["content"].split("<reply>\n")[1][:5], row["weight"]) for row in rows]


def test_a_group_of_near_repeats_weighs_as_one() -> None:
    assert _weighed(
        _candidate(LONG, 1),
        _candidate("What does the choir say to all of this, and who sings with you on Thursdays?", 2),
        _candidate(f"{LONG}!", 3),
        _candidate(f"Oh, {LONG.lower()}", 4),
    ) == [("Alone", 0.333333), ("What ", 1.0), ("Alone", 0.333333), ("Oh, a", 0.333333)]


def test_splits_are_weighed_apart() -> None:
    assert _weighed(_candidate(LONG, 1), _candidate(LONG, 2, Split.TEST)) == [("Alone", 1.0), ("Alone", 1.0)]


def test_nothing_is_weighed_where_nothing_was_kept() -> None:
    assert _weighed() == []


def test_configs_are_weighed_apart() -> None:
    one = _candidate(LONG, 1)
    weighing, rows = Weighing(_plan(), 0.6), list[Row]()
    weighing.add(one)
    weighing.add(one.with_(config=Config.REASONING_STEPS))
    weighing.release(lambda config, split, row: rows.append(row))
    assert [row["weight"] for row in rows] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("chosen", "rejected", "due"),
    [
        ((1.0, 1.0), (0.6667, 1.0), "process"),
        ((1.0, 1.0), (1.0, 0.5), "outcome"),
        ((1.0, 1.0), (0.3333, 0.0), "both"),
        ((1.0, 1.0), (0.7778, 0.6667), None),
        ((0.6667, 1.0), (1.0, 0.0), None),
        ((1.0, 0.0), (0.3333, 1.0), None),
        ((1.0, 1.0), (0.7, 1.0), "process"),
    ],
)
def test_a_difference_is_clear_or_none(
    chosen: tuple[float, float], rejected: tuple[float, float], due: str | None
) -> None:
    rule = REASONING.reasoning
    assert rule is not None
    sides = [TraceScore(process=process, outcome=outcome) for process, outcome in (chosen, rejected)]
    assert difference(sides[0], sides[1], rule) == due
