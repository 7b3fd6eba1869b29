"""Rows of a release go into TRL's own trainers as they are: no mapping, no script, no package of ours."""

import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

from datasets import Dataset, load_dataset
from support.releases import shared_release

from ipm_prefdial.schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config

pytestmark = [
    pytest.mark.train,
    # TRL 1.16 still asks Transformers 5.23 by the old name.
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
]

_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[Config, Dataset]:
    """Eight rows of each config, as plain `datasets` loads them."""
    cache = str(tmp_path_factory.mktemp("cache"))
    root = str(shared_release().root)
    return {
        config: load_dataset(root, config.value, split="train", cache_dir=cache).select(range(8))
        for config in (*SFT_CONFIGS, *PAIR_CONFIGS)
    }


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, rows: dict[Config, Dataset]) -> Path:
    """A Llama of random weights and a tokenizer made of the rows' own words, with a pad token of its own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<pad>", "<unk>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = [
        message["content"] for row in rows[Config.RESPONSE_SFT] for message in (*row["prompt"], *row["completion"])
    ]
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=600,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", eos_token="<|end|>", chat_template=_TEMPLATE
    )
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        pad_token_id=fast.pad_token_id,
        eos_token_id=fast.eos_token_id,
        bos_token_id=None,
    )
    folder = tmp_path_factory.mktemp("model")
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


_SETTINGS: dict[str, Any] = {
    "max_steps": 2,
    "per_device_train_batch_size": 2,
    "max_length": 4096,
    "use_cpu": True,
    "bf16": False,
    "activation_checkpointing": False,
    "report_to": "none",
    "save_strategy": "no",
    "logging_steps": 1,
    "disable_tqdm": True,
    "dataloader_pin_memory": False,
}


def _train(trainer: Any) -> list[float]:
    """The losses of the steps."""
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 2
    assert all(math.isfinite(loss) for loss in losses)
    return losses


@pytest.mark.parametrize("config", SFT_CONFIGS)
def test_demonstrations_train_with_sft(
    config: Config, rows: dict[Config, Dataset], tiny_model: Path, tmp_path: Path
) -> None:
    from trl import SFTConfig, SFTTrainer

    before = rows[config].to_list()
    trainer = SFTTrainer(
        model=str(tiny_model), args=SFTConfig(output_dir=str(tmp_path), **_SETTINGS), train_dataset=rows[config]
    )
    assert len(trainer.train_dataset) == len(before), "rows without a token to learn from were dropped"
    assert all(loss > 0 for loss in _train(trainer))
    assert rows[config].to_list() == before


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_pairs_train_with_dpo(config: Config, rows: dict[Config, Dataset], tiny_model: Path, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    before = rows[config].to_list()
    trainer = DPOTrainer(
        model=str(tiny_model), args=DPOConfig(output_dir=str(tmp_path), **_SETTINGS), train_dataset=rows[config]
    )
    assert len(trainer.train_dataset) == len(before)
    losses = _train(trainer)
    assert losses[0] == pytest.approx(math.log(2), abs=0.05), "before the first step policy and reference are the same"
    assert rows[config].to_list() == before


@pytest.mark.parametrize("config", (*SFT_CONFIGS, *PAIR_CONFIGS))
def test_rows_are_what_trl_calls_conversational(config: Config, rows: dict[Config, Dataset]) -> None:
    from trl.data_utils import is_conversational

    assert is_conversational(rows[config][0])
    taken = {
        "image",
        "images",
        "tools",
        "labels",
        "input_ids",
        "chat_template_kwargs",
        "margin",
        "environment",
        "messages",
    }
    assert not taken & set(rows[config].column_names), "TRL gives these names a meaning of their own"


@pytest.mark.parametrize("config", SFT_CONFIGS)
def test_only_the_completion_is_learned(
    config: Config, rows: dict[Config, Dataset], tiny_model: Path, tmp_path: Path
) -> None:
    """What carries a label reads as the completion and the end of the turn, and as nothing else."""
    from trl import SFTConfig, SFTTrainer

    trainer = SFTTrainer(
        model=str(tiny_model), args=SFTConfig(output_dir=str(tmp_path), **_SETTINGS), train_dataset=rows[config]
    )
    batch = next(iter(trainer.get_train_dataloader()))
    tokenizer = trainer.processing_class
    learned = {tokenizer.decode(labels[labels != -100]) for labels in batch["labels"]}
    due = {row["completion"][0]["content"] + "<|end|>" for row in rows[config]}
    assert learned
    assert {text.removeprefix("<|assistant|>") for text in learned} <= due
