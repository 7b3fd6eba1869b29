"""`verify`: rebuilds a release from its own manifest, dialogues and completions, without a network, and compares."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...cards.pictures import PICTURES
from ...prompts.library import locked
from ...schemas.audit import AUDIT_FILE as AUDIT
from ...schemas.config import Config
from ...schemas.errors import DataError, PrefDialError, UsageError
from ...schemas.files import read_inside, write_whole
from ...schemas.inference import Outcome, Request
from ...schemas.manifest import Manifest
from ...schemas.publishing import PUBLISHING_FILE as PUBLISHING
from ...schemas.review import REVIEW_FILE as REVIEW
from ...schemas.study import STUDY_FILE as VALIDATION
from ..mining.plan import MiningPlan
from ..mining.steps import steps_of
from ..mining.turns import PlacedDialogue
from ..release.differences import (
    Difference,
    changed_files,
    changed_inputs,
    compare_with_rebuild,
    unfit_rows,
    written_by_another,
)
from ..release.layout import CHANGELOG, MAINTAINERS, MANIFEST
from ..release.read import Release, placed_dialogues
from ..release.splits import SplitPlan, Splits
from ..release.write import ReleaseWriter
from ..specs.released import load_release, versions
from ._assemble import Assembly, Find, Provenance, assemble, finish_release
from .reuse import PublishedAnswers

# The configs that a rebuild reads.
_INPUTS = (Config.DIALOGUES, Config.CRISIS_HOLDOUT, Config.COMPLETIONS)


@dataclass(frozen=True)
class Verification:
    """The result of `verify`."""

    differences: tuple[Difference, ...]
    other_writer: str | None
    """The Parquet writer of the release if another one is installed: then rows were compared, not bytes."""
    rows: int
    """The number of rebuilt rows."""

    @property
    def clean(self) -> bool:
        """Whether the rebuild is equal to the release."""
        return not self.differences


def verify_release(root: Path) -> Verification:
    """Rebuilds the release in `root` in a temporary folder and returns every difference."""
    release = Release(root)
    differences = [*changed_files(release), *_changed_recipe(release.manifest)]
    unfit = [one for config in _INPUTS for one in unfit_rows(release, config)]
    differences += [*unfit, *(one for config in _INPUTS for one in changed_inputs(release, config))]
    try:
        if unfit:
            raise DataError("not tried, because rows that it reads are malformed")
        with tempfile.TemporaryDirectory(prefix="ipm-prefdial-verify-") as folder:
            rebuilt = rebuild(release, Path(folder) / root.name)
            differences += compare_with_rebuild(release, rebuilt)
            other_writer = written_by_another(release, rebuilt)
            rows = sum(record.rows or 0 for record in rebuilt.manifest.files.values())
    except PrefDialError as error:
        differences.append(Difference(file="the rebuild", what=str(error)))
        other_writer, rows = None, 0
    return Verification(tuple(dict.fromkeys(differences)), other_writer, rows)


def rebuild(release: Release, root: Path) -> Release:
    """Rebuilds a release in `root` from its own files alone."""
    manifest = release.manifest
    root.mkdir(parents=True)
    plan = MiningPlan.of(
        manifest.spec,
        {role: tuple(one.ref for one in records) for role, records in manifest.models.items()},
        manifest.tokens,
    )
    splits = _splits(release)
    with PublishedAnswers([release]) as answers:
        assembly = Assembly(
            plan, steps_of(manifest.spec), _answered(answers), ReleaseWriter(root, manifest.spec.layout)
        )
        assemble(_with_split(release, splits), assembly)
        provenance = Provenance(
            spec=manifest.spec,
            spec_sha256=manifest.spec_sha256,
            limit=manifest.limit,
            sources=manifest.sources,
            benchmarks=manifest.benchmarks,
            models=manifest.models,
            licenses=splits.licenses,
            run=manifest.run,
            repo=manifest.repo,
            tokens=manifest.tokens,
        )
        _copy_unrebuilt(release.root, root)
        finish_release(root, assembly, splits.decided, provenance)
    return Release(root)


def _answered(answers: PublishedAnswers) -> Find:
    """A function that finds the recorded answer to a request, and raises `DataError` if there is none."""

    def find(request: Request) -> Outcome:
        found = answers.find(request.key)
        if found is None:
            role, model = request.ask.role, request.model
            raise DataError(
                f"data/completions: no answer of the {role} {model} (draw {request.draw}) under key {request.key}: "
                "a prompt, the spec or a dialogue is not what the release was built with"
            )
        return found.outcome

    return find


# Files that the card shows, and that a rebuild cannot make or need not make to check the rows.
_NOT_REBUILT = (REVIEW, AUDIT, VALIDATION, PUBLISHING, CHANGELOG, MAINTAINERS, *PICTURES)


# Takes what the card shows beside the tables over into a rebuild, so that its card can be the same.
def _copy_unrebuilt(release: Path, root: Path) -> None:
    for name in _NOT_REBUILT:
        if (data := read_inside(release, name)) is not None:
            (root / name).parent.mkdir(exist_ok=True)
            write_whole(root / name, data)


@dataclass(frozen=True)
class _Rebuilt:
    decided: Splits
    licenses: frozenset[str]


# Decides the splits again, from the words of the dialogues.
def _splits(release: Release) -> _Rebuilt:
    plan, licenses = SplitPlan(release.manifest.spec.splits), set()
    for placed in placed_dialogues(release):
        plan.add(placed.dialogue)
        licenses.add(placed.dialogue.license)
    return _Rebuilt(plan.decide(), frozenset(licenses))


def _with_split(release: Release, splits: _Rebuilt) -> Iterator[PlacedDialogue]:
    rows = zip(placed_dialogues(release), splits.decided.splits, splits.decided.repeats(), strict=True)
    for placed, split, repeats in rows:
        yield PlacedDialogue(placed.dialogue, placed.position, split, repeats, placed.contaminated_by)


# Differences between spec and prompts and those that were released under their ids.
def _changed_recipe(manifest: Manifest) -> Iterator[Difference]:
    if manifest.version != manifest.spec.version:
        yield Difference(file=MANIFEST, what=f"version: differs from its spec's, {manifest.spec.version}")
    if manifest.spec.version in versions():
        yield from _changed_spec(manifest)
    for prompt, sha256 in manifest.prompts.items():
        if locked().get(prompt) != sha256:
            yield Difference(file=MANIFEST, what=f"prompts: {prompt} differs from the prompt released under this id")


def _changed_spec(manifest: Manifest) -> Iterator[Difference]:
    try:
        released = load_release(manifest.spec.version)
    except UsageError as error:
        yield Difference(file="the installed spec", what=str(error))
        return
    if released.sha256 != manifest.spec_sha256:
        yield Difference(file=MANIFEST, what=f"spec_sha256: differs from that of the released {manifest.spec.version}")
    for field in type(manifest.spec).model_fields:
        if field != "sources" and getattr(manifest.spec, field) != getattr(released.spec, field):
            yield Difference(file=MANIFEST, what=f"spec.{field}: differs from the released {manifest.spec.version}")
