"""Batches are the longest beginnings that fit, and nothing is left out or in twice."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.models.batch.job import BatchCapacity, RequestSize, plan_batch

request_sizes = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50), st.floats(0, 5)), max_size=40).map(
    lambda found: [RequestSize(f"{number:04}", *one) for number, one in enumerate(found)]
)
limits = st.none() | st.integers(1, 200)


@given(sizes=request_sizes, requests=st.integers(1, 12), size=st.integers(1, 200), tokens=limits)
def test_everything_is_cut_into_batches_that_fit(
    sizes: list[RequestSize], requests: int, size: int, tokens: int | None
) -> None:
    left, plans = list(sizes), list[list[RequestSize]]()
    while left:
        plan = plan_batch(left, BatchCapacity(requests, size, tokens))
        assert plan.keys == tuple(one.key for one in left[: len(plan.keys)]) != ()
        plans.append(left[: len(plan.keys)])
        left = left[len(plan.keys) :]
        assert (plan.tokens, plan.short_of_money) == (sum(one.tokens for one in plans[-1]), False)
    assert [one for some in plans for one in some] == sizes
    assert all(_fits(some, requests, size, tokens) or len(some) == 1 for some in plans)
    for some, following in pairwise(plans):
        assert not _fits([*some, following[0]], requests, size, tokens), "no batch ends too soon"


def _fits(sizes: list[RequestSize], requests: int, size: int, tokens: int | None) -> bool:
    small = sum(one.size for one in sizes) <= size and len(sizes) <= requests
    return small and (tokens is None or sum(one.tokens for one in sizes) <= tokens)


@given(sizes=request_sizes, usd=st.floats(0, 20))
def test_money_is_never_overdrawn(sizes: list[RequestSize], usd: float) -> None:
    plan = plan_batch(sizes, BatchCapacity(requests=100, size=10**9, usd=usd))
    assert plan.usd == sum(one.usd for one in sizes[: len(plan.keys)])
    assert plan.usd <= usd
    assert plan.short_of_money is (len(plan.keys) < len(sizes))
    if plan.short_of_money:
        assert plan.usd + plan.next_usd > usd
