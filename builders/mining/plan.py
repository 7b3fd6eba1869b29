"""Puts a spec and the chosen models together: which prompts, which steps, and how each request is made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...prompts.library import Prompt, load_prompt
from ...schemas.errors import UsageError
from ...schemas.inference import Ask, ModelRef, Request, Role, Task, derive_seed
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

    @classmethod
    def of(cls, spec: BuildSpec, models: Models) -> "MiningPlan":
        """The plan for a spec with these models.

        Raises:
            PromptError: the spec names a prompt that does not exist or was edited.
            UsageError: a role has no model.
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
        asked = {task: spec.inference(task) for task in Task if models.get(task.role)}
        prompts = {task: load_prompt(inference.prompt) for task, inference in asked.items() if inference is not None}
        return cls(spec, models, prompts, load_prompt(spec.reasoning.prompt) if spec.reasoning else None)

    @property
    def all_prompts(self) -> tuple[Prompt, ...]:
        """Every prompt that decides a row."""
        return (*self.prompts.values(), *((self.written,) if self.written else ()))

    def requests(self, ask: Ask) -> Iterator[Request]:
        """The requests that `ask` comes to: every draw of every model of its role, in that order.

        A reward model among the judges is asked about the steps of traces alone.
        """
        inference = self.spec.inference(ask.task)
        assert inference is not None, "a step asks only what its release has"
        messages = self.prompts[ask.task].messages(ask)
        for model in self.models[ask.role]:
            if model.only_labels_steps and ask.task is not Task.STEP_JUDGE:
                continue
            for draw in range(inference.draws):
                yield Request(
                    model=model,
                    messages=messages,
                    sampling=inference.sampling,
                    draw=draw,
                    seed=derive_seed(self.spec.seed, messages, draw),
                    reply_schema=self.prompts[ask.task].reply_schema,
                    ask=ask,
                )
