"""A reward model is trained, reported on, resumed, and loaded again; what it cannot be made of is told in one line."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

from support.reasoning import count_rows, reasoning_release, write_config
from support.releases import copy_release, flip_byte, refresh_hashes
from support.training import run_quick, small_release

from ipm_prefdial.recipes.data.release import open_release
from ipm_prefdial.recipes.reward._baselines import LabelledExamples
from ipm_prefdial.recipes.reward.model import RewardModel
from ipm_prefdial.recipes.reward.report import MODEL, RewardReport, score_rows
from ipm_prefdial.recipes.reward.rows import encode, load_reward_rows
from ipm_prefdial.recipes.runs.record import read_run
from ipm_prefdial.recipes.train.outputs import read_curves
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import DataError, UsageError
from ipm_prefdial.schemas.trace import Step

pytestmark = [
    pytest.mark.train,
    # TRL 1.16 still asks Transformers 5.23 by the old name.
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated:FutureWarning"),
]

NAME = "tiny/reward/reward"
BOTH = (Config.REASONING_STEPS, Config.REASONING_PAIRS)
DATA = reasoning_release().root


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a run that evaluated once."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", root / "cache")
        run_quick(NAME, DATA, root / "out", max_rows=40, eval_strategy="steps", eval_steps=2)
    yield root / "out"


def test_everything_that_a_run_was_is_beside_its_checkpoint(trained: Path) -> None:
    files = {path.name for path in trained.iterdir()}
    assert {"run.json", "curves.jsonl", "curves.png", "README.md", "reward.json", "reward.md"} <= files
    record = read_run(trained)
    assert record is not None
    assert (record.data.config, record.data.others) == (BOTH[0], BOTH[1:])
    due = sum(count_rows(reasoning_release(), config, Split.TRAIN) for config in BOTH)
    assert (record.rows[Split.TRAIN].available, record.rows[Split.TRAIN].read) == (due, 40)
    assert {
        "eval_loss",
        "eval_step_loss",
        "eval_pair_loss",
        "test_step_auc",
        "test_pair_accuracy",
    } <= record.results.keys()
    first, *_ = [log for log in read_curves(trained) if "loss" in log]
    parts = [first[name] for name in ("step_loss", "pair_loss") if name in first]
    assert first["loss"] == pytest.approx(sum(parts), abs=1e-4), "both weigh 1 in the recipe"
    card = (trained / "README.md").read_text()
    assert "config `reasoning_steps` and `reasoning_pairs`" in card
    assert "Held-out dialogues" in card
    assert "TF-IDF, logistic regression" in card
    assert str(DATA.parent) not in card


def test_report_is_of_all_held_out_rows(trained: Path) -> None:
    report = RewardReport.model_validate(json.loads((trained / "reward.json").read_bytes()))
    due = [count_rows(reasoning_release(), config, Split.TEST) for config in BOTH]
    every = {one.scorer: one.steps for one in report.steps if one.step == "all"}
    assert set(every.values()) == {due[0] * len(Step)}
    assert next(iter(every)) == MODEL
    assert {one.accuracy.n for one in report.pairs} == {due[1]}


def test_model_that_is_loaded_again_scores_as_it_did(trained: Path) -> None:
    """Also one by one, without padding; and as a sequence classifier it gives the score of the reply."""
    import torch
    from transformers import AutoModelForSequenceClassification

    model = RewardModel.load(trained, use_cpu=True)
    rows = load_reward_rows(open_release(str(DATA), None, *BOTH), Split.TEST).select(range(6))
    steps = LabelledExamples.of(rows).steps
    scores = model.score([(row["prompt"], parts) for row, parts in zip(rows, steps, strict=True)])
    assert scores == [pytest.approx(line, abs=1e-5) for line in score_rows(model, rows).steps.tolist()]
    alone = [model.score([(row["prompt"], parts)])[0] for row, parts in zip(rows, steps, strict=True)]
    assert scores == [pytest.approx(one, abs=1e-5) for one in alone]
    whole = AutoModelForSequenceClassification.from_pretrained(trained)
    sequences = [(row["prompt"], row["trace"][0]["content"], row["ends"]) for row in rows]
    for (_, _, _, reply), one in zip(scores, encode(model.tokenizer, sequences), strict=True):
        assert reply == pytest.approx(float(whole(torch.tensor([one.ids])).logits.detach().sigmoid()), abs=1e-5)
    assert model.score([]) == []


def test_mixed_batches_of_a_part_alone(tmp_path: Path) -> None:
    record = run_quick(NAME, DATA, tmp_path / "out", max_rows=12, pair_weight=0)
    assert record.results["train_loss"] > 0
    assert record.settings["pair_weight"] == 0


def test_adapter_with_its_head_is_loaded_again(tmp_path: Path) -> None:
    lora = {"use_peft": True, "lora_task_type": "TOKEN_CLS", "lora_target_modules": ["q_proj", "v_proj"]}
    record = run_quick(NAME, DATA, tmp_path / "out", max_rows=12, **lora)
    assert record.adapter
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
    model = RewardModel.load(tmp_path / "out", use_cpu=True)
    rows = load_reward_rows(open_release(str(DATA), None, *BOTH), Split.TEST)
    report = RewardReport.model_validate(json.loads((tmp_path / "out" / "reward.json").read_bytes()))
    said = score_rows(model, rows).steps
    labels = LabelledExamples.of(rows).labels
    assert report.steps[0].brier.value == pytest.approx(float(((said - labels) ** 2).mean()), abs=1e-4)


def test_interrupted_run_goes_on_as_if_nothing_had_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import TrainerCallback

    from ipm_prefdial.recipes.train import _trainers as trainers
    from ipm_prefdial.recipes.train import run

    class Interrupt(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if state.global_step == 3:
                raise KeyboardInterrupt

    def made(*given: Any) -> Any:
        trainer = trainers.make_trainer(*given)
        trainer.add_callback(Interrupt())
        return trainer

    saving = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2, "max_rows": 24}
    run_quick(NAME, DATA, tmp_path / "whole", **saving)
    with monkeypatch.context() as patch:
        patch.setattr(run, "make_trainer", made)
        with pytest.raises(KeyboardInterrupt):
            run_quick(NAME, DATA, tmp_path / "parts", **saving)
    resumed = run_quick(NAME, DATA, tmp_path / "parts", **saving)
    assert (resumed.state, resumed.resumed_from) == ("done", 2)
    weights = [(tmp_path / part / "model.safetensors").read_bytes() for part in ("whole", "parts")]
    assert weights[0] == weights[1]
    assert (tmp_path / "whole" / "reward.json").read_bytes() == (tmp_path / "parts" / "reward.json").read_bytes()


def test_release_without_reasoning(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no config reasoning_steps, which is needed here; it has completions"):
        run_quick(NAME, small_release().root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_changed_table_of_the_second_config_is_noticed(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", reasoning_release())
    flip_byte(release.root / "data/reasoning_pairs/train-00000-of-00001.parquet")
    with pytest.raises(DataError, match=r"reasoning_pairs/train.* changed after its manifest was written"):
        run_quick(NAME, release.root, tmp_path / "out")


def test_no_report_where_nothing_is_held_out(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", reasoning_release())
    for config in BOTH:
        write_config(release, config, Split.TEST, [])
    refresh_hashes(release.root)
    record = run_quick(NAME, release.root, tmp_path / "out", max_rows=12)
    assert not [name for name in record.results if name.startswith("test_")]
    assert not (tmp_path / "out" / "reward.md").exists()
    assert "Held-out" not in (tmp_path / "out" / "README.md").read_text()


def test_architecture_without_a_token_classifier(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "base", tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps({**config, "model_type": "opt"}))
    (tmp_path / "mine.yaml").write_text(
        f"task: reward\nstage: reward\nuse_cpu: true\nbf16: false\nmodel_name_or_path: {tmp_path / 'model'}\n"
    )
    with pytest.raises(
        UsageError, match="model: Transformers has no token classifier for the architecture opt"
    ) as error:
        run_quick(str(tmp_path / "mine.yaml"), DATA, tmp_path / "out")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (None, "not a reward model: it holds no run of a reward recipe"),
        ({"task": "planner", "stage": "sft"}, "holds a planner, not a reward model"),
        ({"state": "running"}, "the reward model is not finished"),
    ],
)
def test_folder_that_holds_no_reward_model(
    change: dict[str, str] | None, told: str, trained: Path, tmp_path: Path
) -> None:
    if change is not None:
        record = json.loads((trained / "run.json").read_text()) | change
        (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match=told):
        RewardModel.load(tmp_path)


@pytest.mark.slow
def test_planted_faults_are_learnt_that_no_bag_of_words_sees(tmp_path: Path) -> None:
    """A wrong strategy contradicts its own reason: each word alone says nothing."""
    data = reasoning_release(3).root
    size = {"random_width": 64, "random_layers": 2, "random_vocabulary": 1000}
    record = run_quick(NAME, data, tmp_path / "out", max_steps=300, per_device_train_batch_size=16, **size)
    report = RewardReport.model_validate(json.loads((tmp_path / "out" / "reward.json").read_bytes()))
    accuracy = {(one.scorer, one.step): one.accuracy for one in report.steps}
    model, words = accuracy[MODEL, "all"], accuracy["TF-IDF, logistic regression", "all"]
    assert model.low is not None
    assert words.value is not None
    assert model.low > words.value
    assert record.results["test_pair_accuracy"] > 0.95
