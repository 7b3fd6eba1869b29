"""Whether a judge has a stake in what it judges, by what runs and releases record.

A judge is not evidence for a system where it is one of the system's own models, where it rewarded the system in its
training, or where it chose what the system was trained on: the system then gives it what it asked for. Such a judge is
named beside its figures, which are not tested. Names are compared without owners and revisions, since another server's
name of a model, or another date of it, makes no other judge.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...schemas.config import SFT_CONFIGS
from ...schemas.evaluation import JudgeFigures, SystemComparison
from ...schemas.inference import BASELINE, ModelRef, Role
from ..data.release import PinnedRelease
from ..runs.record import TrainingRecord
from .generate import DECOUPLED, JOINT, REASONING
from .options import checkpoint_of

if TYPE_CHECKING:
    from ...builders.models.pool import ModelPool

_ROLES: Mapping[str, tuple[Role, ...]] = {
    DECOUPLED: (Role.PLANNER, Role.RESPONDER),
    JOINT: (Role.JOINT,),
    REASONING: (Role.REASONER,),
}


@dataclass(frozen=True)
class SystemModel:
    """A model of a system."""

    ref: ModelRef
    run: TrainingRecord | None = None
    """How it was trained; None of a model that was not trained here."""


def parts_of(pool: "ModelPool") -> dict[str, tuple[SystemModel, ...]]:
    """The models of every system that is asked."""
    found = {}
    for system, roles in _ROLES.items():
        refs = [(role, ref) for role in roles for ref in pool.models.get(role, ())]
        checkpoints = [checkpoint_of(pool, ref) for _, ref in refs]
        found[system] = tuple(
            SystemModel(ref, one.run if one is not None else None)
            for (_, ref), one in zip(refs, checkpoints, strict=True)
        )
    return {system: parts for system, parts in found.items() if parts}


def stake(judge: ModelRef, parts: Sequence[SystemModel], release: PinnedRelease) -> str:
    """Why a judge is not independent of a system; empty where nothing says so.

    Args:
        judge: a model, or a reward model as `reward_judge.reward_ref` names it.
        parts: the system's models.
        release: that is evaluated on.
    """
    if judge.is_baseline:
        return ""
    for part in parts:
        run = part.run
        if plain_name(judge.name) == plain_name(part.ref.name if run is None else run.base_model):
            return f"is the model that {part.ref} is, or was made from"
        if run is not None and _rewarded(judge, run):
            return f"rewarded {part.ref} in its training"
        if run is not None and _chose(judge, run, release):
            return f"made the judgements that {part.ref} was trained on"
    return ""


# Whether a reward model, named by the digest of its run's record, rewarded a training.
def _rewarded(judge: ModelRef, run: TrainingRecord) -> bool:
    if run.reward is None or not judge.only_labels_steps or not judge.revision:
        return False
    return run.reward.run_sha256.startswith(judge.revision)


# Whether a judge decided what a model was trained on; demonstrations are a human's, and no judge's.
def _chose(judge: ModelRef, run: TrainingRecord, release: PinnedRelease) -> bool:
    if run.data.config in SFT_CONFIGS or run.data.manifest_sha256 != release.sha256:
        return False
    return plain_name(judge.name) in _deciding_judges(release)


# The plain names of the models whose verdicts decided what the release keeps.
def _deciding_judges(release: PinnedRelease) -> set[str]:
    judges = (one.ref.name for one in release.manifest.models.get(Role.JUDGE, ()))
    return {plain_name(name) for name in judges if name != BASELINE}


def plain_name(model: str) -> str:
    """A model's name without its owner, in small letters."""
    return model.rpartition("/")[2].casefold()


def with_stakes(judged: JudgeFigures, stakes: Mapping[str, str], unknown: Collection[str]) -> JudgeFigures:
    """The figures of a judge; systems that it has a stake in are named and not tested.

    Args:
        judged: what it said.
        stakes: why it is not independent, by system.
        unknown: systems whose models are not known.
    """
    comparisons = tuple(_untested(one) if {one.one, one.other} & stakes.keys() else one for one in judged.comparisons)
    notes = [f"{judged.judge} is not independent of {system}: it {why}" for system, why in stakes.items()]
    if unknown:
        notes.append(
            f"whether {judged.judge} has a stake in {', '.join(sorted(unknown))} cannot be told: files do not say what "
            "models wrote them"
        )
    return judged.model_copy(
        update={"stakes": dict(stakes), "comparisons": comparisons, "notes": (*judged.notes, *notes)}
    )


def _untested(one: SystemComparison) -> SystemComparison:
    return one.model_copy(update={"p": None})
