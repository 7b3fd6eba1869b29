"""Batches are the longest beginnings that fit, and nothing is left out or in twice."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.models.batch.job import Piece, Room, cut_next

pieces_of = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50), st.floats(0, 5)), max_size=40).map(
    lambda found: [Piece(f"{number:04}", *one) for number, one in enumerate(found)]
)
limits = st.none() | st.integers(1, 200)


@given(pieces=pieces_of, requests=st.integers(1, 12), size=st.integers(1, 200), tokens=limits)
def test_everything_is_cut_into_batches_that_fit(
    pieces: list[Piece], requests: int, size: int, tokens: int | None
) -> None:
    left, cuts = list(pieces), list[list[Piece]]()
    while left:
        cut = cut_next(left, Room(requests, size, tokens))
        assert cut.keys == tuple(piece.key for piece in left[: len(cut.keys)]) != ()
        cuts.append(left[: len(cut.keys)])
        left = left[len(cut.keys) :]
        assert (cut.tokens, cut.short_of_money) == (sum(piece.tokens for piece in cuts[-1]), False)
    assert [piece for some in cuts for piece in some] == pieces
    assert all(_fits(some, requests, size, tokens) or len(some) == 1 for some in cuts)
    for some, following in pairwise(cuts):
        assert not _fits([*some, following[0]], requests, size, tokens), "no batch ends too soon"


def _fits(pieces: list[Piece], requests: int, size: int, tokens: int | None) -> bool:
    small = sum(piece.size for piece in pieces) <= size and len(pieces) <= requests
    return small and (tokens is None or sum(piece.tokens for piece in pieces) <= tokens)


@given(pieces=pieces_of, usd=st.floats(0, 20))
def test_money_is_never_overdrawn(pieces: list[Piece], usd: float) -> None:
    cut = cut_next(pieces, Room(requests=100, size=10**9, usd=usd))
    assert cut.usd == sum(piece.usd for piece in pieces[: len(cut.keys)])
    assert cut.usd <= usd
    assert cut.short_of_money is (len(cut.keys) < len(pieces))
    if cut.short_of_money:
        assert cut.usd + cut.next_usd > usd
