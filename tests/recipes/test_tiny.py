"""A model from random weights is made of the data's words, and equal arguments make equal files."""

from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs the [train] extra")

from ipm_prefdial.recipes.tiny import CHAT_TEMPLATE, END, make_tiny
from ipm_prefdial.schemas.errors import UsageError

pytestmark = pytest.mark.train

TEXTS = ["I feel alone since the move.", "That sounds hard. What helped before?"] * 20


def _make(folder: Path, **changed: int) -> Path:
    make_tiny(folder, TEXTS, **{"width": 16, "layers": 1, "vocabulary": 320, "positions": 64, "seed": 3} | changed)
    return folder


def test_equal_arguments_make_equal_files(tmp_path: Path) -> None:
    one, two, other = (_make(tmp_path / name, seed=seed) for name, seed in (("one", 3), ("two", 3), ("other", 4)))
    files = sorted(path.name for path in one.iterdir())
    assert "model.safetensors" in files
    assert [(one / name).read_bytes() for name in files] == [(two / name).read_bytes() for name in files]
    assert (one / "model.safetensors").read_bytes() != (other / "model.safetensors").read_bytes()


def test_tokenizer_reads_back_any_text_and_ends_a_turn(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = _make(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    for text in (*TEXTS[:2], "naïve 😀 \t x", "<|end|"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert len({tokenizer.pad_token_id, tokenizer.eos_token_id}) == 2
    ids = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=True, return_dict=True)[
        "input_ids"
    ]
    assert ids[-1] == tokenizer.eos_token_id == tokenizer.convert_tokens_to_ids(END)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.do_sample
    assert model.config.vocab_size == len(tokenizer) <= 320


@pytest.mark.parametrize("width", [0, 3, 10])
def test_width_that_cannot_be_shared_out(width: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"random_width: {width}"):
        _make(tmp_path / "model", width=width)
    assert not (tmp_path / "model").exists()
