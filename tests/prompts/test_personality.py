"""Personalities: drawn by row and seed alone, each trait shown in its own words, the seeker never at a loss by it."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.prompts.context import LEVELS, TRAITS, draw_profile, wording_of
from ipm_prefdial.schemas.emotion import Profile

_PLAIN = dict.fromkeys(TRAITS, "middle")


@given(st.text("0123456789abcdef", min_size=32, max_size=32), st.integers(0, 2**63))
def test_a_profile_hangs_on_row_and_seed_alone_and_shows_something(row_id: str, seed: int) -> None:
    profile = draw_profile(row_id, seed)
    assert profile == draw_profile(row_id, seed)
    shown = [trait for trait in TRAITS if getattr(profile, trait) != "middle"]
    assert len(wording_of(profile).splitlines()) == len(shown) > 0


def test_every_level_of_every_trait_is_drawn_about_as_often() -> None:
    drawn = [draw_profile(f"{number:032x}", 7) for number in range(900)]
    for trait in TRAITS:
        counts = Counter(getattr(profile, trait) for profile in drawn)
        assert all(250 <= counts[level] <= 350 for level in LEVELS)


def test_low_and_high_of_every_trait_are_worded_apart() -> None:
    said = {
        wording_of(Profile.model_validate({**_PLAIN, trait: level})) for trait in TRAITS for level in ("low", "high")
    }
    assert len(said) == 2 * len(TRAITS)
    assert wording_of(Profile.model_validate(_PLAIN)) == ""
