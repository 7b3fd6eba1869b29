"""Mining by hand: a plan with invented models, and outcomes that a test writes down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ipm_prefdial.builders.mining.candidate import Candidate, Drop, Result
from ipm_prefdial.builders.mining.mine import Mining, mine_pairs
from ipm_prefdial.builders.mining.plan import MiningPlan
from ipm_prefdial.builders.mining.steps import find_steps
from ipm_prefdial.builders.mining.turns import SupporterTurn
from ipm_prefdial.builders.releases import load_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, ModelRef, Outcome, Request, Role
from ipm_prefdial.schemas.spec import BuildSpec

Answer = Callable[[Request], Outcome]

SPEC = load_release("1.0.0").spec
SOUND = '{"error": "none", "rationale": "It answers the feeling."}'
FLAWED = '{"error": "lack_of_empathy", "rationale": "It changes the topic."}'


def plan_of(
    spec: BuildSpec = SPEC, *, draws: int = 1, models: Mapping[Role, tuple[ModelRef, ...]] | None = None
) -> MiningPlan:
    """The released plan with one invented model a role, or with these; planner, responder and joint draw `draws`."""
    drawn = {
        role.value: spec.inference(role).model_copy(update={"draws": draws}) for role in Role if role is not Role.JUDGE
    }
    return MiningPlan.of(
        spec.model_copy(update=drawn),
        {role: (ModelRef(name=f"the-{role.value}"),) for role in Role} | dict(models or {}),
    )


def said(text: str, finish_reason: str = "stop") -> Answer:
    """The same reply to every request."""
    return lambda request: Completion(key=request.key, text=text, finish_reason=finish_reason)


def failed(reason: FailureReason) -> Answer:
    """The same failure of every request."""
    return lambda request: Failed(key=request.key, reason=reason, detail="as the test wants it")


def by_role(
    planner: Answer | None = None,
    responder: Answer | None = None,
    joint: Answer | None = None,
    judge: Answer | None = None,
) -> Answer:
    """Each role's own answer; a role that is not named must not be asked."""
    roles = {Role.PLANNER: planner, Role.RESPONDER: responder, Role.JOINT: joint, Role.JUDGE: judge}

    def find(request: Request) -> Outcome:
        answer = roles[request.ask.role]
        assert answer is not None, f"the {request.ask.role} was not to be asked"
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
    steps, _ = find_steps(plan.spec.steps)
    return driven(mine_pairs(turn, config, plan, steps), answer)
