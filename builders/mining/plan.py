"""A spec together with the chosen models: which prompts they get, and how a question becomes requests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...prompts.library import Prompt, load_prompt
from ...schemas.errors import UsageError
from ...schemas.inference import Ask, ModelRef, Request, Role, Sampling, Task, TokenLimits, derive_seed
from ...schemas.spec import BuildSpec

Models = Mapping[Role, tuple[ModelRef, ...]]
"""The models of each role: at least one, except for the roles in `OPTIONAL`."""

OPTIONAL: Mapping[Role, str] = {
    Role.REWRITER: "rewrites no replies; leave --repair-chosen out",
    Role.STYLIST: "rewrites nothing under a personality; leave --stylist out",
    Role.REASONER: "has no reasoning traces; leave --reasoner out",
}
"""Roles that may have no model; by role, the message where a release without that role is given one."""


@dataclass(frozen=True)
class MiningPlan:
    """Decides which requests are made about a turn; equal plans make requests with equal keys."""

    spec: BuildSpec
    models: Models
    prompts: Mapping[Task, Prompt]
    """The prompt of every task that the spec has and that has a model."""
    written: Prompt | None = None
    """The prompt in the rows of traces, which asks for the text form; None for a release without traces."""
    tokens: Mapping[Role, TokenLimits] = field(default_factory=dict)
    """Token limits that the command sets in place of the spec's, by role."""

    @classmethod
    def of(cls, spec: BuildSpec, models: Models, tokens: Mapping[Role, TokenLimits] | None = None) -> "MiningPlan":
        """The plan for a spec with these models, and these token limits in place of the spec's.

        Raises:
            PromptError: the spec names a prompt that does not exist or was edited.
            UsageError: a role has no model, or a role without a model has token limits.
        """
        needed = [role for role in Role if role not in OPTIONAL or (role is Role.REASONER and spec.reasoner)]
        if missing := [role for role in needed if not models.get(role)]:
            raise UsageError(f"no model for the {missing[0]}")
        if all(model.only_labels_steps for model in models[Role.JUDGE]):
            raise UsageError(
                f"--judge {models[Role.JUDGE][0].name}: a reward model only labels the steps of traces; name another "
                "judge too, for replies and strategies"
            )
        for role, advice in OPTIONAL.items():
            if models.get(role) and spec.inference(Task(role.value)) is None:
                raise UsageError(f"release {spec.version} {advice}")
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
        """Every prompt that decides rows."""
        return (*self.prompts.values(), *((self.written,) if self.written else ()))

    def sampling(self, task: Task, of_spec: Sampling) -> Sampling:
        """The spec's sampling of a task, within the token limits of the role."""
        limits = self.tokens.get(task.role)
        return of_spec if limits is None else limits.applied(of_spec)

    def requests(self, ask: Ask) -> Iterator[Request]:
        """One request for every draw of every model of the role, in that order.

        A reward model among the judges gets requests about the steps of traces only.
        """
        inference = self.spec.inference(ask.task)
        assert inference is not None, "a step only asks for tasks that its release has"
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
