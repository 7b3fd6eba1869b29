"""Reward models as judges of a build, `--judge reward:DIR`: they label the steps of traces, and nothing else.

Training lies above this layer, so what loads a checkpoint is found by an entry point of the group
`ipm_prefdial.scorers`: our own recipes bring `reward`.
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Protocol

from pydantic import JsonValue

from ..schemas.errors import UsageError
from ..schemas.inference import REWARD, ModelRef
from ..schemas.spec import BuildSpec
from .inference.client import Completer

GROUP = "ipm_prefdial.scorers"


class Scorer(Protocol):
    """A model in this process that answers `STEP_JUDGE` requests."""

    ref: ModelRef
    """Its name begins with `REWARD`; its revision is a digest of what it was trained as."""
    facts: Mapping[str, JsonValue]
    """What is measured of it, for the card."""

    def completer(self) -> Completer:
        """Whoever answers in the event loop that runs; its answers are in the form of a judge's."""
        ...


def open_scorers(judges: tuple[str, ...], spec: BuildSpec) -> dict[str, Scorer]:
    """The reward models among the judges of a build, by how they were named.

    Raises:
        UsageError: there is no such checkpoint, nothing that loads it, no trace to label, or it is named twice.
    """
    named = [text for text in judges if text.startswith(REWARD)]
    if not named:
        return {}
    if spec.reasoning is None:
        raise UsageError(f"--judge {named[0]}: release {spec.version} has no reasoning traces, which it would label")
    found = {entry.name: entry for entry in entry_points(group=GROUP)}.get(REWARD.removesuffix(":"))
    if found is None:
        raise UsageError(f"--judge {named[0]}: this installation has no reward models; install ipm-prefdial anew")
    opened: dict[str, Scorer] = {text: found.load()(text, spec) for text in dict.fromkeys(named)}
    if len({scorer.ref for scorer in opened.values()}) < len(named):
        raise UsageError(f"--judge {named[0]}: a reward model is named twice")
    return opened
