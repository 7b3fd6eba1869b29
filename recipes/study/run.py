"""A validation from its command to its files: the release is looked at, models are trained, and answers given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...builders.auditing.run import audit_release
from ...builders.runtime.progress import NoProgress, Progress
from ...schemas.audit import Audit
from ...schemas.inference import Role
from ...schemas.study import STUDY_FILE, Answered, StudyOutcome, ValidatedRelease, Validation
from ..catalogue import SYSTEM_STAGES, SYSTEM_TASKS, TrainingStage, TrainingTask
from ..data.release import PinnedRelease
from ..evaluate.options import find_checkpoint
from ..runs.record import json_text
from ._release_answers import answer_release, open_whole
from ._rewards import HardPairs, Rewards, hard_pairs, held_out_rewards
from ._systems import ask_and_evaluate, check_recipes, folder_of, seed_name, train_all
from ._training_answers import Results, answer_training, unanswered
from .figures import main_figures, markdown, pictures_of, questions_csv, systems_csv
from .options import Folder, StudyKey, ValidateOptions, plain

Tell = Callable[[str], None]

_UNSOUND = "nothing was trained, since the release is not sound: what models make of it would say nothing"


@dataclass(frozen=True)
class Run:
    """A validation under way."""

    options: ValidateOptions
    release: PinnedRelease
    folder: Folder
    progress: Progress
    tell: Tell

    def look(self) -> tuple[tuple[Answered, ...], str]:
        """The answers from the tables, and the digest of the tables."""
        self.progress.stage("looking at the release", None)
        with self.folder.stage("look at the release"):
            audit = self.folder.once(
                "audit.json", Audit, lambda: audit_release(self.release.root, self.release.name), lambda there: True
            )
            return answer_release(self.release, audit), audit.subject.sha256

    def results(self, sound: bool) -> Results:
        """Everything that training and asking gives."""
        trained = train_all(self.options, self.folder, self.tell)
        rewards = self._rewards()
        seeds = ask_and_evaluate(self.options, self.release, trained, self.folder, self.progress)
        return Results(sound, trained, rewards, seeds)

    def _rewards(self) -> Mapping[TrainingTask, tuple[Rewards, ...]]:
        self.progress.stage("taking held-out rewards", len(SYSTEM_TASKS))
        found = {}
        for task in SYSTEM_TASKS:
            with self.folder.stage(f"rewards of the {task}"):
                pairs = hard_pairs(self.release, task)
                numbers = range(1, self.options.seeds + 1)
                found[task] = tuple(self._rewards_of(task, number, pairs) for number in numbers)
            self.progress.advance()
        return found

    def _rewards_of(self, task: TrainingTask, number: int, pairs: HardPairs) -> Rewards:
        policy, reference = (
            find_checkpoint(str(folder_of(self.options.out, number, task, stage)), Role(task.value))
            for stage in (TrainingStage.DPO, TrainingStage.SFT)
        )
        return self.folder.once(
            f"rewards/{seed_name(number)}/{task}.json",
            Rewards,
            lambda: held_out_rewards(pairs, policy, reference, self.options.plan.pairs),
            lambda there: (there.policy, there.reference) == (str(policy.ref), str(reference.ref)),
        )


def validate(options: ValidateOptions, tell: Tell, progress: Progress | None = None) -> Validation:
    """Looks, trains, asks, answers and writes; what an earlier run of the same command did is not done again.

    Raises:
        UsageError: the command, the release, a model or this machine is wrong.
        DataError: the release does not have what is needed here, or the judges' budget is spent.
        EndpointError: an endpoint or the Hub failed; the same command goes on where it stopped.
    """
    release = open_whole(options.place, options.revision)
    check_recipes(options)
    folder = Folder(options.out)
    folder.open(_start(options, release))
    run = Run(options, release, folder, progress or NoProgress(), tell)
    about, tables_sha256 = run.look()
    sound = all(one.verdict is not StudyOutcome.NO for one in about)
    results = run.results(sound) if sound else None
    answers = (*about, *(answer_training(results) if results else unanswered(_UNSOUND)))
    validation = _validation(run, tables_sha256, answers, results)
    _write(folder, validation)
    return validation


def _start(options: ValidateOptions, release: PinnedRelease) -> StudyKey:
    settings = {
        options.plan.recipe(task, stage): plain(options.settings_of(task, stage))
        for task in SYSTEM_TASKS
        for stage in SYSTEM_STAGES
    }
    return StudyKey(
        manifest_sha256=release.sha256, scale=options.scale.value, settings=settings, dialogues=options.limit
    )


def _validation(run: Run, tables_sha256: str, answers: Sequence[Answered], results: Results | None) -> Validation:
    on = results.evaluation.on if results else None
    return Validation(
        release=ValidatedRelease(
            name=run.release.name,
            revision=run.release.revision,
            version=run.release.manifest.version,
            tables_sha256=tables_sha256,
            turns=on.turns if on else 0,
            dialogues=on.dialogues if on else 0,
        ),
        scale=run.options.scale,
        judges=tuple(one.judge for one in results.evaluation.judged) if results else (),
        questions=tuple(answers),
        models=tuple(one.record() for one in results.trained) if results else (),
        systems=main_figures(results.seeds) if results else (),
        stages=run.folder.times,
        notes=_notes(run, results),
    )


def _notes(run: Run, results: Results | None) -> tuple[str, ...]:
    if results is None:
        return (_UNSOUND,)
    notes = results.evaluation.notes
    seeds = len(results.seeds)
    trained = (
        f"Figures of models are means over {seeds} trainings that differ in their seed alone, with intervals over "
        "seeds and dialogues"
        if seeds > 1
        else "Every model was trained once, with one seed: what another seed would have given is not known",
    )
    return (*notes, *trained, *(n for one in results.evaluation.judged for n in one.notes))


# Every file; `validation.json` last, so that where it is, all of them are.
def _write(folder: Folder, validation: Validation) -> None:
    folder.write("validation.md", markdown(validation))
    folder.write("questions.csv", questions_csv(validation))
    folder.write("systems.csv", systems_csv(validation))
    for name, data in pictures_of(validation).items():
        folder.write(name, data)
    folder.write(STUDY_FILE, json_text(validation.model_dump(mode="json")))
