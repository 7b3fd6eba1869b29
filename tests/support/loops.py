"""A mining loop whose stages are played: each makes at once what its command would make in minutes."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from support.releases import build_scripted

from ipm_prefdial.recipes.catalogue import TrainingStage as Training
from ipm_prefdial.recipes.catalogue import TrainingTask, configs_of
from ipm_prefdial.recipes.data.fit import RowCounts
from ipm_prefdial.recipes.data.release import select_data
from ipm_prefdial.recipes.loop._stages import LoopStage, StageKind, StageRecord
from ipm_prefdial.recipes.runs.environment import Environment
from ipm_prefdial.recipes.runs.record import DataRecord, TrainingRecord, data_record, write_run
from ipm_prefdial.recipes.serving.serve import ServeOptions
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split

_ROWS = RowCounts(available=9, read=9, used=9, cut=0, turns_cut=0, dropped=0)


@dataclass
class PlayedStages:
    """Runs stages; `on_start` and `on_end` are told of each, and may raise."""

    evaluation: Path
    """An `evaluation.json` that every evaluation finds."""
    on_start: Callable[[LoopStage], None] = lambda stage: None
    on_end: Callable[[LoopStage], None] = lambda stage: None
    made: list[str] = field(default_factory=list)
    """The names of the stages that came to their end, in order."""

    def __call__(self, stage: LoopStage, out: Path, serving: ServeOptions, before: tuple[str, ...]) -> StageRecord:
        """As `execute.run_stage`."""
        self.on_start(stage)
        for one in stage.asks.values():
            assert (out / one.folder / "run.json").is_file(), f"{stage.name} asks {one.folder}, which is not there"
        if stage.lasting:
            self._make(stage, out)
        self.made.append(stage.name)
        self.on_end(stage)
        return StageRecord(
            command=stage.command, models={task.value: one.name for task, one in stage.asks.items()}, seconds=1.0
        )

    def _make(self, stage: LoopStage, out: Path) -> None:
        if stage.kind is StageKind.TRAIN:
            make_run(out / stage.name, stage, out)
        elif stage.words[0] == "build":
            source = stage.words[stage.words.index("--source") + 1].removeprefix("dialogue:")
            build_scripted(out / stage.name, sources=(f"dialogue:{out / source}",))
        else:
            (out / stage.name).mkdir(parents=True)
            shutil.copy(self.evaluation, out / stage.name / "evaluation.json")


def make_run(folder: Path, stage: LoopStage, out: Path) -> None:
    """What a training leaves behind, without a model in it."""
    words = list(stage.words)
    task = TrainingTask(stage.name.split("/")[1].partition("-")[0])
    training = Training.SFT if stage.name.startswith("sft") else Training.DPO
    data = words[words.index("--data") + 1 : words.index("--output_dir")]
    places = [one for one in data if not one.startswith("--") and one != words[-1]]
    (config,) = configs_of(task, training)
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "config.json", "tokenizer_config.json"):
        (folder / name).write_text(stage.name)
    write_run(
        folder,
        TrainingRecord(
            state="done",
            recipe=f"tiny/{task}/{training}",
            task=task,
            stage=training,
            base_model="random weights",
            adapter=False,
            base_revision=None,
            settings={},
            seed=1,
            data=data_record(select_data([str(out / place) for place in places], None, config), config),
            start=None,
            rows={Split.TRAIN: _ROWS},
            environment=Environment(
                python="", platform="", device="cpu", processes=1, cuda=None, packages={}, git=None
            ),
        ),
    )


def a_run(
    task: TrainingTask, stage: Training, config: Config, *, base_model: str, manifest_sha256: str
) -> TrainingRecord:
    """The record of a training that is done, on the table of a release that has this digest."""
    data = DataRecord(
        name="release",
        repo=None,
        revision=None,
        version="1.0.0",
        manifest_sha256=manifest_sha256,
        license="cc-by-nc-4.0",
        config=config,
    )
    return TrainingRecord(
        state="done",
        recipe=f"tiny/{task}/{stage}",
        task=task,
        stage=stage,
        base_model=base_model,
        adapter=False,
        base_revision=None,
        settings={},
        seed=1,
        data=data,
        start=None,
        rows={},
        environment=Environment(python="", platform="", device="cpu", processes=1, cuda=None, packages={}, git=None),
    )
