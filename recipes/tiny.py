"""A small Llama from random weights, with a tokenizer trained on the data: small enough for two CPU cores.

Use it only to check that a recipe runs. What it learns from little data says nothing about a pretrained model.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..schemas.errors import UsageError

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

PAD, END = "<pad>", "<|end|>"
"""Padding, and the end of a turn, which also ends a generation."""

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""A role token, the words, and the end of the turn."""

_SPECIAL = [PAD, "<|system|>", "<|user|>", "<|assistant|>", END]
_HEAD_WIDTH = 32


def make_tiny(
    folder: Path, texts: Iterable[str], *, width: int, layers: int, vocabulary: int, positions: int, seed: int
) -> None:
    """Writes a Llama-type model and its tokenizer into `folder`; equal arguments give equal files.

    Args:
        folder: is created if it does not exist.
        texts: training data of the tokenizer.
        width: of the hidden states, such as 32, 64 or 128; the feed-forward layers are three times as wide.
        layers: number of transformer layers.
        vocabulary: maximum number of tokens; at least 261, one for each byte and the five special ones.
        positions: tokens of the longest sequence.
        seed: of the weights.

    Raises:
        UsageError: the width is not a multiple of twice the number of attention heads.
    """
    heads = max(2, width // _HEAD_WIDTH)
    if width < 4 or width % (2 * heads):
        raise UsageError(f"random_width: {width} does not divide into {heads} attention heads; try 32, 64 or 128")
    tokenizer = _train_tokenizer(texts, vocabulary)
    shape = {
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "max_position_embeddings": positions,
    }
    _make_model(tokenizer, shape, seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _make_model(tokenizer: "PreTrainedTokenizerFast", shape: dict[str, int], seed: int) -> "LlamaForCausalLM":
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    ids: dict[str, Any] = {
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }
    # The usual 0.02 suits wide models. In a narrow one, attention would start as a plain mean over the whole prompt,
    # and take long to find the few words that matter.
    spread = shape["hidden_size"] ** -0.5
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), initializer_range=spread, **shape, **ids))
    # Without `do_sample` here, a server such as `transformers serve` ignores the temperature of a request.
    model.generation_config = GenerationConfig(do_sample=True, **ids)
    return model


def _train_tokenizer(texts: Iterable[str], vocabulary: int) -> "PreTrainedTokenizerFast":
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    # Byte-level BPE, so that no text has an unknown token.
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=_SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, chat_template=CHAT_TEMPLATE
    )
