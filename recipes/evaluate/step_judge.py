"""A trained reward model as a judge of builds: it labels steps, in the words in which any judge of steps answers."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ...builders.models.endpoint import ModelFolder, parse_word
from ...prompts.library import Prompt, load_prompt
from ...prompts.parsers.trace import step_texts
from ...schemas.errors import UsageError
from ...schemas.inference import REWARD, Ask, Completion, Failed, FailureReason, ModelRef, Outcome, Request, Task
from ...schemas.spec import BuildSpec
from ...schemas.trace import Step
from ..runs.record import TRAINING_FILE, read_run
from ..runs.start import check_reward_run
from ._judging import ALL_STEPS, JudgedReply, JudgeQuestion, Protocol, ReplyJudgement, step_grade
from .loaded import LocalModel

if TYPE_CHECKING:
    from ..reward.model import RewardModel
    from ..reward.rows import Encoded

# A trained reward model as a judge, `--judge reward:DIR`: it scores the steps of traces, and nothing else.


def check_reward_folder(folder: Path) -> None:
    """Refuses a folder that cannot judge.

    Raises:
        UsageError: it holds no finished run of a reward recipe.
    """
    run = read_run(folder)
    if run is None:
        raise UsageError(f"--judge {REWARD}{folder}: there is no run of a reward recipe in {folder}")
    check_reward_run(folder, run)


def judge_by_reward(
    folder: Path, replies: Sequence[JudgedReply], spec: BuildSpec
) -> tuple[ModelRef, tuple[ReplyJudgement, ...]]:
    """The scores by the model in a folder of the steps of every reply with a trace, in the order of the replies.

    Its grades are probabilities that a step is right; the prompt is that of the rows that it was trained on.

    Raises:
        UsageError: the release has no such prompt, or the model cannot be loaded.
    """
    from ..reward.model import RewardModel  # brings torch

    if spec.reasoning is None:
        raise UsageError(f"release {spec.version} has no reasoning traces, which a reward model scores")
    prompt = load_prompt(spec.reasoning.prompt)
    traced = [(reply, reply.trace) for reply in replies if reply.trace is not None]
    asked = [
        (list(prompt.messages(Ask(task=Task.REASONER, history=reply.turn.history))), step_texts(trace))
        for reply, trace in traced
    ]
    scores = RewardModel.load(folder).score(asked)
    said = []
    for (reply, _), steps in zip(traced, scores, strict=True):
        grades = dict(zip(map(step_grade, Step), steps, strict=True))
        grades[ALL_STEPS] = sum(steps) / len(steps)
        place = (reply.turn.dialogue_id, reply.turn.index)
        said.append(ReplyJudgement(reply.system, place, JudgeQuestion.STEPS, Protocol.ALONE, grades, None))
    return reward_ref(folder), tuple(said)


def reward_ref(folder: Path) -> ModelRef:
    """How requests and rows name the model in a folder: by the folder's own name and a digest of its run's record."""
    digest = hashlib.sha256((folder / TRAINING_FILE).read_bytes()).hexdigest()
    return ModelRef(name=f"{REWARD}{folder.resolve().name}", revision=digest[:12])


RIGHT = 0.5
"""A step is labelled right above this probability: where cross-entropy draws the line."""
# Traces in one call of the model, which makes batches of them by their length.
_AT_ONCE = 64


@dataclass(frozen=True)
class TokenizedTrace:
    """A trace in tokens."""

    request: Request
    encoded: "Encoded"

    @property
    def ids(self) -> list[int]:
        """The tokens of the prompt and the trace."""
        return self.encoded.ids


class StepJudge:
    """The reward model in a folder; see `builders.models.pool.InProcessModel`.

    Args:
        folder: of a finished run of a reward recipe.
        prompt: what the model was trained to find traces behind.
    """

    def __init__(self, folder: Path, prompt: Prompt) -> None:
        run = read_run(folder)
        self.ref: ModelRef = reward_ref(folder)
        self.facts: Mapping[str, JsonValue] = {} if run is None else {"on held-out dialogues": dict(run.results)}
        self._folder, self._prompt = folder, prompt

    def completer(self, turn: asyncio.Lock) -> LocalModel[TokenizedTrace]:
        """Answers in batches, in this process; the model is loaded with the first of them."""
        return LocalModel(self, turn, _AT_ONCE)

    def put(self, request: Request) -> TokenizedTrace | Failed:
        """The trace in tokens; `bad_request` if there is none to label."""
        if request.ask.task is not Task.STEP_JUDGE or request.ask.trace is None:
            return Failed(
                key=request.key, reason=FailureReason.BAD_REQUEST, detail="a reward model labels the steps of a trace"
            )
        before = list(self._prompt.messages(Ask(task=Task.REASONER, history=request.ask.history)))
        (encoded,) = self._model.encode([(before, step_texts(request.ask.trace))])
        longest = getattr(self._model.model.config, "max_position_embeddings", None)
        if longest is not None and len(encoded.ids) > longest:
            detail = f"{len(encoded.ids)} tokens; the reward model reads {longest}"
            return Failed(key=request.key, reason=FailureReason.BAD_REQUEST, detail=detail)
        return TokenizedTrace(request, encoded)

    def answer(self, questions: Sequence[TokenizedTrace]) -> list[Outcome]:
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
    word = parse_word(named)
    assert isinstance(word, ModelFolder) and word.is_reward, "the entry point is that of `reward:`"
    check_reward_folder(word.path)
    return StepJudge(word.path, load_prompt(spec.reasoning.prompt))


def _labels(scores: Sequence[float]) -> str:
    told = zip(Step, scores, strict=True)
    return json.dumps({step: {"correct": score > RIGHT, "why": f"It scores {score:.2f}."} for step, score in told})
