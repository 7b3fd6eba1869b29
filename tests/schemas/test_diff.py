"""A diff tells in a line whether the version fits."""

import pytest

from ipm_prefdial.schemas.diff import Diff
from ipm_prefdial.schemas.spec import Bump, Version


@pytest.mark.parametrize(
    ("old", "new", "needs", "verdict"),
    [
        ("1.0.0", "1.0.0", Bump.NONE, "nothing differs: 1.0.0 fits"),
        ("1.0.0", "1.1.0", Bump.NONE, "nothing differs: 1.1.0 fits"),
        (
            "1.0.0",
            "1.1.0",
            Bump.MINOR,
            "1.1.0 fits: the differences need a minor version, and from 1.0.0 that is a minor",
        ),
        (
            "1.0.0",
            "2.0.0",
            Bump.MINOR,
            "2.0.0 fits: the differences need a minor version, and from 1.0.0 that is a major",
        ),
        (
            "1.2.0",
            "1.2.1",
            Bump.MAJOR,
            "1.2.1 does not fit: the differences need a major version, it states a patch one",
        ),
        (
            "1.2.0",
            "1.2.0",
            Bump.PATCH,
            "1.2.0 does not fit: the differences need a patch version, it is the old version's",
        ),
        ("1.2.0", "1.1.9", Bump.PATCH, "1.1.9 does not fit: it is below 1.2.0; 1.2.1 is the smallest that does"),
    ],
)
def test_the_verdict_says_what_is_needed_and_what_would_do(old: str, new: str, needs: Bump, verdict: str) -> None:
    before, after = Version.of(old), Version.of(new)
    diff = Diff(
        old=old,
        new=new,
        needs=needs,
        states=before.bump_to(after),
        fits=before.allows(after, needs),
        smallest=str(before.after(needs)),
        reasons=(),
        configs=(),
        rewritten=(),
        files=(),
    )
    assert diff.verdict.startswith(verdict)
    assert diff.fits or diff.verdict.endswith(f"; {before.after(needs)} is the smallest that does")
