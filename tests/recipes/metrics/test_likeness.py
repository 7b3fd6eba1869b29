"""Likeness of meaning by a model in a folder: 1 for the same words, less for others, whatever the model."""

import shutil
from pathlib import Path

import pytest
from support.answers import spoken_sample

from ipm_prefdial.recipes.metrics.overlap import Vectors, likeness, measure_likeness
from ipm_prefdial.schemas.errors import UsageError

pytestmark = pytest.mark.train
pytest.importorskip("torch", reason="likeness needs the [train] extra")

_WORDS = "the kiln tram hail lead bench broke fell i am sorry".split()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights and a tokeniser of words, made on the spot."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    vocabulary = {word: at for at, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *_WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=40,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_same_words_are_1_and_others_less(model: Path) -> None:
    said = ["the kiln broke", "hail fell", "i am sorry"]
    assert likeness(said, said, model) == pytest.approx([1, 1, 1], abs=1e-5)
    other = likeness(said, ["hail fell", "the bench", "tram lead"], model)
    assert (other < 0.999).all()


def test_neighbours_in_a_batch_change_nothing(model: Path) -> None:
    alone = likeness(["the kiln broke"], ["kiln hail"], model)
    together = likeness(["the kiln broke", "hail " * 30], ["kiln hail", "i"], model)
    assert together[0] == pytest.approx(alone[0], abs=1e-5)


def test_text_beyond_what_the_model_takes_is_cut(model: Path) -> None:
    assert likeness(["hail " * 90], ["hail " * 40], model) == pytest.approx([1], abs=1e-5)


def test_missing_reply_is_0(model: Path) -> None:
    found = measure_likeness(spoken_sample([("hail fell", "hail fell"), (None, "hail fell")]), model)
    assert found["likeness"].values[0] == pytest.approx(0.5, abs=1e-5)


def test_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a model with its tokeniser"):
        likeness(["a"], ["b"], tmp_path)


def test_tokens_that_a_tokeniser_adds_do_not_count(model: Path, tmp_path: Path) -> None:
    """They are the same in all texts, and would make any two of them alike."""
    from tokenizers import processors
    from transformers import AutoTokenizer

    folder = tmp_path / "framed"
    shutil.copytree(model, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_special_tokens({"cls_token": "[CLS]", "sep_token": "[SEP]"})
    tokenizer.save_pretrained(folder)
    assert [len(one) for one in Vectors(folder).of(["the kiln broke", "hail"])] == [3, 1]
