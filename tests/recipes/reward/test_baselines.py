"""Faults that show only beside the dialogue: no scorer that reads the trace alone finds them, and a tiny model does."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

from sklearn.metrics import roc_auc_score
from support.compared import compared_release, dialogues
from support.training import run_quick

from ipm_prefdial.recipes.data.release import open_release
from ipm_prefdial.recipes.reward._baselines import BASELINES, LabelledExamples
from ipm_prefdial.recipes.reward.report import MODEL, RewardReport
from ipm_prefdial.recipes.reward.rows import load_reward_rows
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split

pytestmark = pytest.mark.train

DRAWS = 8


@pytest.mark.parametrize("name", BASELINES)
def test_who_does_not_read_the_dialogue_is_at_chance(name: str) -> None:
    data = open_release(str(compared_release(DRAWS).root), None, Config.REASONING_STEPS, Config.REASONING_PAIRS)
    training, held_out = (LabelledExamples.of(load_reward_rows(data, split)) for split in (Split.TRAIN, Split.TEST))
    assert not set(training.step_dialogues.tolist()) & set(held_out.step_dialogues.tolist())
    assert len(set(held_out.step_dialogues.tolist())) == len(dialogues(Split.TEST)) == 64
    said = BASELINES[name](training, held_out)
    assert roc_auc_score(held_out.labels.ravel(), said.steps.ravel()) == pytest.approx(0.5, abs=0.06)
    in_order = np.sign(said.pairs[:, 0] - said.pairs[:, 1]) / 2 + 0.5
    assert in_order.mean() == pytest.approx(0.5, abs=0.08)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated:FutureWarning")
def test_tiny_model_reads_the_dialogue(tmp_path: Path) -> None:
    settings = {"max_steps": 800, "per_device_train_batch_size": 32, "max_rows": 9_000, "max_length": 256}
    size = {"random_width": 64, "random_layers": 2, "random_vocabulary": 600, "learning_rate": 3e-3}
    run_quick("tiny/reward/reward", compared_release(DRAWS).root, tmp_path / "out", **settings, **size)
    report = RewardReport.model_validate(json.loads((tmp_path / "out" / "reward.json").read_bytes()))
    (steps,) = (one.auc.low for one in report.steps if (one.scorer, one.step) == (MODEL, "all"))
    (pairs,) = (one.accuracy.low for one in report.pairs if one.scorer == MODEL)
    assert steps is not None
    assert pairs is not None
    assert min(steps, pairs) > 0.6, "the lower ends of the intervals over held-out dialogues"
