"""An evaluation from its command to its files: systems are asked or read, scored beside the baselines, and written."""

import json
import logging
from collections.abc import Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from ...builders.runtime.progress import NoProgress, Progress
from ...schemas.documents import read_bytes
from ...schemas.errors import UsageError
from ...schemas.evaluation import EVALUATION_FILE, Evaluated, Evaluation
from .baselines import BASELINES, baselines, majority_of
from .generate import asked_names
from .held_out import evaluated_release, held_out_turns, training_dialogues
from .models import EvalContext, Models
from .options import EvaluateOptions, EvaluationFolder
from .pictures import pictures_of
from .predictions import System, file_name_of, predictions_text, read_systems, refuse_same_names
from .score import Options, Samples, score_systems
from .step_judge import reward_folder
from .tables import comparisons_csv, latex, markdown, scores_csv

log = logging.getLogger(__name__)

_NEEDED = ("matplotlib", "nltk", "rouge_score", "sacrebleu")


def evaluate(options: EvaluateOptions, progress: Progress | None = None, samples: Samples | None = None) -> Evaluation:
    """Asks, scores and writes.

    Args:
        options: what to do.
        progress: told of what goes on.
        samples: filled with the bootstrap samples behind the figures, where they are wanted.

    Raises:
        UsageError: the command, a release, a model or a file is wrong.
        DataError: the release has nothing to evaluate on, or the budget is spent.
        EndpointError: an endpoint or the Hub failed; the same command goes on where it stopped.
    """
    progress = progress or NoProgress()
    _check(options)
    read = tuple(system for named in options.predictions for system in read_systems(named))
    refuse_same_names([*asked_names(options.players), *(system.name for system in read), *BASELINES])
    ground = _ground(options, progress) if options.place else None
    store = EvaluationFolder(options.out) if options.out is not None else None
    if store is not None:
        store.open()
    models = Models(options, ground, store, progress) if ground is not None and store is not None else None
    asked = models.systems() if models is not None else ()
    systems = (*asked, *read, *_baselines((*asked, *read), ground, progress))
    evaluation = _score(systems, ground, options, progress, samples)
    if models is not None and ground is not None:
        evaluation = models.judged(evaluation, systems, samples)
    if store is not None:
        _write(store, (*asked, *read), evaluation, progress)
    return evaluation


def _check(options: EvaluateOptions) -> None:
    players = options.players
    if not players.speaks and not options.predictions:
        raise UsageError(
            "there is nothing to evaluate: name a --planner and a --responder, a --joint, a --reasoner, or "
            "--predictions"
        )
    for named in players.reward_judges:
        reward_folder(named)
    if players.named() or players.reward_judges:
        if not options.place:
            raise UsageError("models are asked over a release: name a folder, or ORG/NAME@TAG")
        if options.out is None:
            raise UsageError("models are asked once and their answers kept: name a folder for them with --out")
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise UsageError(f"{missing[0]} is not installed: pip install 'ipm-prefdial[evaluate]'")
    if options.similarity_model is not None:
        if not options.similarity_model.is_dir():
            raise UsageError(f"{options.similarity_model}: no such folder; a similarity model is read from one")
        if find_spec("torch") is None:
            raise UsageError("a similarity model needs torch: pip install 'ipm-prefdial[train]'")


def _ground(options: EvaluateOptions, progress: Progress) -> EvalContext:
    progress.stage("reading the release", None)
    release = evaluated_release(options.place or "", options.revision)
    turns = held_out_turns(release, options.split, options.limit)
    log.info("%d supporter turns of split %s", len(turns), options.split)
    return EvalContext(release, turns, tuple(training_dialogues(release)))


def _baselines(systems: Sequence[System], ground: EvalContext | None, progress: Progress) -> tuple[System, ...]:
    progress.stage("fitting the baselines", None)
    return baselines(ground.training, ground.turns) if ground is not None else (majority_of(systems),)


def _score(
    systems: Sequence[System],
    ground: EvalContext | None,
    options: EvaluateOptions,
    progress: Progress,
    samples: Samples | None,
) -> Evaluation:
    progress.stage("scoring", len(systems))
    scoring = Options(options.similarity_model, options.replicates, lambda name: progress.advance(), samples)
    return score_systems(systems, _evaluated(ground, options), scoring)


def _evaluated(ground: EvalContext | None, options: EvaluateOptions) -> Evaluated:
    if ground is not None:
        release = ground.release
        name = release.name if release.revision is None else f"{release.name}@{release.revision}"
        version, digest, split = release.manifest.version, release.sha256, options.split.value
    else:
        paths = [
            Path(named) if Path(named).exists() else Path(named.partition("=")[2]) for named in options.predictions
        ]
        name, version, split = ", ".join(path.name for path in paths), None, ""
        digest = sha256(b"".join(sha256(read_bytes(path)).digest() for path in paths)).hexdigest()
    return Evaluated(name=name, version=version, sha256=digest, split=split, turns=0, dialogues=0)


# Every file of the folder; `evaluation.json` last, so that where it is, all of them are.
def _write(store: EvaluationFolder, systems: Sequence[System], evaluation: Evaluation, progress: Progress) -> None:
    progress.stage("writing tables and pictures", None)
    taken: list[str] = []
    for system in systems:
        taken.append(file_name_of(system.name, taken))
        store.write(f"predictions/{taken[-1]}", predictions_text(system.predictions))
    store.write("evaluation.md", markdown(evaluation))
    store.write("scores.csv", scores_csv(evaluation))
    store.write("comparisons.csv", comparisons_csv(evaluation))
    store.write("tables.tex", latex(evaluation))
    for name, data in pictures_of(evaluation).items():
        store.write(name, data)
    store.write(EVALUATION_FILE, evaluation_json(evaluation))


def evaluation_json(evaluation: Evaluation) -> str:
    return json.dumps(evaluation.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
