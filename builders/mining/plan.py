"""Puts a spec and the chosen models together: which prompts, which steps, and how each request is made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...prompts.library import Prompt, load_prompt
from ...schemas.errors import UsageError
from ...schemas.inference import Ask, ModelRef, Request, Role, derive_seed
from ...schemas.spec import BuildSpec

Models = Mapping[Role, tuple[ModelRef, ...]]
"""Which models play each role; at least one a role."""


@dataclass(frozen=True)
class MiningPlan:
    """Everything that decides which requests a turn gives rise to; the same plan makes the same keys for ever."""

    spec: BuildSpec
    models: Models
    prompts: Mapping[Role, Prompt]

    @classmethod
    def of(cls, spec: BuildSpec, models: Models) -> "MiningPlan":
        """The plan for a spec with these models.

        Raises:
            PromptError: the spec names a prompt that does not exist or was edited.
            UsageError: a role has no model.
        """
        if missing := [role for role in Role if not models.get(role)]:
            raise UsageError(f"no model for the {missing[0]}")
        return cls(spec, models, {role: load_prompt(spec.inference(role).prompt) for role in Role})

    def requests(self, ask: Ask) -> Iterator[Request]:
        """The requests that `ask` comes to: every draw of every model of its role, in that order."""
        inference = self.spec.inference(ask.role)
        messages = self.prompts[ask.role].messages(ask)
        for model in self.models[ask.role]:
            for draw in range(inference.draws):
                yield Request(
                    model=model,
                    messages=messages,
                    sampling=inference.sampling,
                    draw=draw,
                    seed=derive_seed(self.spec.seed, messages, draw),
                    reply_schema=self.prompts[ask.role].reply_schema,
                    ask=ask,
                )
