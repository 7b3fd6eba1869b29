"""GRPO starts from the SFT checkpoint, is rewarded by the reward model, and writes down both."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

from support.command import ipm_prefdial
from support.reasoning import reasoning_release
from support.traces import TRACE
from support.training import run_quick, small_release

from ipm_prefdial.recipes.runs.record import read_run
from ipm_prefdial.recipes.train.outputs import read_curves
from ipm_prefdial.schemas.errors import DataError, UsageError
from ipm_prefdial.schemas.verdict import Unparsed

pytestmark = [
    pytest.mark.train,
    # TRL 1.16 still asks Transformers 5.23 by the old name.
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated:FutureWarning"),
]

NAME = "tiny/reasoner/grpo"
DATA = reasoning_release().root
RISE = 0.05
"""Of the reward, at least, where a whole trace scores about 1 in sum; without learning, the difference has a standard
error of some 0.035."""
LOGGED = {
    "reward",
    "process",
    "process_min",
    "outcome",
    "format",
    "redundancy",
    "strategy_accuracy",
    "distinct_2",
    "self_bleu",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an SFT run and a reward model, laid out as the command lays them out, and a GRPO run of both."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", root / "cache")
        run_quick("tiny/reasoner/sft", DATA, root / "reasoner" / "sft", max_rows=12)
        run_quick("tiny/reward/reward", DATA, root / "reward" / "reward", max_rows=12)
        run_quick(NAME, DATA, root / "reasoner" / "grpo", save_strategy="steps", save_steps=1)
    yield root


def test_run_names_what_it_started_from_and_what_rewarded_it(runs: Path) -> None:
    record = read_run(runs / "reasoner" / "grpo")
    assert record is not None
    assert record.start is not None
    assert record.reward is not None
    assert (record.start.name, record.reward.name) == ("tiny/reasoner/sft", "tiny/reward/reward")
    assert (record.state, record.steps, record.data.config) == ("done", 2, "reasoning")
    card = (runs / "reasoner" / "grpo" / "README.md").read_text()
    assert "| rewarded by | tiny/reward/reward on release 1.0.0 of `release` |" in card
    assert "A high reward does not mean that a reply helps a person" in card
    assert str(runs) not in card + (runs / "reasoner" / "grpo" / "run.json").read_text()


def test_every_part_has_a_curve(runs: Path) -> None:
    logs = [log for log in read_curves(runs / "reasoner" / "grpo") if "reward" in log]
    assert [log["step"] for log in logs] == [1, 2]
    assert logs[0].keys() >= LOGGED
    assert (runs / "reasoner" / "grpo" / "curves.png").is_file()


def test_finished_run_is_left_and_other_weights_are_another_run(runs: Path) -> None:
    settings = {"save_strategy": "steps", "save_steps": 1}
    assert run_quick(NAME, DATA, runs / "reasoner" / "grpo", **settings) == read_run(runs / "reasoner" / "grpo")
    with pytest.raises(UsageError, match="holds another run: process differs"):
        run_quick(NAME, DATA, runs / "reasoner" / "grpo", **settings, process=0.5)


def test_run_without_a_reward_model_does_not_begin(runs: Path, tmp_path: Path) -> None:
    start = str(runs / "reasoner" / "sft")
    with pytest.raises(UsageError, match="holds no reward model: run the reward recipe first"):
        run_quick(NAME, DATA, tmp_path / "reasoner" / "grpo", sft_checkpoint=start)
    with pytest.raises(UsageError, match="nothing is rewarded, since a well-formed trace earns nothing by itself"):
        run_quick(NAME, DATA, runs / "reasoner" / "other", process=0, outcome=0)
    with pytest.raises(UsageError, match="process_credit: 'most' is none of mean, min, per_step"):
        run_quick(NAME, DATA, runs / "reasoner" / "other", process_credit="most")


def test_advantages_are_trls_own_until_they_are_shaped(runs: Path, tmp_path: Path) -> None:
    """What the first step has under `per_step` is what TRL computes; the rest of a token's is ours."""
    from trl import GRPOTrainer

    from ipm_prefdial.recipes.grpo import reward as rewards
    from ipm_prefdial.recipes.grpo import trainer

    theirs, ours = [], []
    whole, compare = GRPOTrainer._generate_and_score_completions, trainer.group_advantages
    with pytest.MonkeyPatch.context() as patch:
        # A model of a few thousand random weights writes no trace: every second completion is taken for one.
        said = iter(range(10_000))
        patch.setattr(rewards, "parse_trace", lambda text: TRACE if next(said) % 2 else Unparsed(reason="x", raw=text))
        patch.setattr(trainer, "find_step_ends", lambda tokenizer, ids: [1, 3, 5])

        def keep_theirs(self: object, inputs: object) -> object:
            theirs.append((output := whole(self, inputs))["advantages"])
            return output

        def keep_ours(*given: object) -> object:
            ours.append(found := compare(*given))  # type: ignore[arg-type]
            return found

        patch.setattr(GRPOTrainer, "_generate_and_score_completions", keep_theirs)
        patch.setattr(trainer, "group_advantages", keep_ours)
        places = {"sft_checkpoint": str(runs / "reasoner" / "sft"), "reward_model": str(runs / "reward" / "reward")}
        record = run_quick(NAME, DATA, tmp_path / "grpo", process_credit="per_step", **places)
    assert record.state == "done"
    assert len(theirs) == len(ours) == 2
    for one, other in zip(theirs, ours, strict=True):
        assert one.abs().max() > 0.1
        assert other[:, 0].tolist() == pytest.approx(one.tolist(), abs=1e-4)


def test_what_is_named_must_be_what_it_is_named_for(runs: Path, tmp_path: Path) -> None:
    sft, reward = str(runs / "reasoner" / "sft"), str(runs / "reward" / "reward")
    out = tmp_path / "reasoner" / "grpo"
    with pytest.raises(UsageError, match="holds a reasoner, not a reward model"):
        run_quick(NAME, DATA, out, sft_checkpoint=sft, reward_model=sft)
    with pytest.raises(UsageError, match="is a checkpoint of the reward; this recipe trains reasoner"):
        run_quick(NAME, DATA, out, sft_checkpoint=reward, reward_model=reward)
    with pytest.raises(UsageError, match="starts from an SFT checkpoint"):
        run_quick(NAME, DATA, out)
    assert not out.exists()


def test_release_without_reasoning(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no config reasoning, which is needed here"):
        run_quick(NAME, small_release().root, tmp_path / "out")


@pytest.mark.slow
def test_ablation_trains_every_variant_and_goes_on(runs: Path) -> None:
    sets = (
        "max_steps=1",
        "num_generations=2",
        "per_device_train_batch_size=4",
        "max_completion_length=8",
        "max_rows=8",
    )
    words = ("recipe", "ablate", NAME, "--data", DATA, "--out", runs / "reasoner" / "ablation")
    given = [word for one in sets for word in ("--set", one)]
    done = ipm_prefdial(*words, *given)
    assert done.code == 0, done.err
    assert done.out == (runs / "reasoner" / "ablation" / "ablation.md").read_text()
    folders = sorted(path.name for path in (runs / "reasoner" / "ablation").iterdir() if path.is_dir())
    assert folders == ["all-parts", "without-outcome", "without-process", "without-redundancy"]
    again = ipm_prefdial(*words, *given, "--json")
    assert "finished already" in again.err
    assert list(json.loads(again.out))[:2] == ["at the beginning", "all parts"]


@pytest.fixture(scope="module")
def beginner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reasoner of SFT that was stopped early: somewhat less than half of its traces can be read; and a reward model
    that has learnt next to nothing, for which a trace that can be read is worth about one."""
    root = tmp_path_factory.mktemp("beginner")
    size = {"random_width": 64, "random_layers": 2, "random_vocabulary": 1000}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", root / "cache")
        data = reasoning_release(3).root
        run_quick("tiny/reasoner/sft", data, root / "sft", max_steps=350, per_device_train_batch_size=8, **size)
        run_quick("tiny/reward/reward", data, root / "reward", max_rows=12)
    return root


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_mean_reward_rises(beginner: Path, tmp_path: Path, seed: int) -> None:
    """Every step is over the same eight prompts, so that it is the model that changes and not what it is asked."""
    settings = {"max_steps": 30, "num_generations": 8, "per_device_train_batch_size": 64, "max_completion_length": 128}
    small = {"max_rows": 8, "learning_rate": 2e-4, "redundancy": 0, "seed": seed}
    places = {"sft_checkpoint": str(beginner / "sft"), "reward_model": str(beginner / "reward")}
    run_quick(NAME, reasoning_release(3).root, tmp_path / "grpo", **settings, **small, **places)
    rewards = [log["reward"] for log in read_curves(tmp_path / "grpo") if "reward" in log]
    assert len(rewards) == 30
    assert sum(rewards[-10:]) / 10 > sum(rewards[:5]) / 5 + RISE
