"""Mining by hand: a plan with invented models, and outcomes that a test writes down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ipm_prefdial.builders.mining.candidate import Candidate, Drop, Result
from ipm_prefdial.builders.mining.mine import Mining, mine_pairs
from ipm_prefdial.builders.mining.plan import OPTIONAL, MiningPlan
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.mining.turns import SupporterTurn
from ipm_prefdial.builders.specs.released import load_release, versions
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, ModelRef, Outcome, Request, Role, Task
from ipm_prefdial.schemas.spec import BuildSpec

Answer = Callable[[Request], Outcome]

ASKED = tuple(role for role in Role if role not in OPTIONAL)
"""The roles that every release has models for."""

SPEC = load_release("1.0.0").spec
PANELS = load_release("2.0.0").spec
"""The release in which a panel compares both sides."""

SOUND = '{"error": "none", "rationale": "It answers the feeling."}'
FLAWED = '{"error": "lack_of_empathy", "rationale": "It changes the topic."}'


def mining_prompts() -> set[str]:
    """Ids of the prompts that any release asks by."""
    specs = [load_release(version).spec for version in versions()]
    return {asked.prompt for spec in specs for task in Task if (asked := spec.inference(task)) is not None}


def plan_of(
    spec: BuildSpec = SPEC, *, draws: int = 1, models: Mapping[Role, tuple[ModelRef, ...]] | None = None
) -> MiningPlan:
    """A release's plan with one invented model a role, or with these; planner, responder and joint draw `draws`.

    Nobody plays the rewriter unless `models` says who.
    """
    drawn = {
        task: getattr(spec, task).model_copy(update={"draws": draws}) for task in ("planner", "responder", "joint")
    }
    return MiningPlan.of(
        spec.model_copy(update=drawn),
        {role: (ModelRef(name=f"the-{role.value}"),) for role in ASKED} | dict(models or {}),
    )


def said(text: str, finish_reason: str = "stop") -> Answer:
    """The same reply to every request."""
    return lambda request: Completion(key=request.key, text=text, finish_reason=finish_reason)


def failed(reason: FailureReason) -> Answer:
    """The same failure of every request."""
    return lambda request: Failed(key=request.key, reason=reason, detail="as the test wants it")


def by_task(
    planner: Answer | None = None,
    responder: Answer | None = None,
    joint: Answer | None = None,
    judge: Answer | None = None,
    strategy_judge: Answer | None = None,
    crisis_judge: Answer | None = None,
    rewriter: Answer | None = None,
) -> Answer:
    """Each task's own answer; a task that is not named must not be asked."""
    answers = {
        Task.PLANNER: planner,
        Task.RESPONDER: responder,
        Task.JOINT: joint,
        Task.JUDGE: judge,
        Task.STRATEGY_JUDGE: strategy_judge,
        Task.CRISIS_JUDGE: crisis_judge,
        Task.REWRITER: rewriter,
    }

    def find(request: Request) -> Outcome:
        answer = answers[request.ask.task]
        assert answer is not None, f"the {request.ask.task} was not to be asked"
        return answer(request)

    return find


def judged(human: Answer, inferred: Answer, turn: SupporterTurn) -> Answer:
    """A judge that says one thing of the human's reply and another of any other."""
    return lambda request: (human if request.ask.reply == turn.text else inferred)(request)


@dataclass
class Mined:
    """What came of a mining conversation."""

    results: tuple[Result, ...] = ()
    rounds: list[tuple[Request, ...]] = field(default_factory=list)
    """The requests of every round, in the order in which they were asked."""

    @property
    def only(self) -> Result:
        """The one result."""
        (result,) = self.results
        return result

    @property
    def drop(self) -> Drop:
        """The one result, which is a drop."""
        assert isinstance(self.only, Drop), "kept, though the test wants it dropped"
        return self.only

    @property
    def kept(self) -> Candidate:
        """The one result, which was kept."""
        assert isinstance(self.only, Candidate), f"dropped: {self.only.reason}"
        return self.only


def driven(mining: Mining, answer: Answer) -> Mined:
    """The conversation, carried on until it ends."""
    mined = Mined()
    try:
        requests = next(mining)
        while True:
            mined.rounds.append(requests)
            requests = mining.send(tuple(answer(request) for request in requests))
    except StopIteration as end:
        mined.results = end.value
    return mined


def mined(turn: SupporterTurn, config: Config, answer: Answer, plan: MiningPlan | None = None) -> Mined:
    """What the released steps make of one turn."""
    plan = plan or plan_of()
    steps = steps_of(plan.spec).of_turns
    return driven(mine_pairs(turn, config, plan, steps), answer)
