"""The report of a mining loop, as `mine.json` and as `mine.md` for people: two views of the stages' results."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field

from ...schemas.base import Frozen
from ...schemas.config import PAIR_CONFIGS
from ...schemas.dialogue import Split
from ...schemas.documents import read_json
from ...schemas.errors import DataError
from ...schemas.escape import markdown_table
from ...schemas.evaluation import EVALUATION_FILE, Evaluation
from ...schemas.files import write_whole
from ...schemas.manifest import MANIFEST_FILE, Manifest
from ...schemas.measures import Interval
from ..data.release import PinnedRelease
from ..runs.record import TRAINING_FILE as RUN_FILE
from ..runs.record import json_text, read_run
from ..serving.view import revision_of
from ._folds import FoldCounts
from ._stages import LoopStage, State
from .plan import EVALUATION, LoopPlan, MineOptions

JSON_NAME, MARKDOWN_NAME = "mine.json", "mine.md"
# A few figures of each kind; the evaluation's own table has all of them.
_SHOWN = ("accuracy", "macro_f1", "invalid", "bias_smoothed", "bleu_2", "rouge_l", "distinct_2", "words")


class StageReport(Frozen):
    """One stage."""

    name: str
    """Also the folder of what it made."""
    command: str
    """The command, with paths in the folder of the loop; served models appear by name."""
    models: dict[str, str]
    """By task, the name and revision of the checkpoint that was served for it."""
    seconds: float | None
    """From start to end, servers included; null where its end was not noted."""
    digests: dict[str, str]
    """`file`: SHA-256 of the file that says what was made; `weights`: the revision of a checkpoint."""
    rows: dict[str, dict[Split, int]]
    """By config: of a training the rows that were used, of a build the rows that it has."""


class LoopFigures(Frozen):
    """The main figures of one system on the test split; all of them are in the evaluation's own files."""

    name: str
    kind: str
    scores: dict[str, Interval]


class Report(Frozen):
    """A whole loop."""

    format: int = 1
    release: str
    """The release whose dialogues were mined."""
    manifest_sha256: str
    version: str
    model: str
    rounds: int
    folds: tuple[FoldCounts, ...]
    out_of_fold: bool
    """Whether every dialogue was mined by models that were not trained on it."""
    judges: tuple[str, ...]
    """By name and revision."""
    server: str
    stages: tuple[StageReport, ...]
    seconds: float
    metrics: dict[str, str] = Field(default_factory=dict)
    """The definitions of the figures, by id."""
    systems: tuple[LoopFigures, ...] = ()


def report_of(
    options: MineOptions, release: PinnedRelease, plan: LoopPlan, folds: Sequence[FoldCounts], state: State, server: str
) -> Report:
    """The report of a loop whose stages are all done.

    Raises:
        DataError: what a stage made was damaged since.
    """
    stages = tuple(_stage(stage, options.out, state) for stage in plan.stages())
    evaluation = _evaluation(options.out / EVALUATION / EVALUATION_FILE)
    return Report(
        release=release.name if release.revision is None else f"{release.name}@{release.revision}",
        manifest_sha256=release.sha256,
        version=Path(plan.version).name,
        model=options.model,
        rounds=options.rounds,
        folds=tuple(folds),
        out_of_fold=len(folds) > 1,
        judges=options.judge_names(),
        server=server,
        stages=stages,
        seconds=round(sum(one.seconds or 0 for one in stages), 1),
        metrics={name: evaluation.metrics[name].about for name in _SHOWN if name in evaluation.metrics},
        systems=tuple(_figures(evaluation)),
    )


def _stage(stage: LoopStage, out: Path, state: State) -> StageReport:
    folder = out / stage.name
    digests: dict[str, str] = {}
    rows: dict[str, dict[Split, int]] = {}
    # What a stage made says which kind of stage it was, so that the report cannot claim another.
    if (run := read_run(folder)) is not None:
        digests = {"file": _sha256(folder / RUN_FILE), "weights": revision_of(folder)}
        rows[run.data.config] = {split: counts.used for split, counts in run.rows.items()}
    elif (folder / MANIFEST_FILE).is_file():
        digests = {"file": _sha256(folder / MANIFEST_FILE)}
        manifest = _manifest(folder / MANIFEST_FILE)
        rows = {config.value: manifest.counts[config].rows for config in PAIR_CONFIGS}
    else:
        digests = {"file": _sha256(folder / EVALUATION_FILE)}
    record = state.stages[stage.name]
    return StageReport(
        name=stage.name,
        command=record.command,
        models=record.models,
        seconds=record.seconds,
        digests=digests,
        rows=rows,
    )


def _figures(evaluation: Evaluation) -> Iterable[LoopFigures]:
    for system in evaluation.systems:
        scores = {score.metric: score.value for score in system.scores if score.metric in _SHOWN}
        yield LoopFigures(name=system.name, kind=system.kind, scores=scores)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _manifest(path: Path) -> Manifest:
    try:
        return Manifest.model_validate(read_json(path, path.parent))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: damaged: remove {path.parent} and repeat the command") from error


def _evaluation(path: Path) -> Evaluation:
    try:
        return Evaluation.model_validate(read_json(path, path.parent))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: damaged: remove {path.parent} and repeat the command") from error


def write_report(out: Path, report: Report) -> None:
    """Writes both files, each whole or not at all."""
    write_whole(out / MARKDOWN_NAME, markdown(report))
    write_whole(out / JSON_NAME, json_text(report.model_dump(mode="json")))


def markdown(report: Report) -> str:
    """The report as Markdown."""
    parts = [
        f"# Mining {report.release} with {report.model}",
        f"Spec {report.version}, {report.rounds} round{'s' if report.rounds > 1 else ''}, served by {report.server}, "
        f"judged by {', '.join(report.judges)}. {_about_folds(report)}",
        "## Rows\n\n" + markdown_table(("build", *PAIR_CONFIGS), _built(report)),
        "## Test split\n\n" + markdown_table(("system", *_SHOWN), _scored(report)) + "\n\nIn brackets: 95 % intervals. "
        f"All figures, and what they are: `{EVALUATION}/evaluation.md`.",
        "## Stages\n\n" + markdown_table(("stage", "models", "rows", "digest", "seconds"), _taken(report)),
        "The commands are in `mine.json`.",
    ]
    if report.model == "tiny":
        parts.insert(2, "**Models from random weights: this shows that everything runs, and nothing else.**")
    return "\n\n".join(parts) + "\n"


def _about_folds(report: Report) -> str:
    if not report.out_of_fold:
        return (
            "**Not out of fold**: the training dialogues were mined by models that were trained on them, which makes "
            "the rejected side of these pairs better than that of unseen dialogues."
        )
    later = (
        " From the second round on, a miner was trained on rejected sides of the other folds alone as well; the models "
        "that wrote them had seen its own."
        if report.rounds > 1
        else ""
    )
    return (
        f"Out of fold: each of {len(report.folds)} folds was mined by models that were trained on the dialogues of "
        "the others alone, and those of validation and test by models that were trained on neither." + later
    )


def _built(report: Report) -> Iterable[tuple[str, ...]]:
    for stage in report.stages:
        if stage.rows.keys() == {config.value for config in PAIR_CONFIGS}:
            yield stage.name, *(_counts(stage.rows[config.value]) for config in PAIR_CONFIGS)


def _counts(rows: dict[Split, int]) -> str:
    return ", ".join(f"{count} {split}" for split, count in rows.items())


def _scored(report: Report) -> Iterable[tuple[str, ...]]:
    for system in report.systems:
        yield system.name, *(_interval(system.scores.get(metric)) for metric in _SHOWN)


def _interval(found: Interval | None) -> str:
    if found is None or found.value is None:
        return "–"
    ends = "" if found.low is None or found.high is None else f" [{found.low:.3f}, {found.high:.3f}]"
    return f"{found.value:.3f}{ends}"


def _taken(report: Report) -> Iterable[tuple[str, ...]]:
    for stage in report.stages:
        models = ", ".join(stage.models.values())
        rows = (
            "" if len(stage.rows) != 1 else ", ".join(f"{_counts(one)} of {name}" for name, one in stage.rows.items())
        )
        seconds = "–" if stage.seconds is None else f"{stage.seconds:.1f}"
        yield stage.name, models, rows, stage.digests.get("weights") or stage.digests["file"][:16], seconds
