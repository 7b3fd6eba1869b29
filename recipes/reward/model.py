"""The reward model: a token classifier of one value, read where the steps of a trace end."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.errors import UsageError
from ...schemas.inference import Message
from ..runs.record import read_run
from ..runs.start import ADAPTER_FILE, check_reward_run, model_errors
from .rows import Encoded, encode, step_ends

if TYPE_CHECKING:
    from torch import Tensor

HEAD = {"num_labels": 1, "token_classification_bias": False, "classifier_dropout": 0.0}
"""The head's settings. Without bias and dropout it is also the head of a sequence classifier, so that one checkpoint
serves as both: `AutoModelForTokenClassification` scores all steps, and `AutoModelForSequenceClassification`, which
reads the last token, the reply alone."""

ScoredSteps = tuple[float, ...]
"""The probability that each step is right, 0 to 1; the reply is the last one."""

# Padded tokens of a batch: bounds the memory whatever the lengths are.
_BATCH_TOKENS = 16_384


class RewardModel:
    """Scores traces in batches; `load` gives the model of a run."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer

    @classmethod
    def load(cls, folder: Path, *, use_cpu: bool = False) -> "RewardModel":
        """The model of a finished run of a reward recipe.

        Args:
            folder: of the run.
            use_cpu: ignores an accelerator.

        Raises:
            UsageError: the folder holds no such run, an unfinished one, or a model that cannot be loaded.
        """
        run = read_run(folder)
        if run is None:
            raise UsageError(f"{folder}: not a reward model: it holds no run of a reward recipe")
        check_reward_run(folder, run)
        return cls.load_unchecked(folder, use_cpu=use_cpu)

    @classmethod
    def load_unchecked(cls, folder: Path, *, use_cpu: bool = False) -> "RewardModel":
        """As `load`, without looking at the run's record: for a run that has saved its model but not finished."""
        import torch
        from transformers import AutoTokenizer

        on_cpu = use_cpu or not torch.accelerator.is_available()
        with model_errors(str(folder)):
            is_adapter = (folder / ADAPTER_FILE).is_file()
            model = _load_adapter(folder) if is_adapter else load_scorer(str(folder), dtype="auto")
            tokenizer = AutoTokenizer.from_pretrained(folder)
        return cls(model.to("cpu" if on_cpu else torch.accelerator.current_accelerator()), tokenizer)

    def score(self, traces: Sequence[tuple[list[Message], Sequence[str]]]) -> list[ScoredSteps]:
        """The scores of each trace, in order; a trace is a prompt with its `prompts.parsers.trace.step_texts`."""
        return self.score_encoded(self.encode(traces))

    def encode(self, traces: Sequence[tuple[list[Message], Sequence[str]]]) -> list[Encoded]:
        """The tokens of traces, given as to `score`, so that they can be counted or kept before scoring."""
        joined = [(prompt, "\n".join(steps), step_ends(steps)) for prompt, steps in traces]
        return encode(self.tokenizer, joined)

    def score_encoded(self, encoded: Sequence[Encoded]) -> list[ScoredSteps]:
        """As `score`, for traces that are tokens already."""
        # Longest first: the first of a batch is the length that all are padded to, and so decides how many fit.
        order = sorted(range(len(encoded)), key=lambda at: len(encoded[at].ids), reverse=True)
        found: dict[int, ScoredSteps] = {}
        while order:
            size = max(1, _BATCH_TOKENS // len(encoded[order[0]].ids))
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


def read_scores(logits: "Tensor", ends: "Tensor") -> "Tensor":
    """The head's values where steps end: sequences × steps.

    Args:
        logits: sequences × tokens, or with a third dimension of one.
        ends: sequences × steps.
    """
    return logits.reshape(logits.shape[0], logits.shape[1]).float().gather(1, ends)


def load_scorer(name: str, revision: str | None = None, **loading: Any) -> Any:
    """A token classifier with `HEAD`; the head is new if `name` is a language model.

    Args:
        name: a model on the Hub, or a folder.
        revision: of a model on the Hub.
        loading: more arguments of `from_pretrained`.

    Raises:
        UsageError: Transformers has no token classifier for this architecture.
    """
    from transformers import AutoConfig, AutoModelForTokenClassification
    from transformers.utils import logging

    config = AutoConfig.from_pretrained(name, revision=revision)
    # Asked first, because the error of `from_pretrained` lists every architecture that there is.
    if type(config) not in AutoModelForTokenClassification._model_mapping:
        raise UsageError(
            f"{Path(name).name}: Transformers has no token classifier for the architecture {config.model_type}, which "
            "a reward model needs; choose another base model"
        )
    for key, value in HEAD.items():
        setattr(config, key, value)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # it would warn at length that the head is new, which is intended
    try:
        return AutoModelForTokenClassification.from_pretrained(name, config=config, revision=revision, **loading)
    finally:
        logging.set_verbosity(verbosity)


def _load_adapter(folder: Path) -> Any:
    from peft import PeftConfig, PeftModel

    base = PeftConfig.from_pretrained(str(folder))
    model = load_scorer(str(base.base_model_name_or_path), base.revision, dtype="auto")
    return PeftModel.from_pretrained(model, str(folder))
