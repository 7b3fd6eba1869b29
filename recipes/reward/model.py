"""A trained reward model: loaded from its folder, it scores traces."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...schemas.errors import UsageError
from ...schemas.inference import Message
from ..runs.record import read_run
from ..runs.start import check_reward_run, model_errors
from .loss import read_scores
from .rows import Encoded, encode, step_ends
from .trainer import HEAD

ScoredSteps = tuple[float, ...]
"""The probability that each step is right, 0 to 1; the reply is the last one."""

_ADAPTER = "adapter_config.json"
_TOKENS_AT_ONCE = 16_384


class RewardModel:
    """Scores traces, several at once; see `load`."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer

    @classmethod
    def load(cls, folder: Path, *, use_cpu: bool = False) -> "RewardModel":
        """The model that a finished run of a reward recipe left in a folder.

        Args:
            folder: of the run.
            use_cpu: whether an accelerator that is there is left alone.

        Raises:
            UsageError: it holds no such run, one that is not finished, or a model of another architecture.
        """
        run = read_run(folder)
        if run is None:
            raise UsageError(f"{folder}: no reward model: there is no run of a reward recipe in it")
        check_reward_run(folder, run)
        return cls.read(folder, use_cpu=use_cpu)

    @classmethod
    def read(cls, folder: Path, *, use_cpu: bool = False) -> "RewardModel":
        """The same, whatever the record of the run says.

        Raises:
            UsageError: it is not a model that can be loaded.
        """
        import torch
        from transformers import AutoTokenizer

        on_cpu = use_cpu or not torch.accelerator.is_available()
        with model_errors(str(folder)):
            is_adapter = (folder / _ADAPTER).is_file()
            model = _load_adapter(folder) if is_adapter else load_scorer(str(folder), dtype="auto")
            tokenizer = AutoTokenizer.from_pretrained(folder)
        return cls(model.to("cpu" if on_cpu else torch.accelerator.current_accelerator()), tokenizer)

    def score(self, traces: Sequence[tuple[list[Message], Sequence[str]]]) -> list[ScoredSteps]:
        """The score of every step of each trace, in the order given.

        Args:
            traces: prompts with the texts of the steps, as `prompts.parsers.trace.step_texts` gives them.
        """
        return self.score_encoded(self.encode(traces))

    def encode(self, traces: Sequence[tuple[list[Message], Sequence[str]]]) -> list[Encoded]:
        """Traces, given as to `score`, as the model reads them."""
        joined = [(prompt, "\n".join(steps), step_ends(tuple(steps))) for prompt, steps in traces]
        return encode(self.tokenizer, joined)

    def score_encoded(self, encoded: Sequence[Encoded]) -> list[ScoredSteps]:
        """The same of what is tokens already."""
        order = sorted(range(len(encoded)), key=lambda at: len(encoded[at].ids), reverse=True)
        found: dict[int, ScoredSteps] = {}
        while order:
            size = max(1, _TOKENS_AT_ONCE // len(encoded[order[0]].ids))
            batch, order = order[:size], order[size:]
            found |= dict(zip(batch, self._score_batch([encoded[at] for at in batch]), strict=True))
        return [found[at] for at in range(len(encoded))]

    def _score_batch(self, batch: Sequence[Encoded]) -> list[ScoredSteps]:
        import torch

        padded = self.tokenizer.pad(
            {"input_ids": [one.ids for one in batch]}, padding_side="right", return_tensors="pt"
        ).to(self.model.device)
        with torch.inference_mode():
            logits = self.model(input_ids=padded["input_ids"], attention_mask=padded["attention_mask"]).logits
            ends = torch.tensor([one.ends for one in batch], device=logits.device)
            return [tuple(line) for line in read_scores(logits, ends).sigmoid().tolist()]


def load_scorer(name: str, revision: str | None = None, **loading: Any) -> Any:
    """A token classifier with the head of a reward model: trained where `name` holds one, new elsewhere.

    Args:
        name: a model on the Hub, or a folder.
        revision: of a model on the Hub.
        loading: what `from_pretrained` is given besides.

    Raises:
        UsageError: Transformers has no token classifier of this architecture.
    """
    from transformers import AutoConfig, AutoModelForTokenClassification
    from transformers.utils import logging

    config = AutoConfig.from_pretrained(name, revision=revision)
    if type(config) not in AutoModelForTokenClassification._model_mapping:
        raise UsageError(
            f"{Path(name).name}: Transformers has no token classifier of the architecture {config.model_type}, which a "
            "reward model is made of; choose another base model"
        )
    for key, value in HEAD.items():
        setattr(config, key, value)
    said = logging.get_verbosity()
    logging.set_verbosity_error()  # a page that warns of a new head, which is what is wanted of a base model
    try:
        return AutoModelForTokenClassification.from_pretrained(name, config=config, revision=revision, **loading)
    finally:
        logging.set_verbosity(said)


def _load_adapter(folder: Path) -> Any:
    """An adapter with its head, over its base model."""
    from peft import PeftConfig, PeftModel

    base = PeftConfig.from_pretrained(str(folder))
    model = load_scorer(str(base.base_model_name_or_path), base.revision, dtype="auto")
    return PeftModel.from_pretrained(model, str(folder))
