"""A trained reward model as a judge of builds: it labels steps, in the words in which any judge of steps answers."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ...prompts.library import Prompt, load_prompt
from ...prompts.parsers.trace import step_texts
from ...schemas.inference import Ask, Completion, Failed, FailureReason, ModelRef, Outcome, Request, Task
from ...schemas.spec import BuildSpec
from ...schemas.trace import Step
from ..train.record import read_run
from .local import LocalModel
from .reward_judge import reward_folder, reward_ref

if TYPE_CHECKING:
    from ..reward.encode import Encoded
    from ..reward.model import RewardModel

RIGHT = 0.5
"""A step is labelled right above this probability: where cross-entropy draws the line."""
_AT_ONCE = 64


@dataclass(frozen=True)
class Scored:
    """A trace in tokens."""

    request: Request
    encoded: "Encoded"

    @property
    def ids(self) -> list[int]:
        """Of the prompt and the trace."""
        return self.encoded.ids


class StepJudge:
    """The reward model in a folder; see `builders.scorers.Scorer`.

    Args:
        folder: of a finished run of a reward recipe.
        prompt: what the model was trained to find traces behind.
    """

    def __init__(self, folder: Path, prompt: Prompt) -> None:
        run = read_run(folder)
        self.ref: ModelRef = reward_ref(folder)
        self.facts: Mapping[str, JsonValue] = {} if run is None else {"on held-out dialogues": dict(run.results)}
        self._folder, self._prompt = folder, prompt

    def completer(self) -> LocalModel[Scored]:
        """Answers in batches, in this process; the model is loaded with the first of them."""
        return LocalModel(self, asyncio.Lock(), _AT_ONCE)

    def put(self, request: Request) -> Scored | Failed:
        """The trace in tokens; `bad_request` where there is none to label."""
        if request.ask.task is not Task.STEP_JUDGE or request.ask.trace is None:
            return Failed(
                key=request.key, reason=FailureReason.BAD_REQUEST, detail="a reward model labels the steps of a trace"
            )
        before = list(self._prompt.messages(Ask(task=Task.REASONER, history=request.ask.history)))
        (encoded,) = self._model.encode([(before, step_texts(request.ask.trace))])
        longest = getattr(self._model.model.config, "max_position_embeddings", None)
        if longest is not None and len(encoded.ids) > longest:
            detail = f"{len(encoded.ids)} tokens, of which the reward model reads {longest}"
            return Failed(key=request.key, reason=FailureReason.BAD_REQUEST, detail=detail)
        return Scored(request, encoded)

    def answer(self, questions: Sequence[Scored]) -> list[Outcome]:
        """The labels of every trace, with the probability as the reason."""
        scores = self._model.score_encoded([one.encoded for one in questions])
        return [
            Completion(key=one.request.key, text=_labels(steps), finish_reason="stop")
            for one, steps in zip(questions, scores, strict=True)
        ]

    @cached_property
    def _model(self) -> "RewardModel":
        from ..reward.model import RewardModel  # brings torch

        return RewardModel.load(self._folder)


def open_step_judge(named: str, spec: BuildSpec) -> StepJudge:
    """The judge that `reward:DIR` names, for builds of a release.

    Raises:
        UsageError: there is no finished run of a reward recipe in the folder.
    """
    assert spec.reasoning is not None, "only a release with traces asks for their labels"
    return StepJudge(reward_folder(named), load_prompt(spec.reasoning.prompt))


def _labels(scores: Sequence[float]) -> str:
    told = zip(Step, scores, strict=True)
    return json.dumps({step: {"correct": score > RIGHT, "why": f"It scores {score:.2f}."} for step, score in told})
