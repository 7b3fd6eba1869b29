"""The chat templates of the models that the recipes name: rows are cut and learned from under them as under our own.

TRL ships these templates; the weights and the tokenizers of the models are not needed for them.
"""

import copy
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

from support.training import small_release

from ipm_prefdial.recipes.catalogue import ANSWERS, TrainingStage, TrainingTask, configs_of
from ipm_prefdial.recipes.data.fit import fit_rows, load_rows, measure_with
from ipm_prefdial.recipes.data.release import open_release
from ipm_prefdial.recipes.runs.start import check_end_of_turn
from ipm_prefdial.recipes.tiny import make_tiny
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import UsageError

pytestmark = pytest.mark.train

ENDS = {"qwen2_5": "<|im_end|>", "llama3_1": "<|eot_id|>"}
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]


@pytest.fixture(scope="module", params=sorted(ENDS))
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small tokenizer with the template and the special tokens of a model."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("model")
    make_tiny(folder, ["How are you?"] * 9, width=16, layers=1, vocabulary=300, positions=64, seed=1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    tokenizer.eos_token = ENDS[request.param]
    tokenizer.bos_token = "<|begin_of_text|>"
    template = Path(str(files("trl") / "chat_templates" / f"{request.param}.jinja"))
    tokenizer.chat_template = template.read_text(encoding="utf-8")
    return tokenizer


@pytest.mark.parametrize("task", [TrainingTask.PLANNER, TrainingTask.RESPONDER, TrainingTask.JOINT])
def test_answer_ends_a_generation_and_rows_fit(tokenizer: Any, task: TrainingTask) -> None:
    (config,), answers = configs_of(task, TrainingStage.SFT), ANSWERS[TrainingStage.SFT]
    rows = load_rows(open_release(str(small_release().root), None, config), config, Split.TRAIN, answers)
    check_end_of_turn("mine", tokenizer, rows[0], "completion")
    whole, _ = fit_rows(rows, answers, measure_with(tokenizer), None)
    longest = max(whole["length"]) - 200
    fitted, counts = fit_rows(rows, answers, measure_with(tokenizer), longest)
    assert counts.cut > 0
    assert counts.dropped == 0
    assert counts.used == len(fitted) > counts.cut
    assert max(fitted["length"]) <= longest
    systems = {row["prompt"][0]["content"] for row in rows}
    assert {row["prompt"][0]["content"] for row in fitted} <= systems


def test_base_models_token_is_told_from_the_end_of_a_turn(tokenizer: Any) -> None:
    row = {"prompt": [{"role": "user", "content": "Hi"}], "completion": [{"role": "assistant", "content": "Hello"}]}
    base = copy.deepcopy(tokenizer)
    base.eos_token = "<|end|>"
    with pytest.raises(UsageError, match="would never stop"):
        check_end_of_turn("mine", base, row, "completion")
