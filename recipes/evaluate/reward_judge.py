"""A trained reward model as a judge, `--judge reward:DIR`: it scores the steps of traces, and nothing else."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ...prompts.library import load_prompt
from ...prompts.parsers.trace import step_texts
from ...schemas.errors import UsageError
from ...schemas.inference import REWARD, Ask, ModelRef, Task
from ...schemas.spec import BuildSpec
from ...schemas.trace import Step
from ..train.record import FILE_NAME, read_run
from ..train.start import check_reward_run
from .judging import ALL_STEPS, Judgement, Protocol, Question, Reply, step_grade


def reward_folder(named: str) -> Path:
    """The folder in `reward:DIR`.

    Raises:
        UsageError: it holds no finished run of a reward recipe.
    """
    folder = Path(named.removeprefix(REWARD))
    run = read_run(folder)
    if run is None:
        raise UsageError(f"--judge {named}: there is no run of a reward recipe in {folder}")
    check_reward_run(folder, run)
    return folder


def judge_by_reward(folder: Path, replies: Sequence[Reply], spec: BuildSpec) -> tuple[ModelRef, tuple[Judgement, ...]]:
    """What the model in a folder says of the steps of every reply that has a trace, in the order of the replies.

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
        said.append(Judgement(reply.system, place, Question.STEPS, Protocol.ALONE, grades, None))
    return reward_ref(folder), tuple(said)


def reward_ref(folder: Path) -> ModelRef:
    """How requests and rows name the model in a folder: by the folder's own name and a digest of its run's record."""
    digest = hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest()
    return ModelRef(name=f"{REWARD}{folder.resolve().name}", revision=digest[:12])
