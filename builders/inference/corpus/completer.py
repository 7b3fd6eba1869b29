"""The embedded models behind the seam that every model stands behind."""

from dataclasses import dataclass

import numpy as np

from ....schemas.base import canonical_json
from ....schemas.inference import Ask, Completion, Failed, FailureReason, Outcome, Request, Task
from ....schemas.strategy import Strategy
from ....schemas.trace import Step
from ....schemas.verdict import Comparison, StepVerdict
from .models import CorpusModels
from .pairwise import compare_replies, compare_strategies
from .reasoner import reason
from .rubric import judge
from .trace_judge import judge_style, judge_trace


@dataclass(frozen=True)
class CorpusCompleter:
    """Answers each role's requests with the embedded model for it."""

    models: CorpusModels
    """As fitted on the training dialogues of the build."""

    async def complete(self, request: Request) -> Outcome:
        """The model's reply; a request without what its role needs is `bad_request`."""
        text = answer(self.models, request)
        if text is None:
            return Failed(
                key=request.key,
                reason=FailureReason.BAD_REQUEST,
                detail=f"the embedded {request.ask.role} needs what the request does not ask: a strategy or a reply",
            )
        return Completion(key=request.key, text=text, finish_reason="stop")


def answer(models: CorpusModels, request: Request) -> str | None:
    """What the embedded model of the request's role says; None where the request lacks what that role needs."""
    ask = request.ask
    rng = np.random.default_rng([request.seed, request.draw])
    match ask.task:
        case Task.PLANNER:
            return models.planner.sample(ask.history, request.sampling, rng).value
        case Task.RESPONDER:
            return None if ask.strategy is None else _retrieve(models, request, ask.strategy, rng)
        case Task.JOINT:
            strategy = models.planner.sample(ask.history, request.sampling, rng)
            return f"[{strategy}] {_retrieve(models, request, strategy, rng)}".strip()
        case Task.JUDGE if ask.reply is not None and ask.other_reply is not None:
            return _told(compare_replies(models.rarity, ask.history, ask.reply, ask.other_reply))
        case Task.JUDGE if ask.reply is not None:
            return _judgement(models, ask, ask.reply)
        case Task.STRATEGY_JUDGE if ask.strategy is not None and ask.other_strategy is not None:
            return _told(compare_strategies(models.planner, ask.history, ask.strategy, ask.other_strategy))
        case Task.REASONER:
            return reason(models, request, rng)
        case Task.STEP_JUDGE if ask.trace is not None:
            return _labels(judge_trace(models.planner, models.rarity, ask.history, ask.trace))
        case Task.STYLE_JUDGE if ask.reply is not None and ask.other_reply is not None:
            return canonical_json(judge_style(ask.reply, ask.other_reply).model_dump()).decode()
    return None


def _labels(verdict: StepVerdict) -> str:
    told = zip(Step, verdict.labels, verdict.rationales, strict=True)
    return canonical_json({step.value: {"correct": label, "why": why} for step, label, why in told}).decode()


def _retrieve(models: CorpusModels, request: Request, strategy: Strategy, rng: np.random.Generator) -> str:
    greedy = request.sampling.temperature == 0
    return models.responder.reply(request.ask.history, strategy, request.draw, None if greedy else rng)


def _judgement(models: CorpusModels, ask: Ask, reply: str) -> str:
    verdict = judge(ask.history, reply, models.rarity)
    label = "none" if verdict.error is None else verdict.error.value
    return canonical_json({"error": label, "rationale": verdict.rationale}).decode()


def _told(found: Comparison) -> str:
    sides = {side: "none" if error is None else error.value for side, error in (("a", found.a), ("b", found.b))}
    return canonical_json({**sides, "better": found.better, "rationale": found.rationale}).decode()
