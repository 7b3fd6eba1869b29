"""A small model from random weights, and a tokenizer of the data's own words: made on the spot, for two CPU cores.

It proves that a recipe runs; what it learns on little data says nothing of what a pretrained model would.
"""

from collections.abc import Iterable
from pathlib import Path

from ..schemas.errors import UsageError

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
    """Writes a Llama-type model and its tokenizer into a folder; equal arguments give equal files.

    Args:
        folder: is made where it is not there.
        texts: what the tokenizer is trained on.
        width: of the hidden states, such as 32, 64 or 128; the feed-forward layers are three times as wide.
        layers: how many.
        vocabulary: tokens at most; at least 261, one a byte and the five special ones.
        positions: tokens of the longest sequence.
        seed: of the weights.

    Raises:
        UsageError: the width cannot be shared out to attention heads.
    """
    heads = max(2, width // _HEAD_WIDTH)
    if width < 4 or width % (2 * heads):
        raise UsageError(f"random_width: {width} cannot be shared out to {heads} attention heads; try 32, 64 or 128")
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_train_tokenizer(texts, vocabulary),
        pad_token=PAD,
        eos_token=END,
        chat_template=CHAT_TEMPLATE,
    )
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=width,
                intermediate_size=3 * width,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                num_key_value_heads=heads,
                max_position_embeddings=positions,
                # The usual 0.02 suits wide models: in one so narrow, attention would begin as a plain mean over the
                # whole prompt, and take long to find the few words that matter.
                initializer_range=width**-0.5,
                **ids,
            )
        )
    # Without `do_sample` here, a server such as `transformers serve` ignores the temperature of a request.
    model.generation_config = GenerationConfig(do_sample=True, **ids)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _train_tokenizer(texts: Iterable[str], vocabulary: int) -> object:
    """A byte-level BPE tokenizer: no text has a token that it does not know."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

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
    return tokenizer
