"""Puts a spec and the chosen models together: which prompts, which steps, and how each request is made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...prompts.library import Prompt, load_prompt
from ...schemas.errors import UsageError
from ...schemas.inference import Ask, ModelRef, Request, Role, Sampling, Task, TokenLimits, derive_seed
from ...schemas.spec import BuildSpec

Models = Mapping[Role, tuple[ModelRef, ...]]
"""Which models play each role; at least one a role, but for those in `OPTIONAL`."""

OPTIONAL: Mapping[Role, str] = {
    Role.REWRITER: "rewrites no replies; leave --repair-chosen out",
    Role.STYLIST: "rewrites nothing under a personality; leave --stylist out",
    Role.REASONER: "has no reasoning traces; leave --reasoner out",
}
"""The roles that may be played by nobody, and what is said where somebody plays one that the release does not have."""


@dataclass(frozen=True)
class MiningPlan:
    """Everything that decides which requests a turn gives rise to; the same plan makes the same keys for ever."""

    spec: BuildSpec
    models: Models
    prompts: Mapping[Task, Prompt]
    """Of every task that the spec has and somebody plays."""
    written: Prompt | None = None
    """What stands in the rows of traces; None where the release has none."""
    tokens: Mapping[Role, TokenLimits] = field(default_factory=dict)
    """The token limits of roles that are not the spec's."""

    @classmethod
    def of(cls, spec: BuildSpec, models: Models, tokens: Mapping[Role, TokenLimits] | None = None) -> "MiningPlan":
        """The plan for a spec with these models, and these token limits in place of the spec's.

        Raises:
            PromptError: the spec names a prompt that does not exist or was edited.
            UsageError: a role has no model, or token limits are named for a role that nobody plays.
        """
        needed = [role for role in Role if role not in OPTIONAL or (role is Role.REASONER and spec.reasoner)]
        if missing := [role for role in needed if not models.get(role)]:
            raise UsageError(f"no model for the {missing[0]}")
        if all(model.only_labels_steps for model in models[Role.JUDGE]):
            raise UsageError(
                f"--judge {models[Role.JUDGE][0].name}: a reward model labels the steps of traces alone; name a judge "
                "besides, for replies and strategies"
            )
        for role, told in OPTIONAL.items():
            if models.get(role) and spec.inference(Task(role.value)) is None:
                raise UsageError(f"release {spec.version} {told}")
        tokens = tokens or {}
        if unused := next((role for role in tokens if not models.get(role)), None):
            raise UsageError(
                f"--max-tokens, --thinking: no model is the {unused} in this build of {spec.version}; leave it out"
            )
        asked = {task: spec.inference(task) for task in Task if models.get(task.role)}
        prompts = {task: load_prompt(inference.prompt) for task, inference in asked.items() if inference is not None}
        return cls(spec, models, prompts, load_prompt(spec.reasoning.prompt) if spec.reasoning else None, tokens)

    @property
    def all_prompts(self) -> tuple[Prompt, ...]:
        """Every prompt that decides a row."""
        return (*self.prompts.values(), *((self.written,) if self.written else ()))

    def sampling(self, task: Task, of_spec: Sampling) -> Sampling:
        """How replies to a task are drawn: as the spec says, within the role's token limits."""
        limits = self.tokens.get(task.role)
        return of_spec if limits is None else limits.applied(of_spec)

    def requests(self, ask: Ask) -> Iterator[Request]:
        """The requests that `ask` comes to: every draw of every model of its role, in that order.

        A reward model among the judges is asked about the steps of traces alone.
        """
        inference = self.spec.inference(ask.task)
        assert inference is not None, "a step asks only what its release has"
        messages, sampling = self.prompts[ask.task].messages(ask), self.sampling(ask.task, inference.sampling)
        for model in self.models[ask.role]:
            if model.only_labels_steps and ask.task is not Task.STEP_JUDGE:
                continue
            for draw in range(inference.draws):
                yield Request(
                    model=model,
                    messages=messages,
                    sampling=sampling,
                    draw=draw,
                    seed=derive_seed(self.spec.seed, messages, draw),
                    reply_schema=self.prompts[ask.task].reply_schema,
                    ask=ask,
                )
