"""What the training script is given: every recipe is what the installed TRL takes, and a mistake is one line."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.recipes.catalogue import TrainingStage, find_recipe, recipe_names
from ipm_prefdial.recipes.runs.arguments import Arguments, RewardArguments, parse, words_of
from ipm_prefdial.schemas.errors import UsageError

pytestmark = [
    pytest.mark.train,
    # TRL 1.16 sets what Transformers 5.23 has renamed.
    pytest.mark.filterwarnings("ignore:.gradient_checkpointing. is deprecated:FutureWarning"),
]

ON_CPU = ("--use_cpu", "true", "--bf16", "false")


def _parse(name: str, tmp_path: Path, *words: str) -> Arguments:
    return parse(["--config", name, "--data", "release", "--output_dir", str(tmp_path), *words])


@pytest.mark.parametrize("name", recipe_names())
def test_installed_trl_takes_every_recipe(name: str, tmp_path: Path) -> None:
    from trl import DPOConfig, GRPOConfig, ModelConfig, RewardConfig, SFTConfig

    arguments = _parse(name, tmp_path, *ON_CPU)
    kinds = {
        TrainingStage.SFT: SFTConfig,
        TrainingStage.DPO: DPOConfig,
        TrainingStage.GRPO: GRPOConfig,
        TrainingStage.REWARD: RewardConfig,
    }
    assert type(arguments.training) is kinds[arguments.recipe.stage]
    assert type(arguments.model) is ModelConfig
    for key, value in find_recipe(name).settings.items():
        if key in ("use_cpu", "bf16"):
            continue
        holders = (arguments.own, arguments.training, arguments.model, arguments.stage)
        holder = next(one for one in holders if hasattr(one, key))
        found = getattr(holder, key)
        # An enumeration of Transformers equals its text; TRL takes a list of one module as its name.
        assert found in (value, *(value if isinstance(value, list) else ())), key


def test_command_line_goes_before_the_file_and_is_recorded(tmp_path: Path) -> None:
    arguments = _parse(
        "tiny/planner/dpo", tmp_path, "--beta", "0.3", "--loss_type", "sigmoid", "sft", "--max_steps", "7"
    )
    assert (arguments.training.beta, arguments.training.loss_type, arguments.training.max_steps) == (
        0.3,
        ["sigmoid", "sft"],
        7,
    )
    assert arguments.settings["beta"] == 0.3
    assert arguments.settings["max_steps"] == 7
    assert arguments.settings["seed"] == 42, "what the file says is recorded as well"
    assert "weight_decay" not in arguments.settings, "a default is not"
    assert not {"data", "output_dir", "task"} & arguments.settings.keys(), "places have records of their own"


def test_number_that_yaml_takes_for_a_text_is_a_number(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(find_recipe("tiny/joint/sft").text.replace("2.0e-3", "1e-5"))
    assert _parse(str(path), tmp_path).training.learning_rate == 1e-5


def test_record_has_no_folders(tmp_path: Path) -> None:
    (tmp_path / "my-model").mkdir()
    arguments = _parse("tiny/planner/dpo", tmp_path, "--model_name_or_path", str(tmp_path / "my-model"))
    assert arguments.settings["model_name_or_path"] == "my-model"
    assert arguments.model.model_name_or_path == str(tmp_path / "my-model")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--learning_rat", "1"), "no setting 'learning_rat'; did you mean learning_rate"),
        (("--max_steps", "many"), "max_steps.*invalid int value: 'many'"),
        (("--eval_strategy", "weekly"), "invalid choice: 'weekly'"),
        (("--stage", "sft"), "task and stage are fixed by the recipe"),
        (("--task", "joint"), "task and stage are fixed by the recipe"),
        (("--loss_weights", "1", "2"), "loss_weights"),
        (("--data", ""), "name a release"),
    ],
)
def test_wrong_word_is_one_line(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told) as error:
        _parse("tiny/planner/dpo", tmp_path, *words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("tiny/reasoner/grpo", ("--process", "-1"), "process: -1.0 is not 0 or more"),
        ("tiny/reasoner/grpo", ("--redundancy", "nan"), "redundancy: nan is not 0 or more"),
        ("tiny/reasoner/grpo", ("--process", "0", "--outcome", "0"), "nothing is rewarded"),
        ("tiny/reasoner/grpo", ("--num_generations", "5"), "num_generations"),
        ("tiny/reward/reward", ("--pair_weight", "-0.5"), "pair_weight: -0.5 is not 0 or more"),
        ("tiny/reward/reward", ("--pair_weight", "0", "--step_weight", "0"), "nothing is learnt"),
        ("tiny/reward/reward", ("--redundancy", "1"), "no setting 'redundancy'"),
    ],
)
def test_weights_that_teach_nothing(name: str, words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told) as error:
        _parse(name, tmp_path, *words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("learning_rat: 1.0", "no setting 'learning_rat'; did you mean learning_rate"),
        ("max_seq_length: 512", "no setting 'max_seq_length'"),
        ("eval_strategy: weekly", "weekly"),
        ("config: other.yaml", "no setting 'config'"),
    ],
)
def test_wrong_line_of_an_own_recipe_is_one_line(line: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"task: planner\nstage: sft\nrandom_width: 16\nuse_cpu: true\nbf16: false\n{line}\n")
    with pytest.raises(UsageError, match=told) as error:
        _parse(str(path), tmp_path)
    assert "\n" not in str(error.value)


def test_recipe_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--config RECIPE"):
        parse(["--data", str(tmp_path)])


def test_sft_needs_a_model(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("task: planner\nstage: sft\nuse_cpu: true\nbf16: false\n")
    with pytest.raises(UsageError, match="model_name_or_path"):
        _parse(str(path), tmp_path)


@pytest.mark.parametrize("words", [(), ("--bf16", "false")])
def test_recipe_for_a_gpu_says_so_without_one(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    with pytest.raises(UsageError, match="needs a GPU, and torch sees none"):
        _parse("qwen2.5-0.5b-instruct/planner/sft", tmp_path, *words)


def test_gpu_without_bfloat16_is_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: False)
    with pytest.raises(UsageError, match="bf16=false and fp16=true"):
        _parse("qwen2.5-0.5b-instruct/planner/sft", tmp_path)


values = st.one_of(st.booleans(), st.integers(0, 99), st.floats(0, 1, allow_subnormal=False))


@given(values)
def test_words_of_a_value_are_read_back(value: Any) -> None:
    from trl import TrlParser

    from ipm_prefdial.recipes.runs.arguments import RecipeArguments

    name = {bool: "use_cpu", int: "max_steps", float: "learning_rate"}[type(value)]
    from trl import SFTConfig

    namespace, rest = TrlParser((RecipeArguments, SFTConfig)).parse_known_args(words_of([(name, value)]))
    assert getattr(namespace, name) == value
    assert rest == []


def test_null_cannot_be_written_as_a_word() -> None:
    with pytest.raises(UsageError, match="beta: null"):
        words_of([("beta", None)])


def test_one_part_of_the_reward_models_loss_may_be_left_out() -> None:
    RewardArguments(step_weight=0.0).check("mine")
    RewardArguments(pair_weight=0.0).check("mine")
    with pytest.raises(UsageError, match="both 0"):
        RewardArguments(step_weight=0.0, pair_weight=0.0).check("mine")
