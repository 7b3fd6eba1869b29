"""An evaluation from its command to its files: systems are asked or read, scored beside the baselines, and written."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from ...builders.models.client import Completers
from ...builders.models.pool import ModelPool
from ...builders.models.record import Records
from ...builders.runtime.progress import NoProgress, Progress
from ...schemas.dialogue import Dialogue
from ...schemas.documents import read_bytes
from ...schemas.errors import UsageError
from ...schemas.evaluation import EVALUATION_FILE, Evaluated, Evaluation, JudgeFigures
from ...schemas.inference import ModelRef, Role
from ..data.release import PinnedRelease
from ..metrics.sample import AnswerSample
from ._judging import JudgedReply, JudgeVotes, ReplyJudgement, count_questions, judge_replies, panels_of, replies_of
from .baselines import BASELINES, baselines, majority_of
from .generate import asked_names, generate
from .held_out import HumanTurn, evaluated_release, held_out_turns, training_dialogues
from .options import EvaluateOptions, EvaluationFolder, format_calls, resolve_pool
from .pictures import pictures_of
from .predictions import HUMAN, System, align, file_name_of, predictions_text, read_systems, refuse_same_names
from .score import Options, Samples, score_systems
from .stakes import parts_of, stake, with_stakes
from .step_judge import check_reward_folder, judge_by_reward
from .tables import comparisons_csv, latex, markdown, scores_csv

T = TypeVar("T")


@dataclass(frozen=True)
class EvalContext:
    """The held-out turns of a release, on which systems are evaluated."""

    release: PinnedRelease
    turns: tuple[HumanTurn, ...]
    training: tuple[Dialogue, ...]


@dataclass(frozen=True)
class Models:
    """The models of an evaluation over a release, with the folder that keeps what they say."""

    options: EvaluateOptions
    ground: EvalContext
    store: EvaluationFolder
    progress: Progress

    @cached_property
    def pool(self) -> ModelPool:
        """The models; nothing is sent before it is opened."""
        return resolve_pool(self.options.models, lambda: self.ground.training)

    def systems(self) -> tuple[System, ...]:
        """The answers of the systems at every turn."""
        turns, told = self.ground.turns, partial(format_calls, self.pool)

        async def ask(completers: Completers) -> tuple[System, ...]:
            return await generate(
                self.pool,
                completers,
                self.ground.release.manifest.spec,
                turns,
                temperature=self.options.temperature,
                on_system=lambda name: self.progress.stage(f"asking {name}", len(turns)),
                on_turn=lambda: self.progress.advance(told()),
            )

        return self._with_models(ask) if self.options.models.speaks else ()

    def judged(self, evaluation: Evaluation, systems: Sequence[System], samples: Samples | None = None) -> Evaluation:
        """The evaluation with the judges' grades of its replies; unchanged without judges.

        Args:
            evaluation: of the systems.
            systems: what they said.
            samples: filled with the samples of every difference.
        """
        if not self.options.models.judges:
            return evaluation
        aligned = align(systems)
        replies = replies_of(aligned, self.ground.turns)
        self.progress.stage("judging", count_questions(self.pool, replies))

        async def ask(completers: Completers) -> Mapping[ModelRef, tuple[ReplyJudgement, ...]]:
            return await judge_replies(
                self.pool,
                completers,
                replies,
                seed=self.ground.release.manifest.spec.seed,
                on_answer=lambda: self.progress.advance(format_calls(self.pool)),
            )

        sample = AnswerSample.of([one.answer for one in aligned[0].predictions], self.options.replicates)
        said = dict(self._with_models(ask)) if Role.JUDGE in self.pool.models else {}
        panels = panels_of(said | self._rewarded(replies), sample)
        if samples is not None:
            found = ((str(one.judge), *difference) for one in panels for difference in one.differences())
            samples.judged.update({(judge, what, one, other): said for judge, what, one, other, said in found})
        judged = tuple(self._with_stakes(panel) for panel in panels)
        # Which reply a judge prefers says nothing of a system that it has a stake in.
        fair = (
            win
            for panel, one in zip(panels, judged, strict=True)
            for win in panel.wins()
            if not {win.one, win.other} & one.stakes.keys()
        )
        return evaluation.model_copy(update={"judged": judged, "wins": (*evaluation.wins, *fair)})

    # What a judge said, with the systems named that it is not independent of.
    def _with_stakes(self, panel: JudgeVotes) -> JudgeFigures:
        known = parts_of(self.pool) | dict(self.options.writers)
        systems = [name for name in panel.systems if name != HUMAN]
        if panel.judge.is_baseline:
            return panel.judged()
        why = {name: stake(panel.judge, known[name], self.ground.release) for name in systems if name in known}
        unknown = [name for name in systems if name not in known]
        return with_stakes(panel.judged(), {name: told for name, told in why.items() if told}, unknown)

    # What reward models say of the traces; nothing where there are none of either.
    def _rewarded(self, replies: Sequence[JudgedReply]) -> dict[ModelRef, tuple[ReplyJudgement, ...]]:
        if not any(reply.trace for reply in replies):
            return {}
        spec, folders = self.ground.release.manifest.spec, self.options.models.reward_folders
        return dict(judge_by_reward(folder, replies, spec) for folder in folders)

    # What `ask` gives with everybody reachable; what was answered is on disk when this returns.
    def _with_models(self, ask: Callable[[Completers], Coroutine[Any, Any, T]]) -> T:
        async def opened(records: Records) -> T:
            async with self.pool.open(records) as completers:
                return await ask(completers)

        with Records(self.store.records) as records:
            answered = asyncio.run(opened(records))
            records.flush()
        return answered


log = logging.getLogger(__name__)

_NEEDED = ("matplotlib", "nltk", "rouge_score", "sacrebleu")


def evaluate(options: EvaluateOptions, progress: Progress | None = None, samples: Samples | None = None) -> Evaluation:
    """Asks, scores and writes.

    Args:
        options: what to do.
        progress: the display of the progress.
        samples: filled with the bootstrap samples behind the figures, where they are wanted.

    Raises:
        UsageError: the command, a release, a model or a file is wrong.
        DataError: the release has nothing to evaluate on, or the budget is spent.
        EndpointError: an endpoint or the Hub failed; the same command goes on where it stopped.
    """
    progress = progress or NoProgress()
    _check(options)
    read = tuple(system for named in options.predictions for system in read_systems(named))
    refuse_same_names([*asked_names(options.models), *(system.name for system in read), *BASELINES])
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
    models = options.models
    if not models.speaks and not options.predictions:
        raise UsageError(
            "there is nothing to evaluate: name a --planner and a --responder, a --joint, a --reasoner, or "
            "--predictions"
        )
    for folder in models.reward_folders:
        check_reward_folder(folder)
    if models.words() or models.judges:
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
