"""Recipes train: every task in both stages, on the rows of a release, with TRL's own trainers."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

from support.releases import change_rows, copy_release, refresh_hashes
from support.training import run_quick, small_release, words

from ipm_prefdial.recipes.catalogue import ANSWERS, SYSTEM_STAGES, TrainingStage, TrainingTask, configs_of, stages_of
from ipm_prefdial.recipes.data.fit import fit_rows, load_rows, measure_with
from ipm_prefdial.recipes.data.release import open_release
from ipm_prefdial.recipes.runs.arguments import parse
from ipm_prefdial.recipes.runs.record import TrainingRecord, read_run
from ipm_prefdial.recipes.runs.start import load_tokenizer
from ipm_prefdial.recipes.train import _trainers as trainers
from ipm_prefdial.recipes.train.outputs import read_curves
from ipm_prefdial.recipes.train.run import epoch_callback, train
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import DataError, LostRowsError, OutputExistsError, UsageError

pytestmark = [
    pytest.mark.train,
    # TRL 1.16 still asks Transformers 5.23 by the old name.
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated:FutureWarning"),
]

DATA = small_release().root


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The folders of a planner's SFT run, and of the DPO run that starts from it."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", root / "cache")
        run_quick("tiny/planner/sft", DATA, root / "sft")
        run_quick("tiny/planner/dpo", DATA, root / "dpo", eval_strategy="steps", eval_steps=2)
    yield {"sft": root / "sft", "dpo": root / "dpo"}


@pytest.mark.parametrize("task", [TrainingTask.RESPONDER, TrainingTask.JOINT])
def test_two_steps_of_a_task_in_both_stages(task: TrainingTask, tmp_path: Path) -> None:
    for stage in stages_of(task):
        record = run_quick(f"tiny/{task}/{stage}", DATA, tmp_path / stage)
        assert (record.state, record.steps, record.task, record.stage) == ("done", 2, task, stage)
        assert record.results["train_loss"] > 0
        due = small_release().manifest.counts[configs_of(task, stage)[0]].rows[Split.TRAIN]
        counts = record.rows[Split.TRAIN]
        assert counts.read == due == counts.used + counts.dropped
        assert counts.used > due / 2


def test_everything_that_a_run_was_is_beside_its_checkpoint(runs: dict[str, Path]) -> None:
    for name in ("sft", "dpo"):
        files = {path.name for path in runs[name].iterdir()}
        assert {"run.json", "curves.jsonl", "curves.png", "README.md", "model.safetensors", "tokenizer.json"} <= files
        assert not [file for file in files if file.endswith(".part")]
        record = read_run(runs[name])
        assert record is not None
        assert json.loads((runs[name] / "config.json").read_text())["use_cache"] is True
        text = (runs[name] / "run.json").read_text() + (runs[name] / "README.md").read_text()
        assert str(runs[name].parent) not in text
        assert str(DATA.parent) not in text
        assert [log["step"] for log in read_curves(runs[name]) if "loss" in log] == [1, 2]
    assert record.data.manifest_sha256 == open_release(str(DATA), None, record.data.config).sha256
    assert record.environment.packages.keys() >= {"trl", "transformers", "torch"}


def test_dpo_begins_where_sft_ended(runs: dict[str, Path]) -> None:
    record = read_run(runs["dpo"])
    assert record is not None
    assert record.start is not None
    assert (record.start.name, record.start.data.config) == ("tiny/planner/sft", "strategy_sft")
    first, *_ = [log["loss"] for log in read_curves(runs["dpo"]) if "loss" in log]
    assert first == pytest.approx(0.6931, abs=1e-3), "before the first step policy and reference are the same"
    assert {"eval_loss", "eval_rewards/accuracies", "eval_rewards/margins"} <= record.results.keys()


def test_finished_run_is_left_as_it_is(runs: dict[str, Path]) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs["sft"].iterdir()}
    told: list[str] = []
    record = train(words("tiny/planner/sft", DATA, runs["sft"]), told.append)
    assert record == read_run(runs["sft"])
    assert "finished already" in told[0]
    assert {path: path.stat().st_mtime_ns for path in runs["sft"].iterdir()} == before


def test_another_run_is_never_written_over_one(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(OutputExistsError, match="holds another run: learning_rate differs"):
        run_quick("tiny/planner/sft", DATA, runs["sft"], learning_rate=0.5)
    (tmp_path / "mine.txt").write_text("a note")
    with pytest.raises(OutputExistsError, match="is not a training run"):
        run_quick("tiny/planner/sft", DATA, tmp_path)


def test_checkpoint_of_another_task(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a checkpoint of the planner; this recipe trains responder"):
        run_quick("tiny/responder/dpo", DATA, tmp_path / "dpo", sft_checkpoint=str(runs["sft"]))
    with pytest.raises(UsageError, match="is a checkpoint of random weights, not of some/model"):
        run_quick(
            "tiny/planner/dpo", DATA, tmp_path / "dpo", sft_checkpoint=str(runs["sft"]), model_name_or_path="some/model"
        )
    assert not (tmp_path / "dpo").exists(), "nothing is written before all is known to be right"


def test_checkpoint_that_is_not_there_or_not_finished(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run the sft recipe of the same task first"):
        run_quick("tiny/planner/dpo", DATA, tmp_path / "dpo")
    (tmp_path / "sft").mkdir()
    record = json.loads((runs["sft"] / "run.json").read_text()) | {"state": "running"}
    (tmp_path / "sft" / "run.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match="is not finished"):
        run_quick("tiny/planner/dpo", DATA, tmp_path / "dpo")
    (tmp_path / "sft" / "run.json").write_text("{")
    with pytest.raises(UsageError, match="not the record of a training run"):
        run_quick("tiny/planner/dpo", DATA, tmp_path / "dpo")


def _with_tokenizer(folder: Path, runs: dict[str, Path], change: Any) -> str:
    """A copy of the model that SFT began with, its tokenizer changed."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(runs["sft"] / "base")
    change(tokenizer)
    tokenizer.save_pretrained(folder)
    AutoModelForCausalLM.from_pretrained(runs["sft"] / "base").save_pretrained(folder)
    return str(folder)


OWN = "task: planner\nstage: sft\nuse_cpu: true\nbf16: false\nactivation_checkpointing: false\nmodel_name_or_path: {}\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"chat_template": None}, "has no chat template"),
        ({"eos_token": "<pad>"}, "would never stop"),
        ({"chat_template": "{{ raise_exception('roles must alternate') }}"}, "refuses the rows' messages: roles must"),
    ],
)
def test_tokenizer_that_cannot_be_trained_with(
    change: dict[str, Any], told: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    model = _with_tokenizer(
        tmp_path / "model", runs, lambda tokenizer: [setattr(tokenizer, *item) for item in change.items()]
    )
    (tmp_path / "mine.yaml").write_text(OWN.format(model))
    with pytest.raises(UsageError, match=told):
        run_quick(str(tmp_path / "mine.yaml"), DATA, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_template_can_be_given(runs: dict[str, Path], tmp_path: Path) -> None:
    model = _with_tokenizer(tmp_path / "model", runs, lambda tokenizer: setattr(tokenizer, "chat_template", None))
    (tmp_path / "mine.yaml").write_text(OWN.format(model))
    (tmp_path / "mine.jinja").write_text(
        "{% for message in messages %}{{ message.role }}: {{ message.content }}<|end|>\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    template = str(tmp_path / "mine.jinja")
    record = run_quick(str(tmp_path / "mine.yaml"), DATA, tmp_path / "out", chat_template_path=template)
    assert record.state == "done"
    assert record.base_model == "model"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"padding_token": "<nope>"}, "pad_token: '<nope>' is not in the vocabulary"),
        ({"model_name_or_path": "{tmp}/nowhere/at/all"}, "cannot load this model"),
        ({"max_length": 20}, "every row of train is longer than max_length=20"),
        ({"packing": True, "padding_free": True, "loss_type": "dft", "max_length": 64}, "every row of train"),
    ],
)
def test_setting_that_cannot_be_trained_with(
    settings: dict[str, Any], told: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(OWN.format(runs["sft"] / "base"))
    given = {name: str(value).format(tmp=tmp_path) for name, value in settings.items()}
    with pytest.raises((UsageError, DataError), match=told) as error:
        run_quick(str(tmp_path / "mine.yaml"), DATA, tmp_path / "out", **given)
    assert "\n" not in str(error.value)


def test_loss_that_trl_does_not_know_is_one_line_and_can_be_corrected(runs: dict[str, Path], tmp_path: Path) -> None:
    """TRL finds out at the first step; since nothing was saved, other settings may follow in the same folder."""
    start = str(runs["sft"])
    with pytest.raises(UsageError, match="TRL refuses these settings: Unknown loss type: sigmoidal"):
        run_quick("tiny/planner/dpo", DATA, tmp_path / "out", sft_checkpoint=start, loss_type="sigmoidal")
    other = {"loss_type": ["robust", "sigmoid_norm"], "label_smoothing": 0.1, "beta": 0.5}
    record = run_quick("tiny/planner/dpo", DATA, tmp_path / "out", sft_checkpoint=start, **other)
    assert record.state == "done"
    assert record.settings["loss_type"] == ["robust", "sigmoid_norm"]


def _trainer(task: TrainingTask, stage: TrainingStage, folder: Path, **settings: Any) -> Any:
    """The trainer of a recipe as a run makes it, with the rows that fit, from the model in `folder`."""
    arguments = parse(words(f"tiny/{task}/{stage}", DATA, folder / "out", **settings))
    (config,), answers = configs_of(task, stage), ANSWERS[stage]
    tokenizer = load_tokenizer(arguments, str(folder), None)
    loaded = load_rows(open_release(str(DATA), None, config), config, Split.TRAIN, answers)
    rows, _ = fit_rows(loaded.select(range(16)), answers, measure_with(tokenizer), arguments.training.max_length)
    return trainers.make_trainer(arguments, str(folder), tokenizer, {Split.TRAIN: rows}, None), rows


@pytest.mark.parametrize("max_length", [700, 420])
@pytest.mark.parametrize("packing", [False, True])
def test_loss_is_on_the_answer_alone_and_on_all_of_it(
    runs: dict[str, Path], max_length: int, packing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What carries a label in a real batch reads as the answer and the end of the turn, and as nothing else."""
    given = {"max_length": max_length, "packing": packing}
    trainer, rows = _trainer(TrainingTask.PLANNER, TrainingStage.SFT, runs["sft"], **given)
    learned = []
    for batch in trainer.get_train_dataloader():
        assert batch["input_ids"].shape[1] <= max_length or packing
        learned += _runs_of_labels(trainer.processing_class, batch["labels"])
    assert sorted(learned) == sorted(row["completion"][0]["content"] + "<|end|>" for row in rows)


def _runs_of_labels(tokenizer: Any, labels: Any) -> list[str]:
    """The texts that carry labels, one an unbroken run of them."""
    found = []
    for line in labels.tolist():
        run: list[int] = []
        for label in [*line, -100]:
            if label != -100:
                run.append(label)
            elif run:
                found.append(tokenizer.decode(run))
                run = []
    return found


def test_both_sides_of_a_pair_are_whole_after_the_same_prompt(runs: dict[str, Path]) -> None:
    trainer, rows = _trainer(
        TrainingTask.PLANNER, TrainingStage.DPO, runs["sft"], max_length=420, precompute_ref_log_probs=False
    )
    tokenizer = trainer.processing_class
    sides: dict[str, list[str]] = {"chosen": [], "rejected": []}
    for batch in trainer.get_train_dataloader():
        for place, side in enumerate(("chosen", "rejected")):
            ids, mask = (batch[name].chunk(2)[place] for name in ("input_ids", "completion_mask"))
            sides[side] += [tokenizer.decode(line[kept.bool()]) for line, kept in zip(ids, mask, strict=True)]
    for side, texts in sides.items():
        assert sorted(texts) == sorted(row[side][0]["content"] + "<|end|>" for row in rows)


def test_rows_that_a_trainer_leaves_out_are_noticed(runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "fit_rows", lambda rows, *_: (rows.add_column("length", [1] * len(rows)), None))
    with pytest.raises(LostRowsError, match=r"the trainer kept \d+ of \d+ rows of train"):
        _trainer(TrainingTask.PLANNER, TrainingStage.SFT, runs["sft"], max_length=100)


def test_same_seed_same_loss(tmp_path: Path) -> None:
    def losses(name: str, seed: int) -> list[float]:
        run_quick("tiny/planner/sft", DATA, tmp_path / name, seed=seed)
        return [log["loss"] for log in read_curves(tmp_path / name) if "loss" in log]

    assert losses("one", 5) == losses("two", 5) != losses("other", 6)


def _interrupt_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes when the given step is done."""
    from transformers import TrainerCallback

    from ipm_prefdial.recipes.train import run

    class Interrupt(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if state.global_step == step:
                raise KeyboardInterrupt

    make = trainers.make_trainer

    def made(*given: Any) -> Any:
        trainer = make(*given)
        trainer.add_callback(Interrupt())
        return trainer

    monkeypatch.setattr(run, "make_trainer", made)


SAVING = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, "max_length": 560}


@pytest.mark.parametrize("stage", [pytest.param(TrainingStage.SFT, marks=pytest.mark.slow), TrainingStage.DPO])
def test_interrupted_run_goes_on_as_if_nothing_had_been(
    stage: TrainingStage, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SAVING, **({"sft_checkpoint": str(runs["sft"])} if stage is TrainingStage.DPO else {})}
    name = f"tiny/planner/{stage}"
    whole = run_quick(name, DATA, tmp_path / "whole", **settings)
    with monkeypatch.context() as patch:
        _interrupt_after(5, patch)
        with pytest.raises(KeyboardInterrupt):
            run_quick(name, DATA, tmp_path / "parts", **settings)
    stopped = read_run(tmp_path / "parts")
    assert stopped is not None
    assert stopped.state == "running"
    # A checkpoint that was being written when everything stopped is not taken for the last one.
    (tmp_path / "parts" / "checkpoint-5").mkdir()
    resumed = run_quick(name, DATA, tmp_path / "parts", **settings)
    assert (resumed.state, resumed.resumed_from, resumed.steps) == ("done", 4, 6)
    losses = [
        [(log["step"], log["loss"]) for log in read_curves(tmp_path / part) if "loss" in log]
        for part in ("whole", "parts")
    ]
    assert losses[0] == losses[1]
    assert _weights(tmp_path / "whole") == _weights(tmp_path / "parts")
    assert not (tmp_path / "parts" / "checkpoint-5").exists()
    assert whole.differences(resumed) == []


EPOCHS = {"max_rows": 8, "max_steps": 11, "save_strategy": "steps", "save_steps": 1, "max_length": 560}
"""Four steps an epoch, the last epoch cut short."""


@pytest.mark.parametrize(
    ("stage", "last"),
    [
        (TrainingStage.DPO, 6),
        *(pytest.param(stage, last, marks=pytest.mark.slow) for stage in SYSTEM_STAGES for last in (8, 9)),
    ],
)
def test_rows_of_a_later_epoch_come_in_the_same_order(
    stage: TrainingStage, last: int, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted in the second epoch, just at its end, and in the third."""
    settings = {**EPOCHS, **({"sft_checkpoint": str(runs["sft"])} if stage is TrainingStage.DPO else {})}
    name = f"tiny/planner/{stage}"
    run_quick(name, DATA, tmp_path / "whole", **settings)
    with monkeypatch.context() as patch:
        _interrupt_after(last + 1, patch)
        with pytest.raises(KeyboardInterrupt):
            run_quick(name, DATA, tmp_path / "parts", **settings)
    assert run_quick(name, DATA, tmp_path / "parts", **settings).resumed_from == last
    losses = [
        [(log["step"], log["loss"]) for log in read_curves(tmp_path / part) if "loss" in log]
        for part in ("whole", "parts")
    ]
    assert losses[0] == losses[1]
    assert _weights(tmp_path / "whole") == _weights(tmp_path / "parts")


def _weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_run_that_was_stopped_while_its_model_was_made_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ipm_prefdial.recipes.train import run

    def half(folder: Path, *_: Any, **__: Any) -> None:
        folder.mkdir(parents=True)
        (folder / "tokenizer_config.json").write_text("{")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "make_tiny", half)
        with pytest.raises(KeyboardInterrupt):
            run_quick("tiny/planner/sft", DATA, tmp_path / "out")
    assert run_quick("tiny/planner/sft", DATA, tmp_path / "out", seed=8).state == "done"


def test_no_more_rows_than_are_wanted(tmp_path: Path) -> None:
    counts = run_quick("tiny/planner/sft", DATA, tmp_path / "out", max_rows=12).rows[Split.TRAIN]
    assert (counts.available, counts.read) == (69, 12)
    assert counts.used + counts.dropped == 12


def test_interrupted_run_with_other_settings_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        _interrupt_after(3, patch)
        with pytest.raises(KeyboardInterrupt):
            run_quick("tiny/planner/sft", DATA, tmp_path / "out", **SAVING)
    with pytest.raises(OutputExistsError, match="weight_decay differs"):
        run_quick("tiny/planner/sft", DATA, tmp_path / "out", **SAVING, weight_decay=0.1)


def test_adapter_is_trained_on_against_a_copy_of_itself(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    lora = {"use_peft": True, "lora_target_modules": ["all-linear"], "lora_dropout": 0.0}
    sft = run_quick("tiny/planner/sft", DATA, tmp_path / "sft", **lora)
    with pytest.raises(UsageError, match="is an adapter; continue it with use_peft=true"):
        run_quick("tiny/planner/dpo", DATA, tmp_path / "dpo")
    dpo = run_quick("tiny/planner/dpo", DATA, tmp_path / "dpo", use_peft=True, precompute_ref_log_probs=False)
    assert sft.adapter
    assert dpo.adapter
    first, *_ = [log["loss"] for log in read_curves(tmp_path / "dpo") if "loss" in log]
    assert first == pytest.approx(0.6931, abs=1e-3), "the reference is the SFT adapter, not the bare base model"
    assert "library_name: peft" in (tmp_path / "dpo" / "README.md").read_text()
    adapters = [load_file(tmp_path / stage / "adapter_model.safetensors") for stage in ("sft", "dpo")]
    assert adapters[0].keys() == adapters[1].keys()
    assert any((adapters[0][name] != adapters[1][name]).any() for name in adapters[0])
    assert not (tmp_path / "dpo" / "ref").exists(), "the frozen copy is not part of the checkpoint"


def test_split_with_no_rows_is_the_datas_fault(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", small_release())
    change_rows(release, "data/strategy_sft/validation-00000-of-00001.parquet", list.clear)
    refresh_hashes(release.root)
    with pytest.raises(DataError, match="no rows in split validation; set eval_strategy=no to train without it"):
        run_quick("tiny/planner/sft", release.root, tmp_path / "out", eval_strategy="steps", eval_steps=1)


def test_record_knows_its_differences(runs: dict[str, Path]) -> None:
    record = read_run(runs["dpo"])
    assert record is not None
    other = TrainingRecord.model_validate(record.model_dump() | {"seed": 7, "settings": {**record.settings, "beta": 9}})
    assert record.differences(other) == ["beta"]
    assert record.differences(record) == []


@pytest.mark.parametrize(("epoch", "seed"), [(None, 7), (0.0, 7), (0.5, 7), (1 - 1e-9, 8), (2.0, 9)])
def test_the_order_of_an_epoch_goes_by_its_number_although_the_number_is_a_sum_of_fractions(
    epoch: float | None, seed: int
) -> None:
    import torch
    from torch.utils.data import DataLoader
    from transformers.trainer_pt_utils import LengthGroupedSampler

    sampler = LengthGroupedSampler(2, lengths=[1, 2, 3, 4])
    loader = DataLoader([1, 2, 3, 4], batch_size=2, sampler=sampler)  # type: ignore[arg-type]
    args, state = SimpleNamespace(seed=7, data_seed=None), SimpleNamespace(epoch=epoch)
    epoch_callback().on_epoch_begin(args, state, None, train_dataloader=loader)
    assert torch.equal(sampler.generator.get_state(), torch.Generator().manual_seed(seed).get_state())
