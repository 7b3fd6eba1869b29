"""A mining loop from its command to its report: the only place where its parts come together."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from pydantic import JsonValue

from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.documents import read_json
from ...schemas.errors import UsageError
from ...schemas.files import write_whole
from ...schemas.manifest import MANIFEST_FILE, Manifest
from ..catalogue import SYSTEM_STAGES, SYSTEM_TASKS, TrainingTask, configs_of, find_recipe
from ..catalogue import TrainingStage as Training
from ..data.release import PinnedRelease, open_release
from ..runs.arguments import words_of
from ..runs.environment import launcher_words
from ..serving.guard import GRACE_S
from ..serving.serve import ServeOptions, find_server
from ._folds import FoldCounts, write_folds
from ._stages import LoopStage, StageKind, StageRecord, State, locked, open_state, run_stage, write_state
from .plan import LoopPlan, MineOptions
from .report import Report, report_of, write_report

Tell = Callable[[str], None]
"""Takes a line about the progress."""

_NEEDED = ("trl", "matplotlib", "nltk", "rouge_score", "sacrebleu")

RunStage = Callable[[LoopStage, Path, ServeOptions, tuple[str, ...]], StageRecord]
"""Runs one stage; see `execute.run_stage`."""


@dataclass(frozen=True)
class _Ground:
    """Everything that the options resolve to."""

    release: PinnedRelease
    plan: LoopPlan
    serving: ServeOptions
    before: tuple[str, ...]
    """Words of a launcher for trainings."""


def mine(options: MineOptions, tell: Tell, run: RunStage = run_stage) -> Report:
    """Runs the loop; continues an interrupted one, and skips finished stages.

    Raises:
        UsageError: an option, a setting or this machine is not right.
        OutputExistsError: the output folder holds something else, or another loop.
        DataError: the release or what is mined of it has not what a stage needs.
        EndpointError: a server, a judge's endpoint or the Hub failed; the same command goes on.
    """
    options.check()
    ground = _ground(options)
    wanted = _wanted(options, ground)
    # Once before the lock, so that a wrong folder is refused at once, and once inside it, where nobody else can change
    # it.
    open_state(options.out, wanted)
    with locked(options.out, GRACE_S + 5) as lock:
        state = open_state(options.out, wanted)
        folds = write_folds(ground.release, options.out, options.folds, options.limit)
        _report_folds(folds, tell)
        serving = replace(ground.serving, keeps=(lock,))
        # Only at the first start: later, some of these checks would find what the loop itself has made.
        if not state.stages:
            _check(ground, serving, run, tell)
        state = _run_all(ground, serving, state, run, tell)
        report = report_of(options, ground.release, ground.plan, folds, state, serving.server or "")
        write_report(options.out, report)
    return report


# Resolves and checks the options, before anything is written.
def _ground(options: MineOptions) -> _Ground:
    for task in SYSTEM_TASKS:
        open_release(options.data, options.revision, *configs_of(task, Training.SFT))
    release = open_release(options.data, options.revision, Config.DIALOGUES)
    # The mined release would otherwise hold dialogues of the benchmark, and an evaluation on it would be worthless.
    if release.manifest.benchmarks and not options.benchmarks:
        names = ", ".join(one.name for one in release.manifest.benchmarks)
        raise UsageError(
            f"{release.name} is kept apart from {names}, and what is mined of it has to be as well: name it with "
            "--decontaminate"
        )
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise UsageError(f"{missing[0]} is not installed: pip install 'ipm-prefdial[train,evaluate,serve]'")
    server = options.server or find_server()
    serving = ServeOptions(
        folder=options.out.absolute() / "served",
        server=server,
        on_cpu=bool(_setting(options, "use_cpu")),
        healthy_within_s=options.healthy_within_s,
    )
    # Absolute, because the stages run in the folder of the loop.
    data = options.data if release.repo is not None else str(Path(options.data).resolve())
    plan = LoopPlan(options, _spec(options, release), data, options.concurrency or server.concurrency)
    return _Ground(release, plan, serving, launcher_words(options.launch) if options.launch else ())


# A setting of the SFT recipes: as the command has it, or else the recipe's file.
def _setting(options: MineOptions, name: str) -> object:
    filed = find_recipe(options.recipe(TrainingTask.PLANNER, Training.SFT)).settings
    return options.settings.get(Training.SFT, {}).get(name, filed.get(name))


# The spec that mines, for a command that runs in another folder.
def _spec(options: MineOptions, release: PinnedRelease) -> str:
    named = options.release or release.manifest.version
    return str(Path(named).resolve()) if Path(named).suffix in (".yaml", ".yml") else named


# Everything that decides the loop: another value makes another loop.
def _wanted(options: MineOptions, ground: _Ground) -> dict[str, JsonValue]:
    spec = Path(ground.plan.version)
    return {
        "release": ground.release.name,
        # By content, not by path: a release that moved is the same, and one that changed is another.
        "manifest_sha256": ground.release.sha256,
        "spec": hashlib.sha256(spec.read_bytes()).hexdigest() if spec.is_file() else ground.plan.version,
        "model": options.model,
        "rounds": options.rounds,
        "folds": options.folds,
        "judges": list(options.judge_names()),
        "benchmarks": list(options.benchmarks),
        "limit": options.limit,
        "settings": {stage.value: dict(given) for stage, given in sorted(options.settings.items())},
    }


def _report_folds(folds: Sequence[FoldCounts], tell: Tell) -> None:
    if len(folds) == 1:
        tell("one fold: the training dialogues are mined by models that were TRAINED ON them; --folds 2 avoids that")
    for one in folds:
        told = ", ".join(f"{count} {split}" for split, count in one.dialogues.items())
        tell(f"fold {one.fold}: {told} dialogues")


# Checks every setting and the first build before anything is trained.
def _check(ground: _Ground, serving: ServeOptions, run: RunStage, tell: Tell) -> None:
    tell("looking whether every recipe and the build can run")
    options, out = ground.plan.options, ground.plan.options.out
    asked = []
    for stage in SYSTEM_STAGES:
        settings = [("data", [ground.plan.data]), ("output_dir", "checked"), *options.settings.get(stage, {}).items()]
        asked += [["--config", options.recipe(task, stage), *words_of(settings)] for task in SYSTEM_TASKS]
    write_whole(out / "check.json", json.dumps(asked))
    run(LoopStage("check/recipes", StageKind.CHECK, ("check.json",), lasting=False), out, serving, ())
    build = next(stage for stage in ground.plan.stages() if stage.words[0] == "build")
    run(LoopStage("check/build", StageKind.COMMAND, (*build.words, "--dry-run"), lasting=False), out, serving, ())


# Every stage that is not done, in order.
def _run_all(ground: _Ground, serving: ServeOptions, state: State, run: RunStage, tell: Tell) -> State:
    out, stages = ground.plan.options.out, ground.plan.stages()
    for number, stage in enumerate(stages, 1):
        place = f"stage {number} of {len(stages)}, {stage.name}"
        if stage.is_done(out):
            tell(f"{place}: done before")
            record = state.stages.get(stage.name) or StageRecord(command=stage.command)
        else:
            tell(f"{place} (log: {out / stage.log})")
            record = run(stage, out, serving, ground.before if stage.kind is StageKind.TRAIN else ())
            tell(f"{stage.name}: {record.seconds:g} s{_format_pairs(out / stage.name)}")
        if state.stages.get(stage.name) != record:
            state = state.model_copy(update={"stages": {**state.stages, stage.name: record}})
            write_state(out, state)
    return state


# The pairs to train on in what a build made; nothing of other stages.
def _format_pairs(folder: Path) -> str:
    path = folder / MANIFEST_FILE
    if not path.is_file():
        return ""
    counts = Manifest.model_validate(read_json(path, folder)).counts
    told = ", ".join(f"{counts[config].rows[Split.TRAIN]} {config}" for config in PAIR_CONFIGS)
    return f", pairs to train on: {told}"
