"""Puts a spec and the chosen models together: which prompts, which steps, and how each request is made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...prompts.library import Prompt, load_prompt
from ...schemas.errors import UsageError
from ...schemas.inference import Ask, ModelRef, Request, Role, Task, derive_seed
from ...schemas.spec import BuildSpec

Models = Mapping[Role, tuple[ModelRef, ...]]
"""Which models play each role; at least one a role, but for the rewriter."""


@dataclass(frozen=True)
class MiningPlan:
    """Everything that decides which requests a turn gives rise to; the same plan makes the same keys for ever."""

    spec: BuildSpec
    models: Models
    prompts: Mapping[Task, Prompt]
    """Of every task that the spec has and somebody plays."""

    @classmethod
    def of(cls, spec: BuildSpec, models: Models) -> "MiningPlan":
        """The plan for a spec with these models.

        Raises:
            PromptError: the spec names a prompt that does not exist or was edited.
            UsageError: a role has no model.
        """
        if missing := [role for role in Role if role is not Role.REWRITER and not models.get(role)]:
            raise UsageError(f"no model for the {missing[0]}")
        if models.get(Role.REWRITER) and spec.rewriter is None:
            raise UsageError(f"release {spec.version} rewrites no replies; leave --repair-chosen out")
        asked = {task: spec.inference(task) for task in Task if models.get(task.role)}
        prompts = {task: load_prompt(inference.prompt) for task, inference in asked.items() if inference is not None}
        return cls(spec, models, prompts)

    def requests(self, ask: Ask) -> Iterator[Request]:
        """The requests that `ask` comes to: every draw of every model of its role, in that order."""
        inference = self.spec.inference(ask.task)
        assert inference is not None, "a step asks only what its release has"
        messages = self.prompts[ask.task].messages(ask)
        for model in self.models[ask.role]:
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
