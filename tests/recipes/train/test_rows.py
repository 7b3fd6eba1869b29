"""A stage is given the columns that it uses, and GRPO every prompt once."""

import pytest

pytest.importorskip("datasets", reason="needs datasets")

from support.reasoning import count_rows, reasoning_release

from ipm_prefdial.recipes.catalogue import TrainingStage, TrainingTask
from ipm_prefdial.recipes.data.release import SelectedData, open_release
from ipm_prefdial.recipes.train._rows import load_stage_rows
from ipm_prefdial.schemas.base import digest_of
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split

DRAWS = 3


def test_demonstrations_come_with_their_weights_and_prompts_once() -> None:
    release = reasoning_release(DRAWS)
    data = SelectedData.of(open_release(str(release.root), None, Config.REASONING))
    sft, grpo = (
        load_stage_rows(data, TrainingTask.REASONER, stage, Split.TRAIN)
        for stage in (TrainingStage.SFT, TrainingStage.GRPO)
    )
    assert len(sft) == count_rows(release, Config.REASONING, Split.TRAIN)
    assert sft.column_names == ["prompt", "completion", "weight"]
    asked = [digest_of(prompt) for prompt in grpo["prompt"]]
    assert len(asked) == len(set(asked)) <= len(sft) // DRAWS
    assert asked == list(dict.fromkeys(digest_of(prompt) for prompt in sft["prompt"]))
    assert grpo.column_names == ["prompt", "completion", "human_strategy"]
