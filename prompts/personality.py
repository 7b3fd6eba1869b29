"""Personalities for rewriting replies: how they are drawn, and how each trait shows in wording.

The scheme behind PEER's personality-based rewriting was not published (arXiv 2508.09521); this one, after the Big Five,
is our own design. The wording is released with the prompt that states it, and is as frozen.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import get_args

from ..schemas.emotion import Level, Profile

TRAITS = tuple(Profile.model_fields)
LEVELS: tuple[str, ...] = get_args(Level)
_PLAIN = "middle"


def draw_profile(row_id: str, seed: int) -> Profile:
    """The personality for a row, by a digest of its id and the spec's seed; never one without any trait."""
    for attempt in range(256):
        digest = hashlib.sha256(f"{seed}/{row_id}/{attempt}".encode()).digest()
        levels = {trait: LEVELS[digest[at] % len(LEVELS)] for at, trait in enumerate(TRAITS)}
        if set(levels.values()) != {_PLAIN}:
            return Profile.model_validate(levels)
    raise AssertionError("one profile in 243 has no trait")


def wording_of(profile: Profile) -> str:
    """How a reply of this personality is worded: a line for every trait that is low or high."""
    shown = {trait: getattr(profile, trait) for trait in TRAITS}
    return "\n".join(f"- {_written()[trait][level]}" for trait, level in shown.items() if level != _PLAIN)


@lru_cache
def _written() -> Mapping[str, Mapping[str, str]]:
    import yaml  # needed for personalities alone

    text = (files(__package__) / "personality.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)  # type: ignore[no-any-return]
