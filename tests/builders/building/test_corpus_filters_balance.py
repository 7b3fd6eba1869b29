"""How many pairs of each strategy may stay: never more than there are, and as even as the rule says."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.dialogues import strategies

from ipm_prefdial.builders.building._corpus_filters import pair_quotas, quotas, spread_of
from ipm_prefdial.schemas.spec import BalanceRule
from ipm_prefdial.schemas.strategy import Strategy

_Q, _S, _R, _O = Strategy.QUESTION, Strategy.SUGGESTIONS, Strategy.REFLECTION, Strategy.OTHERS


def _rule(spread: float = 0.1, least: float = 0.0, duel: float = 1.25) -> BalanceRule:
    return BalanceRule(spread=spread, least=least, duel=duel)


@st.composite
def _tables(draw: st.DrawFn) -> tuple[dict[Strategy, int], dict[Strategy, int]]:
    """Pairs kept and the pools that they come from."""
    kept = draw(st.dictionaries(strategies, st.integers(0, 400), max_size=8))
    pool = {strategy: number + draw(st.integers(0 if number else 1, 600)) for strategy, number in kept.items()}
    return kept, pool


_rules = st.builds(_rule, st.floats(0.01, 3), st.floats(0, 1))


@given(_tables(), _rules)
def test_no_quota_exceeds_what_is_kept_and_only_what_is_kept_has_one(
    tables: tuple[dict[Strategy, int], dict[Strategy, int]], rule: BalanceRule
) -> None:
    kept, pool = tables
    allowed = quotas(kept, pool, rule)
    assert allowed.keys() == {strategy for strategy, number in kept.items() if number}
    assert all(0 <= number <= kept[strategy] for strategy, number in allowed.items())


@given(_tables(), st.floats(0.01, 3))
def test_shares_spread_no_further_than_the_rule_allows_but_for_rounding(
    tables: tuple[dict[Strategy, int], dict[Strategy, int]], spread: float
) -> None:
    kept, pool = tables
    allowed = quotas(kept, pool, _rule(spread))
    assume(allowed)
    shares = np.array([number / pool[strategy] for strategy, number in allowed.items()])
    off = np.array([0.5 / pool[strategy] for strategy in allowed])
    if not shares.any():
        return  # so little is kept that every quota rounds to nothing
    # Rounding moves a share by half a pair of its pool at most, and so the deviation and the mean by no more than that.
    assert shares.std() - off.max() <= spread * (shares.mean() + off.max()) + 1e-9


@given(_tables(), st.floats(0.01, 3))
def test_nobody_is_cut_where_nobody_has_to_be(
    tables: tuple[dict[Strategy, int], dict[Strategy, int]], spread: float
) -> None:
    kept, pool = tables
    held = {strategy: number for strategy, number in kept.items() if number}
    assume(held)
    shares = np.array([number / pool[strategy] for strategy, number in held.items()])
    assume(spread_of(shares) <= spread)
    assert quotas(kept, pool, _rule(spread)) == held


@given(_tables(), _rules)
def test_the_least_is_respected_but_for_rounding(
    tables: tuple[dict[Strategy, int], dict[Strategy, int]], rule: BalanceRule
) -> None:
    kept, pool = tables
    allowed = quotas(kept, pool, rule)
    assume(allowed)
    overall = sum(kept[strategy] for strategy in allowed) / sum(pool[strategy] for strategy in allowed)
    for strategy, number in allowed.items():
        assert number >= min(kept[strategy], rule.least * overall * pool[strategy] - 0.5 - 1e-9)


@given(_tables(), st.floats(0.01, 3), st.floats(0.01, 3))
def test_a_stricter_rule_keeps_no_more(
    tables: tuple[dict[Strategy, int], dict[Strategy, int]], one: float, other: float
) -> None:
    strict, loose = (quotas(*tables, _rule(spread)) for spread in sorted((one, other)))
    assert all(strict[strategy] <= loose[strategy] for strategy in strict)


@given(_tables(), _rules, st.permutations(list(Strategy)))
def test_the_order_of_the_tables_makes_no_difference(
    tables: tuple[dict[Strategy, int], dict[Strategy, int]], rule: BalanceRule, order: list[Strategy]
) -> None:
    kept, pool = tables
    shuffled = {strategy: kept[strategy] for strategy in order if strategy in kept}
    assert quotas(shuffled, pool, rule) == quotas(kept, pool, rule)


@pytest.mark.parametrize(
    ("kept", "pool", "rule", "due"),
    [
        ({_Q: 5, _S: 5}, {_Q: 10, _S: 10}, _rule(), {_Q: 5, _S: 5}),
        ({}, {_Q: 10}, _rule(), {}),
        ({_Q: 0, _S: 4}, {_Q: 10, _S: 8}, _rule(), {_S: 4}),
        ({_S: 9}, {_S: 10}, _rule(0.01), {_S: 9}),
        # shares 0.1 and 0.9 of pools of 100: under a cap of c the spread is (c - 0.1) / (c + 0.1), 0.5 at c = 0.3
        ({_Q: 10, _S: 90}, {_Q: 100, _S: 100}, _rule(0.5), {_Q: 10, _S: 30}),
        # the same, but nobody is cut below 0.8 of the share of all, which is 0.5
        ({_Q: 10, _S: 90}, {_Q: 100, _S: 100}, _rule(0.5, 0.8), {_Q: 10, _S: 40}),
        # shares 0.1, 0.5, 0.9: under c = 0.2 they are 0.1, 0.2, 0.2, which spread by 0.2828
        ({_Q: 10, _R: 50, _S: 90}, {_Q: 100, _R: 100, _S: 100}, _rule(0.2829), {_Q: 10, _R: 20, _S: 20}),
    ],
)
def test_quotas_are_what_was_reckoned_by_hand(
    kept: dict[Strategy, int], pool: dict[Strategy, int], rule: BalanceRule, due: dict[Strategy, int]
) -> None:
    assert quotas(kept, pool, rule) == due


# Duels.

_duels = st.tuples(strategies, strategies)


@st.composite
def _duel_tables(
    draw: st.DrawFn,
) -> tuple[dict[tuple[Strategy, Strategy], int], dict[tuple[Strategy, Strategy], int]]:
    kept = draw(st.dictionaries(_duels, st.integers(0, 200), max_size=12))
    pool = {duel: number + draw(st.integers(0, 300)) for duel, number in kept.items()}
    more = draw(st.dictionaries(_duels, st.integers(0, 300), max_size=6))
    return kept, {**more, **pool}


@given(_duel_tables(), st.floats(1, 10))
def test_no_duel_has_more_than_it_keeps_and_at_most_so_much_more_than_its_opposite(
    tables: tuple[dict[tuple[Strategy, Strategy], int], dict[tuple[Strategy, Strategy], int]], most: float
) -> None:
    kept, pool = tables
    allowed = pair_quotas(kept, pool, _rule(duel=most))
    assert allowed.keys() == kept.keys()
    for duel, number in allowed.items():
        opposite = (duel[1], duel[0])
        assert 0 <= number <= kept[duel]
        if duel == opposite:
            assert number == kept[duel]
            continue
        other = (kept.get(opposite, 0) + 0.5) / (pool.get(opposite, 0) + 1)
        assert number + 0.5 <= most * other * (pool[duel] + 1) + 0.5 + 1e-9
        if kept.get(opposite) and number < kept[duel]:
            assert allowed[opposite] == kept[opposite]


@given(_duel_tables())
def test_where_duels_need_no_balance_all_stay(
    tables: tuple[dict[tuple[Strategy, Strategy], int], dict[tuple[Strategy, Strategy], int]],
) -> None:
    kept, pool = tables
    assert pair_quotas(kept, pool, _rule(duel=1_000_000)) == kept


@pytest.mark.parametrize(
    ("kept", "pool", "most", "due"),
    [
        ({(_Q, _S): 5, (_S, _Q): 5}, {(_Q, _S): 10, (_S, _Q): 10}, 1.25, {(_Q, _S): 5, (_S, _Q): 5}),
        # shares 8.5 / 11 and 2.5 / 11: 1.25 times the latter is 3.125 / 11, which is 2.625 pairs and a half
        ({(_Q, _S): 8, (_S, _Q): 2}, {(_Q, _S): 10, (_S, _Q): 10}, 1.25, {(_Q, _S): 3, (_S, _Q): 2}),
        # the opposite was never chosen from: its share is 0.5 / 1
        ({(_Q, _S): 8}, {(_Q, _S): 10}, 1.25, {(_Q, _S): 6}),
        # the opposite was always let go: its share is 0.5 / 101
        ({(_Q, _S): 8}, {(_Q, _S): 10, (_S, _Q): 100}, 1.25, {(_Q, _S): 0}),
        ({(_O, _O): 7}, {(_O, _O): 9}, 1.0, {(_O, _O): 7}),
        ({(_Q, _S): 0, (_S, _Q): 3}, {(_Q, _S): 4, (_S, _Q): 4}, 2.0, {(_Q, _S): 0, (_S, _Q): 0}),
        ({}, {(_Q, _S): 4}, 1.25, {}),
    ],
)
def test_duels_are_what_was_reckoned_by_hand(
    kept: dict[tuple[Strategy, Strategy], int],
    pool: dict[tuple[Strategy, Strategy], int],
    most: float,
    due: dict[tuple[Strategy, Strategy], int],
) -> None:
    assert pair_quotas(kept, pool, _rule(duel=most)) == due
