"""The build: sources → dialogues → answers → tables → a release that has passed its own validation.

There are two passes over the turns. The first records the answer to every request, in the order in which answers come;
the second assembles the tables from the records alone, in source order. So a slow answer delays no other, memory holds
neither answers nor rows, a stopped build continues from its records, and `verify` can repeat the second pass for ever.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...schemas.errors import DataError, UsageError
from ...schemas.inference import is_reward_model
from ...schemas.manifest import Manifest, RunRecord
from ...schemas.spec import SourceRef
from ..mining.plan import MiningPlan
from ..mining.steps import steps_of
from ..models.budget import Snapshot
from ..models.pool import ModelOptions, ModelPool, resolve_models
from ..models.record import Records
from ..release.read import Release
from ..release.validate import validate_release
from ..release.write import ReleaseWriter, disk_errors
from ..runtime.environment import Engine, git_commit, package_versions, python_version
from ..runtime.progress import NoProgress, Progress
from ..sources.source import Source, open_source
from ..specs.released import ReleasedSpec, load_release
from ._assemble import Assembly, Provenance, finish_release
from .collect import Collector, RunState, batches_of
from .failures import FailureTally
from .ingest import Ingested, OnBadDialogue, ingest, read_benchmarks
from .reuse import KnownAnswers, open_earlier
from .workspace import Clock, Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildOptions:
    """The options of a build: release, sources and models."""

    out: Path
    """The folder of the release."""
    release: str = "1.0.0"
    """A released version, or the path of your own spec."""
    sources: tuple[SourceRef, ...] = ()
    """In place of the spec's own, if there are any."""
    models: ModelOptions = field(default_factory=ModelOptions)
    """The model of each role, and its limits."""
    limit: int | None = None
    """The maximum number of dialogues to read."""
    on_bad: OnBadDialogue = "stop"
    """The treatment of records that are not dialogues."""
    benchmarks: tuple[str, ...] = ()
    """Benchmarks that the release must not overlap with: files, folders or Hub ids."""
    engine: Engine = field(default_factory=Engine)
    """The engine of the model calls."""
    reuse: tuple[str, ...] = ()
    """Earlier releases whose recorded answers are used in place of calls: folders or repos of the Hub."""
    accept_failures: float | None = None
    """The share (0 to 1) of a role's answers that may be unusable; None is the default of `failures`."""
    retry_failed: bool = False
    """Whether to repeat calls that failed for good in earlier runs of the build."""
    force: bool = False
    """Whether to replace an existing release."""

    def __post_init__(self) -> None:
        if self.accept_failures is not None and not 0 <= self.accept_failures <= 1:
            raise UsageError(f"--accept-failures {self.accept_failures:g}: a share is from 0 to 1")
        if self.engine.ray and any(is_reward_model(judge) for judge in self.models.judge):
            raise UsageError(
                "--engine ray and --judge reward:DIR: the reward model runs in the command's own process; leave one of "
                "the two out"
            )
        if self.engine.ray and self.models.batch:
            raise UsageError(
                "--engine ray and --mode batch: the provider runs batches, so a cluster has nothing to do; leave one "
                "of the two out"
            )


@dataclass(frozen=True)
class Prepared:
    """A build before its first model call."""

    released: ReleasedSpec
    sources: tuple[Source, ...]
    ingested: Ingested
    pool: ModelPool
    plan: MiningPlan


Collect = Callable[[Prepared, BuildOptions, RunState, Progress], dict[str, Snapshot]]
"""Records the answer to every request of a build, and returns the counters of every model."""


def collect_here(prepared: Prepared, options: BuildOptions, state: RunState, progress: Progress) -> dict[str, Snapshot]:
    """Collects the answers in this process."""
    accept = options.accept_failures
    Collector(prepared.pool, prepared.ingested, prepared.plan, state, progress, accept).collect()
    return prepared.pool.snapshots()


def build(options: BuildOptions, progress: Progress | None = None, collect: Collect = collect_here) -> Manifest:
    """Builds the release, and moves it to `options.out` when it is complete and valid.

    Args:
        options: what to build.
        progress: shows the stages; None shows nothing.
        collect: how answers are collected; `distributed.run.build_release` chooses by the engine.

    Raises:
        UsageError: the command, a source or the output folder is wrong; no model was called.
        EndpointError: an endpoint failed; the same command continues where it stopped.
        BudgetError: the budget is spent; the same command with a larger one continues.
        UnusableAnswersError: a role can use too few of its answers; all of them are kept, and `options.out` is
            unchanged.
    """
    if options.engine.ray and collect is collect_here:
        raise ValueError("engine: Ray collects answers through distributed.run.build_release")
    progress = progress or NoProgress()
    workspace, clock = Workspace(options.out), Clock()
    sources = open_sources(options)  # first, so that a wrong source leaves no workspace behind
    workspace.open(force=options.force)
    with (
        disk_errors(workspace.root),
        Records(workspace.records) as records,
        workspace.timed(clock),
        batches_of(workspace, options.models) as ledger,
        open_earlier(options.reuse) as earlier,
    ):
        workspace.clear()  # not before the records are open, which lock the workspace
        if options.retry_failed:
            records.forget_failures()
        prepared = prepare(options, sources, workspace.spool, progress)
        run_state = RunState(records, KnownAnswers(records, earlier), ledger)
        endpoints = collect(prepared, options, run_state, progress)
        records.flush()
        tally = FailureTally(prepared.plan, options.accept_failures)
        assembly = _assemble(prepared, run_state.known, workspace.release, progress, tally)
        tally.check(complete=True)
        run = _run_record(prepared.pool, run_state, clock, endpoints, tally, options.accept_failures)
        provenance = _provenance(options, prepared, run)
        manifest = finish_release(workspace.release, assembly, prepared.ingested.splits, provenance)
        _validate(workspace.release, progress)
    with disk_errors(workspace.out):
        workspace.publish()
    return manifest


def open_sources(options: BuildOptions) -> tuple[Source, ...]:
    """The sources that the command names, or the spec's."""
    released = load_release(options.release)
    return tuple(open_source(ref) for ref in options.sources or released.spec.sources)


def prepare(options: BuildOptions, sources: Sequence[Source], spool: Path, progress: Progress) -> Prepared:
    """Reads the sources and chooses the models; makes no model call."""
    released = load_release(options.release)
    progress.stage("reading sources", None)
    if options.benchmarks and released.spec.overlap_words is None:
        raise UsageError(f"release {released.spec.version} has no rule for benchmarks; leave --decontaminate out")
    benchmarks = read_benchmarks(options.benchmarks, released.spec.overlap_words or 0)
    ingested = ingest(sources, released.spec, spool, on_bad=options.on_bad, limit=options.limit, benchmarks=benchmarks)
    log.info("%d dialogues from %d sources", sum(one.dialogues for one in ingested.sources), len(sources))
    pool = resolve_models(options.models, released.spec, ingested, progress.stage)
    plan = MiningPlan.of(released.spec, pool.models, options.models.tokens)
    return Prepared(released, tuple(sources), ingested, pool, plan)


# The tables below `root`, from recorded answers alone; `tally` counts them.
def _assemble(prepared: Prepared, known: KnownAnswers, root: Path, progress: Progress, tally: FailureTally) -> Assembly:
    spec = prepared.plan.spec
    assembly = Assembly(
        prepared.plan, steps_of(spec), known.settle, ReleaseWriter(root, spec.layout), on_answer=tally.count
    )
    progress.stage("writing tables", len(prepared.ingested.splits.ids))
    for placed in prepared.ingested:
        assembly.add(placed)
        progress.advance()
    return assembly


def _provenance(options: BuildOptions, prepared: Prepared, run: RunRecord) -> Provenance:
    pinned = tuple(
        SourceRef(uri=source.uri, sha256=source.sha256, license=source.license) for source in prepared.sources
    )
    return Provenance(
        spec=prepared.plan.spec.model_copy(update={"sources": pinned}),
        spec_sha256=prepared.released.sha256,
        limit=options.limit,
        sources=prepared.ingested.sources,
        benchmarks=prepared.ingested.benchmarks,
        models=prepared.pool.records,
        licenses=prepared.ingested.licenses,
        run=run,
        tokens=prepared.plan.tokens,
    )


def _run_record(
    pool: ModelPool,
    run_state: RunState,
    clock: Clock,
    endpoints: Mapping[str, Snapshot],
    tally: FailureTally,
    accept_failures: float | None,
) -> RunRecord:
    return RunRecord(
        started=clock.started.isoformat(timespec="seconds"),
        wall_s=round(clock.total(), 1),
        cost_usd=pool.cost_usd(run_state.records, run_state.ledger),
        python=python_version(),
        packages=package_versions(),
        git=git_commit(),
        endpoints={name: one.model_dump(mode="json") for name, one in endpoints.items()},
        reused=run_state.known.reused(),
        answers=tally.records(),
        accept_failures=accept_failures,
    )


def _validate(root: Path, progress: Progress) -> None:
    progress.stage("validating", None)
    findings = list(validate_release(Release(root)))
    if findings:
        first = "; ".join(str(one) for one in findings[:3])
        raise DataError(f"the release breaks {len(findings)} of its own promises, so --out is unchanged: {first}")
