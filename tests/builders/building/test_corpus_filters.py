"""Rows that are held back come out in order, less near-duplicates and what exceeds the balance of strategies."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dialogues import dialogue, seeker, supporter
from support.mining import PANELS, by_task, mined, plan_of, said
from support.panels import sees

from ipm_prefdial.builders.building._corpus_filters import CorpusFilter, pair_quotas, quotas
from ipm_prefdial.builders.mining.candidate import Candidate, Drop, Result
from ipm_prefdial.builders.mining.steps import CorpusStep
from ipm_prefdial.builders.mining.turns import PlacedDialogue, supporter_turns
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.drops import LAYOUTS_1_TO_3, NEVER_A_PAIR, DropReason
from ipm_prefdial.schemas.rows import rows_of
from ipm_prefdial.schemas.spec import BalanceRule
from ipm_prefdial.schemas.strategy import Strategy

Row = dict[str, Any]
RESPONSE, STRATEGY, JOINT = Config.RESPONSE, Config.STRATEGY, Config.JOINT
_LONG = "the kiln went cold on the hill while the tram stood in the hail by the old bench near the gate"


def _kept(
    config: Config,
    number: int,
    *,
    human: Strategy = Strategy.QUESTION,
    inferred: Strategy = Strategy.INFORMATION,
    before: str = "",
    reply: str = "",
    split: Split = Split.TRAIN,
) -> Candidate:
    """A candidate that the judges found worse; another for every number."""
    before = before or f"My kiln number {number} is cold."
    reply = reply or f"Kilns of the kind {number} cool for a day, and {number} more."
    talk = dialogue(seeker(before), supporter(f"Since when is kiln {number} so cold?", human))
    (turn,) = supporter_turns(PlacedDialogue(talk, number, split))
    answers = by_task(
        planner=said(inferred.value),
        responder=said(reply),
        joint=said(f"[{inferred}] {reply}"),
        judge=sees(reply),
        strategy_judge=sees(inferred.value, rejected="strategy_mismatch"),
    )
    return mined(turn, config, answers, plan_of(PANELS)).kept


def _released(
    results: list[Result], *steps: CorpusStep, rule: BalanceRule | None = None, similarity: float = 0.8
) -> tuple[list[tuple[Config, Split, Row]], Counter[tuple[Config, DropReason]]]:
    """The rows in the order in which they come out, and what was dropped on the way."""
    spec = PANELS.model_copy(update={"balance": rule or PANELS.balance, "near_duplicate_pairs": similarity})
    holding = CorpusFilter(spec, steps or (CorpusStep.NEAR_DUPLICATES, CorpusStep.BALANCE))
    for result in results:
        holding.add(result)
    rows: list[tuple[Config, Split, Row]] = []
    dropped = Counter(holding.release(lambda config, split, row: rows.append((config, split, row))))
    for config, _, row in rows:
        rows_of(2)[config].model_validate(row)
    assert len(rows) == len(results)
    return rows, dropped


def _ids(rows: list[tuple[Config, Split, Row]], *, pairs: bool) -> list[str]:
    return [row["row_id"] for config, _, row in rows if (config is not Config.DROPPED) is pairs]


def _row_id(result: Result) -> str:
    return (result.candidate if isinstance(result, Drop) else result).row_id


_LOOSE = BalanceRule(spread=3, least=1, duel=1_000_000)
"""A rule that caps nothing."""


def test_rows_come_out_in_the_order_in_which_they_went_in() -> None:
    results: list[Result] = []
    for number in range(12):
        one = _kept(PAIR_CONFIGS[number % 3], number, split=list(Split)[number % 2])
        results.append(Drop(one, DropReason.REJECTED_SOUND, "so") if number % 4 == 1 else one)
    rows, dropped = _released(results, rule=_LOOSE)
    assert [row["row_id"] for _, _, row in rows] == [_row_id(result) for result in results]
    assert [config for config, _, _ in rows] == [
        Config.DROPPED if isinstance(result, Drop) else result.config for result in results
    ]
    assert [split for _, split, _ in rows] == [list(Split)[number % 2] for number in range(12)]
    assert dropped == Counter()


def test_a_pair_that_is_dropped_here_stays_in_its_place_with_all_that_is_known_of_it() -> None:
    first, second = (_kept(RESPONSE, number, before=_LONG, reply=_LONG) for number in range(2))
    other = _kept(RESPONSE, 2)
    rows, dropped = _released([first, second, other], rule=_LOOSE)
    assert [config for config, _, _ in rows] == [RESPONSE, Config.DROPPED, RESPONSE]
    row = rows[1][2]
    assert (row["reason"], row["detail"]) == ("near_duplicate_pair", f"of row {first.row_id}")
    assert (row["row_id"], row["config"], row["reply"]) == (second.row_id, "response", _LONG)
    assert row["panel"]["votes"] == 1
    assert len(row["judgements"]) == 2
    assert dropped == {(RESPONSE, DropReason.NEAR_DUPLICATE_PAIR): 1}


@pytest.mark.parametrize("config", [RESPONSE, JOINT])
@pytest.mark.parametrize(
    ("splits", "stays"),
    [
        ((Split.TRAIN, Split.TRAIN, Split.TRAIN), 0),
        ((Split.TRAIN, Split.TEST, Split.VALIDATION), 1),
        ((Split.TRAIN, Split.VALIDATION, Split.VALIDATION), 1),
        ((Split.VALIDATION, Split.TRAIN, Split.TEST), 2),
        ((Split.TEST, Split.TEST, Split.TRAIN), 0),
    ],
)
def test_of_near_duplicates_the_first_of_the_most_held_out_split_stays(
    config: Config, splits: tuple[Split, ...], stays: int
) -> None:
    found = [
        _kept(config, number, before=_LONG, reply=f"{_LONG} {number}", split=split)
        for number, split in enumerate(splits)
    ]
    rows, dropped = _released(list(found), CorpusStep.NEAR_DUPLICATES, similarity=0.6)
    assert _ids(rows, pairs=True) == [found[stays].row_id]
    assert {row["detail"] for at, _, row in rows if at is Config.DROPPED} == {f"of row {found[stays].row_id}"}
    assert dropped == {(config, DropReason.NEAR_DUPLICATE_PAIR): 2}


def test_pairs_of_other_configs_other_words_and_strategies_alone_are_no_near_duplicates() -> None:
    same = {"before": _LONG, "reply": _LONG}
    found = [
        _kept(RESPONSE, 0, **same),
        _kept(JOINT, 1, **same),
        *(_kept(STRATEGY, number, before=_LONG) for number in (2, 3)),
        _kept(RESPONSE, 4),
    ]
    rows, dropped = _released(list(found), CorpusStep.NEAR_DUPLICATES)
    assert (len(_ids(rows, pairs=True)), dropped) == (5, Counter())


def test_how_near_is_near_is_the_specs_to_say() -> None:
    words = _LONG.split()
    half = " ".join(words[: len(words) // 2])
    found: list[Result] = [_kept(RESPONSE, 0, before=_LONG, reply=_LONG), _kept(RESPONSE, 1, before=half, reply=_LONG)]
    assert _released(found, CorpusStep.NEAR_DUPLICATES, similarity=0.4)[1].total() == 1
    assert _released(found, CorpusStep.NEAR_DUPLICATES, similarity=1.0)[1].total() == 0


def test_a_drop_is_no_near_duplicate_of_a_pair() -> None:
    found = [_kept(RESPONSE, number, before=_LONG, reply=_LONG) for number in range(2)]
    rows, dropped = _released([Drop(found[0], DropReason.REJECTED_SOUND), found[1]], CorpusStep.NEAR_DUPLICATES)
    assert _ids(rows, pairs=True) == [found[1].row_id]
    assert dropped == Counter()


# The cap.


def _pool(config: Config, kept: dict[Strategy, int], sound: dict[Strategy, int]) -> list[Result]:
    """So many pairs of each strategy that are kept, and so many that the filter let go."""
    results: list[Result] = []
    for strategy in Strategy:
        for _ in range(kept.get(strategy, 0)):
            results.append(_kept(config, len(results), human=strategy, inferred=_other(strategy)))
        for _ in range(sound.get(strategy, 0)):
            one = _kept(config, len(results), human=strategy, inferred=_other(strategy))
            results.append(Drop(one, DropReason.REJECTED_SOUND))
    return results


def _other(strategy: Strategy) -> Strategy:
    return Strategy.OTHERS if strategy is not Strategy.OTHERS else Strategy.QUESTION


def _chosen(rows: list[tuple[Config, Split, Row]]) -> Counter[str]:
    return Counter(row["strategy"] for config, _, row in rows if config is RESPONSE)


def test_a_strategy_that_the_filter_favours_is_cut_to_its_quota_by_row_id() -> None:
    kept, sound = {Strategy.SUGGESTIONS: 9, Strategy.QUESTION: 3}, {Strategy.SUGGESTIONS: 1, Strategy.QUESTION: 7}
    results, rule = _pool(RESPONSE, kept, sound), BalanceRule(spread=0.1, least=0.25, duel=2)
    rows, dropped = _released(results, CorpusStep.BALANCE, rule=rule)
    allowed = quotas(kept, {strategy: kept[strategy] + sound[strategy] for strategy in kept}, rule)
    assert allowed[Strategy.SUGGESTIONS] < 9
    assert _chosen(rows) == {strategy.value: allowed[strategy] for strategy in kept}
    assert dropped == {(RESPONSE, DropReason.STRATEGY_CAP): 9 - allowed[Strategy.SUGGESTIONS]}
    favoured = [
        one.row_id for one in results if isinstance(one, Candidate) and one.turn.strategy is Strategy.SUGGESTIONS
    ]
    out = [row["row_id"] for _, _, row in rows if row.get("reason") == "strategy_cap"]
    assert sorted(out) == sorted(favoured)[allowed[Strategy.SUGGESTIONS] :]
    (detail,) = {row["detail"] for _, _, row in rows if row.get("reason") == "strategy_cap"}
    assert detail == f"{allowed[Strategy.SUGGESTIONS]} of Providing Suggestions stay"


def test_drops_that_were_no_whole_pair_do_not_count_for_the_pool() -> None:
    kept, sound = {Strategy.SUGGESTIONS: 4, Strategy.QUESTION: 4}, {}
    results = _pool(RESPONSE, kept, sound)
    rule = BalanceRule(spread=0.05, least=0.0, duel=2)
    for reason in LAYOUTS_1_TO_3:
        more = [Drop(_kept(RESPONSE, 100 + number, human=Strategy.QUESTION), reason) for number in range(4)]
        rows, _ = _released([*results, *more], CorpusStep.BALANCE, rule=rule)
        assert (_chosen(rows)["Providing Suggestions"] == 4) is (reason in NEVER_A_PAIR), reason


def test_a_duel_is_cut_to_what_its_opposite_allows() -> None:
    one, other = Strategy.SUGGESTIONS, Strategy.QUESTION
    results: list[Result] = [_kept(STRATEGY, number, human=one, inferred=other) for number in range(8)]
    results += [
        Drop(_kept(STRATEGY, 20 + number, human=other, inferred=one), DropReason.REJECTED_SOUND) for number in range(6)
    ]
    results += [_kept(STRATEGY, 30 + number, human=other, inferred=one) for number in range(2)]
    rule = BalanceRule(spread=3, least=1, duel=1.25)
    rows, dropped = _released(results, CorpusStep.BALANCE, rule=rule)
    allowed = pair_quotas({(one, other): 8, (other, one): 2}, {(one, other): 8, (other, one): 8}, rule)
    assert allowed == {(one, other): 3, (other, one): 2}
    found = Counter((row["chosen_strategy"], row["rejected_strategy"]) for config, _, row in rows if config is STRATEGY)
    assert found == {(one.value, other.value): 3, (other.value, one.value): 2}
    assert dropped == {(STRATEGY, DropReason.STRATEGY_CAP): 5}
    assert {row["detail"] for _, _, row in rows if row.get("reason") == "strategy_cap"} == {
        "3 of Providing Suggestions over Question stay"
    }


def test_each_config_is_balanced_by_itself() -> None:
    favoured = {Strategy.SUGGESTIONS: 6, Strategy.QUESTION: 1}
    results = [*_pool(RESPONSE, favoured, {Strategy.QUESTION: 5}), *_pool(JOINT, {Strategy.SUGGESTIONS: 5}, {})]
    _, dropped = _released(results, CorpusStep.BALANCE, rule=BalanceRule(spread=0.1, least=0, duel=1_000))
    assert dropped[RESPONSE, DropReason.STRATEGY_CAP] > 0
    assert (JOINT, DropReason.STRATEGY_CAP) not in dropped


def test_near_duplicates_are_out_before_strategies_are_counted() -> None:
    """Four pairs are one pair four times over; without three of them nothing is out of balance."""
    same = [_kept(RESPONSE, number, human=Strategy.SUGGESTIONS, before=_LONG, reply=_LONG) for number in range(4)]
    others = [_kept(RESPONSE, 10 + number, human=Strategy.QUESTION) for number in range(1)]
    rule = BalanceRule(spread=0.01, least=0, duel=1_000)
    sound = [
        Drop(_kept(RESPONSE, 20 + number, human=Strategy.QUESTION), DropReason.REJECTED_SOUND) for number in range(3)
    ]
    results: list[Result] = [*same, *others, *sound]
    _, dropped = _released(results, CorpusStep.NEAR_DUPLICATES, CorpusStep.BALANCE, rule=rule)
    assert dropped == {(RESPONSE, DropReason.NEAR_DUPLICATE_PAIR): 3}
    _, dropped = _released(results, CorpusStep.BALANCE, rule=rule)
    assert dropped == {(RESPONSE, DropReason.STRATEGY_CAP): 3}


_POOLS = [
    *_pool(RESPONSE, {Strategy.SUGGESTIONS: 5, Strategy.QUESTION: 2, Strategy.OTHERS: 3}, {Strategy.QUESTION: 4}),
    *(
        _kept(STRATEGY, 50 + number, human=human, inferred=inferred)
        for number, (human, inferred) in enumerate(
            4 * [(Strategy.SUGGESTIONS, Strategy.QUESTION)] + [(Strategy.QUESTION, Strategy.SUGGESTIONS)]
        )
    ),
]


@given(st.integers(0, 10**6))
@settings(max_examples=15)
def test_which_pairs_stay_under_the_cap_does_not_hang_on_the_order_in_which_they_came(seed: int) -> None:
    shuffled = list(_POOLS)
    random.Random(seed).shuffle(shuffled)
    rule = BalanceRule(spread=0.1, least=0.1, duel=1.5)
    due, dropped = _released(list(_POOLS), CorpusStep.BALANCE, rule=rule)
    rows, again = _released(shuffled, CorpusStep.BALANCE, rule=rule)
    assert sorted(_ids(rows, pairs=True)) == sorted(_ids(due, pairs=True))
    assert dropped == again
    assert dropped.total() > 0
    assert [row["row_id"] for _, _, row in rows] == [_row_id(result) for result in shuffled]


@given(st.lists(st.tuples(st.integers(0, 11), st.booleans()), max_size=14))
@settings(max_examples=25)
def test_nothing_is_lost_whatever_is_held(some: list[tuple[int, bool]]) -> None:
    results: list[Result] = []
    for number, (which, dropped) in enumerate(some):
        candidate = _CANDIDATES[which]
        placed = replace(candidate.turn.placed, position=number)
        candidate = replace(candidate, turn=replace(candidate.turn, placed=placed))
        results.append(Drop(candidate, DropReason.REJECTED_SOUND) if dropped else candidate)
    rows, gone = _released(results)
    assert [row["row_id"] for _, _, row in rows] == [_row_id(result) for result in results]
    held = sum(isinstance(result, Candidate) for result in results)
    assert sum(config is not Config.DROPPED for config, _, _ in rows) == held - gone.total()


_CANDIDATES = [_kept(PAIR_CONFIGS[number % 3], number, human=list(Strategy)[number % 4]) for number in range(12)]


def test_nothing_held_gives_nothing() -> None:
    assert _released([]) == ([], Counter())
