"""The arithmetic of versions: which step leads from one to the next, and whether it is large enough.

Versions are semantic ones, MAJOR.MINOR.PATCH, and rows are the interface: what each step promises stands at `Bump`. The
same holds below 1.0.0, where semver (https://semver.org, item 4) would allow anything: somebody may have trained on it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from .errors import UsageError
from .spec import VERSION


class Bump(StrEnum):
    """How far a version steps; the later ones promise less to whoever has the earlier version."""

    NONE = "none"
    """Nothing is different."""
    PATCH = "patch"
    """Every row is byte-equal; only the card, metadata or the files around the rows differ."""
    MINOR = "minor"
    """Every old row is byte-equal where it was; rows, columns or configs were added."""
    MAJOR = "major"
    """An old row changed, went, or went to another split."""

    def covers(self, needed: "Bump") -> bool:
        """Whether a step of this size is enough for what needs `needed`: a larger one always is."""
        return _SIZES.index(self) >= _SIZES.index(needed)


_SIZES = tuple(Bump)


def largest(bumps: Iterable[Bump]) -> Bump:
    """The largest of some steps; none where there are none."""
    return max(bumps, key=_SIZES.index, default=Bump.NONE)


@dataclass(frozen=True, order=True)
class Version:
    """A version; versions are in the order of their numbers."""

    major: int
    minor: int
    patch: int

    @classmethod
    def of(cls, text: str) -> "Version":
        """The version that `text` states.

        Raises:
            UsageError: it states none.
        """
        found = re.fullmatch(VERSION, text, re.ASCII)
        if found is None:
            raise UsageError(f"{text!r} is no version: give MAJOR.MINOR.PATCH, such as 1.2.0")
        return cls(*(int(number) for number in found.groups()))

    def after(self, bump: Bump) -> "Version":
        """The smallest version that is `bump` or more above this one; itself for none."""
        match bump:
            case Bump.NONE:
                return self
            case Bump.PATCH:
                return Version(self.major, self.minor, self.patch + 1)
            case Bump.MINOR:
                return Version(self.major, self.minor + 1, 0)
            case Bump.MAJOR:
                return Version(self.major + 1, 0, 0)

    def bump_to(self, new: "Version") -> Bump | None:
        """The step from this version to `new`; None where `new` is below."""
        if new < self:
            return None
        if new.major > self.major:
            return Bump.MAJOR
        if new.minor > self.minor:
            return Bump.MINOR
        return Bump.PATCH if new.patch > self.patch else Bump.NONE

    def allows(self, new: "Version", needed: Bump) -> bool:
        """Whether `new` may come after this version where the difference needs a step of `needed`."""
        stated = self.bump_to(new)
        return stated is not None and stated.covers(needed)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"
