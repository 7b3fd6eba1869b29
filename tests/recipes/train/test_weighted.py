"""Rows count by their weights in SFT, and where all weigh the same, the loss is TRL's own to the last digit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

from support.reasoning import reasoning_release
from support.training import run_quick

from ipm_prefdial.recipes.tiny import make_tiny
from ipm_prefdial.recipes.train._trainers import _normalise_weights, make_weighted_trainer
from ipm_prefdial.schemas.errors import UsageError

pytestmark = [
    pytest.mark.train,
    # TRL 1.16 still asks Transformers 5.23 by the old name.
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated:FutureWarning"),
]

SAID = [
    "It hailed all night.",
    "The kiln broke, and the glaze with it.",
    "Nobody came.",
    "The bridge was closed again.",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the smallest model."""
    folder = tmp_path_factory.mktemp("model")
    make_tiny(folder, SAID * 9, width=16, layers=1, vocabulary=300, positions=128, seed=1)
    return folder


@dataclass(frozen=True)
class Stepped:
    """What came of one step."""

    loss: float
    eval_loss: float
    weights: Any
    """All parameters after it, as one vector."""


def _step(model: Path, out: Path, said: Sequence[str], weights: Sequence[float] | None, **settings: Any) -> Stepped:
    """One step of plain gradient descent over all rows, by TRL's trainer where no weights are given."""
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows: dict[str, Any] = {
        "prompt": [[{"role": "user", "content": "How was it?"}] for _ in said],
        "completion": [[{"role": "assistant", "content": text}] for text in said],
    }
    rows |= {} if weights is None else {"weight": list(weights)}
    accumulated = settings.get("gradient_accumulation_steps", 1)
    arguments = SFTConfig(
        output_dir=str(out), use_cpu=True, bf16=False, activation_checkpointing=False, max_steps=1, logging_steps=1,
        learning_rate=1.0, optim="sgd", max_grad_norm=0.0, save_strategy="no", report_to="none", disable_tqdm=True,
        per_device_train_batch_size=len(said) // accumulated, per_device_eval_batch_size=len(said), **settings,
    )  # fmt: skip
    make = SFTTrainer if weights is None else make_weighted_trainer
    data = Dataset.from_dict(rows)
    trainer = make(model=str(model), args=arguments, train_dataset=data, eval_dataset=data)
    eval_loss = trainer.evaluate()["eval_loss"]
    trainer.train()
    (loss,) = (log["loss"] for log in trainer.state.log_history if "loss" in log)
    return Stepped(loss, eval_loss, torch.cat([one.detach().flatten() for one in trainer.model.parameters()]))


@pytest.mark.parametrize("accumulated", [1, 2])
@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_equal_weights_are_trls_own_loss(model: Path, tmp_path: Path, accumulated: int, weight: float) -> None:
    settings = {"gradient_accumulation_steps": accumulated}
    plain = _step(model, tmp_path, SAID, None, **settings)
    weighed = _step(model, tmp_path, SAID, [weight] * 4, **settings)
    assert (weighed.loss, weighed.eval_loss) == (plain.loss, plain.eval_loss)
    assert weighed.weights.equal(plain.weights)


def test_row_without_weight_teaches_nothing(model: Path, tmp_path: Path) -> None:
    one = _step(model, tmp_path, SAID[:2], [1.0, 0.0])
    other = _step(model, tmp_path, [SAID[0], SAID[3]], [0.5, 0.0])
    assert one.loss == pytest.approx(other.loss, rel=1e-5)
    assert one.weights.allclose(other.weights, atol=1e-6)
    told = _step(model, tmp_path, SAID[:2], [1.0, 1.0])
    assert not one.weights.allclose(told.weights, atol=1e-4)


@pytest.mark.parametrize("accumulated", [1, 3])
def test_two_halves_are_one_whole(model: Path, tmp_path: Path, accumulated: int) -> None:
    """Also where they come in different batches of one step."""
    whole = _step(model, tmp_path, SAID[:2], None)
    halves = _step(model, tmp_path, [SAID[0], SAID[0], SAID[1]], [0.5, 0.5, 1.0],
                   gradient_accumulation_steps=accumulated)  # fmt: skip
    assert halves.loss == pytest.approx(whole.loss, rel=1e-4)
    assert halves.weights.allclose(whole.weights, atol=1e-6)
    if accumulated == 1:
        assert halves.eval_loss == pytest.approx(whole.eval_loss, rel=1e-5)


@pytest.mark.parametrize("setting", [{"packing": True}, {"label_smoothing_factor": 0.1}, {"loss_type": "dft"}])
def test_settings_that_would_lose_the_weights_are_refused(setting: dict[str, Any], tmp_path: Path) -> None:
    (name,) = setting
    with pytest.raises(UsageError, match=f"{name}=.* the rows have weights"):
        run_quick("tiny/reasoner/sft", reasoning_release().root, tmp_path / "out", **setting)


def test_weights_have_a_mean_of_1_over_the_tokens_that_a_loss_is_of() -> None:
    """The first token has none, since nothing comes before it; here it has a label all the same."""
    import torch

    batch = {"labels": torch.tensor([[5, 6, -100], [-100, 7, 8]]), "weight": torch.tensor([3.0, 1.0])}
    _normalise_weights([batch])
    tokens = torch.tensor([1.0, 2.0])
    assert float((batch["weight"] * tokens).sum() / tokens.sum()) == pytest.approx(1)
