"""What earlier releases have published answers to: a build that is given them asks only what is new."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..schemas.config import Config
from ..schemas.errors import DataError, LostRowsError
from ..schemas.inference import Failed, Outcome, Request, Role
from ..schemas.manifest import ReusedRecord
from ..schemas.plain_files import is_inside
from .assemble import Seen
from .inference.record import Records
from .published_answers import Published, PublishedAnswers
from .release.fetch import local_release
from .release.layout import tables_sha256
from .release.read import Release
from .release.verify import unfit_rows
from .sources.files import sha256_of


@dataclass(frozen=True)
class Earlier:
    """The releases that `--reuse` names, and the answers in them."""

    places: tuple[str, ...]
    """As the command names them."""
    releases: tuple[Release, ...]
    answers: PublishedAnswers

    def find(self, key: str) -> Published | None:
        """A reply or a final failure; what failed in passing is worth another try."""
        found = self.answers.find(key)
        if found is None or (isinstance(found.outcome, Failed) and found.outcome.transient):
            return None
        return found


@contextmanager
def open_earlier(places: Sequence[str]) -> Iterator[Earlier | None]:
    """The releases in folders or on the Hub, for as long as the context lasts; None where no place is named.

    Raises:
        UsageError: a place is no release, or not one that may be read.
        EndpointError: the Hub cannot be reached.
        DataError: recorded answers are damaged, or are not those that the release was published with.
    """
    if not places:
        yield None
        return
    releases = tuple(_sound(Release(local_release(place)), place) for place in places)
    with PublishedAnswers(releases) as answers:
        for release, place in zip(releases, places, strict=True):
            _check_bytes(release, place)  # again: what was read is what was hashed
        yield Earlier(tuple(places), releases, answers)


def _sound(release: Release, place: str) -> Release:
    """The release, whose completions are whole: answers that were altered would be published anew."""
    _check_bytes(release, place)
    if (wrong := next(unfit_rows(release, Config.COMPLETIONS), None)) is not None:
        raise DataError(f"--reuse {place}: {wrong}; leave this release out")
    return release


def _check_bytes(release: Release, place: str) -> None:
    for path in release.files(Config.COMPLETIONS):
        name = release.name_of(path)
        if not is_inside(release.root, name) or sha256_of(path, release.root) != release.manifest.files[name].sha256:
            raise DataError(f"--reuse {place}: {name}: it is not the file in the manifest; fetch the release again")


class Known(NamedTuple):
    """An answer that need not be asked for."""

    outcome: Outcome
    release: int | None
    """Which of the earlier releases has it, from 0; None where this build's own records do."""


@dataclass
class KnownAnswers:
    """Everything that need not be asked: the build's own records first, then the earlier releases.

    What a release answers is not copied into the records, so that these stay what this build paid for.
    """

    records: Records | None
    """None where a build has not begun yet: then nothing can be put."""
    earlier: Earlier | None = None
    _counted: Seen = field(default_factory=Seen)
    _reused: dict[int, Counter[Role]] = field(default_factory=lambda: defaultdict(Counter))

    def look_up(self, key: str, *, include_transient: bool = False) -> Known | None:
        """What is known under a key; a recorded failure in passing gives way to an earlier release's answer."""
        if (own := self._recorded(key)) is not None:
            return Known(own, None)
        if self.earlier is not None and (published := self.earlier.find(key)) is not None:
            return Known(*published)
        if include_transient and (failed := self._recorded(key, include_transient=True)) is not None:
            return Known(failed, None)
        return None

    def find(self, key: str, *, include_transient: bool = False) -> Outcome | None:
        """The outcome of `look_up`."""
        known = self.look_up(key, include_transient=include_transient)
        return None if known is None else known.outcome

    def put(self, request: Request, outcome: Outcome) -> None:
        """As `Records.put`."""
        assert self.records is not None, "a build that asks has records"
        self.records.put(request, outcome)

    def settle(self, request: Request) -> Outcome:
        """The answer that goes into the tables; where it is an earlier release's, that is counted, once a request.

        Raises:
            LostRowsError: it was never asked.
        """
        known = self.look_up(request.key, include_transient=True)
        if known is None:
            raise LostRowsError(f"the {request.ask.role} was never asked under {request.key}; please report this")
        if known.release is not None and self._counted.add(request.key):
            self._reused[known.release][request.ask.role] += 1
        return known.outcome

    def reused(self) -> tuple[ReusedRecord, ...]:
        """What the manifest says of each earlier release: its name, never its path, and the calls that it spared."""
        if self.earlier is None:
            return ()
        told = zip(self.earlier.places, self.earlier.releases, strict=True)
        return tuple(_record(place, release, self._reused[at]) for at, (place, release) in enumerate(told))

    def _recorded(self, key: str, *, include_transient: bool = False) -> Outcome | None:
        return None if self.records is None else self.records.find(key, include_transient=include_transient)


def _record(place: str, release: Release, calls: Counter[Role]) -> ReusedRecord:
    return ReusedRecord(
        name=Path(place).resolve().name if Path(place).exists() else place,
        version=release.manifest.version,
        sha256=tables_sha256(release.manifest.files),
        calls={role: calls[role] for role in Role if calls[role]},
    )
