"""Checkpoints as servers see them."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the [train] extra")

from support.checkpoints import untrained

from ipm_prefdial.recipes.serving.view import check_checkpoint, make_view, revision_of
from ipm_prefdial.schemas.errors import UsageError

pytestmark = pytest.mark.train


def test_view_draws_as_requests_say_and_leaves_the_checkpoint_alone(tmp_path: Path) -> None:
    checkpoint = untrained(tmp_path / "checkpoint")
    given = {"eos_token_id": 4, "pad_token_id": 0, "repetition_penalty": 1.1, "top_k": 20, "do_sample": False}
    (checkpoint / "generation_config.json").write_text(json.dumps(given))
    (checkpoint / "run.json").write_text("{}")
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    for _ in range(2):  # a view that is there is made anew
        make_view(checkpoint, tmp_path / "view")
    settings = json.loads((tmp_path / "view" / "generation_config.json").read_text())
    assert settings == {"eos_token_id": 4, "pad_token_id": 0, "do_sample": True}
    names = {path.name for path in (tmp_path / "view").iterdir()}
    assert names == before.keys() - {"run.json"}
    assert (tmp_path / "view" / "model.safetensors").read_bytes() == before["model.safetensors"]
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before


def test_revision_tells_weights_apart_and_nothing_else(tmp_path: Path) -> None:
    one, same, other = (untrained(tmp_path / str(at), seed) for at, seed in enumerate((1, 1, 2)))
    (same / "README.md").write_text("another text")
    assert revision_of(one) == revision_of(same) != revision_of(other)
    assert len(revision_of(one)) == 16


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("config.json", "neither config.json nor adapter_config.json"),
        ("model.safetensors", "no weights"),
        ("tokenizer_config.json", "no tokenizer"),
    ],
)
def test_folder_that_is_no_checkpoint(missing: str, told: str, tmp_path: Path) -> None:
    checkpoint = untrained(tmp_path / "checkpoint")
    check_checkpoint(checkpoint)
    (checkpoint / missing).unlink()
    with pytest.raises(UsageError, match=told):
        make_view(checkpoint, tmp_path / "view")
    assert not (tmp_path / "view").exists()
    with pytest.raises(UsageError, match="no such folder"):
        check_checkpoint(tmp_path / "nowhere")


# PEFT still asks Transformers 5.23 by the old name.
@pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.slow
def test_adapter_is_merged(tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = untrained(tmp_path / "base")
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False),
    )
    model.save_pretrained(tmp_path / "adapter")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "adapter")
    make_view(tmp_path / "adapter", tmp_path / "view")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "view")
    words = torch.tensor([[5, 9, 40, 4]])
    with torch.no_grad():
        assert torch.allclose(merged(words).logits, model.eval()(words).logits, atol=1e-5)
    assert json.loads((tmp_path / "view" / "generation_config.json").read_text())["do_sample"] is True
    (tmp_path / "adapter" / "adapter_config.json").write_text("{")
    with pytest.raises(UsageError, match="the adapter cannot be merged"):
        make_view(tmp_path / "adapter", tmp_path / "view")
