"""What `croissant.json` says on responsible use, in the RAI vocabulary of Croissant, from the release alone.

See https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html; what the release cannot tell is left out.
"""

from collections.abc import Iterator
from typing import Any

from ..schemas.config import PAIR_CONFIGS
from ..schemas.inference import Role, Task
from ..schemas.manifest import Manifest
from .beside import Beside
from .limits import known_biases, known_limits
from .review import crisis_lines, review_lines
from .steps import STEPS
from .uses import GOOD_FOR, NOT_FOR


def rai_properties(manifest: Manifest, beside: Beside) -> dict[str, Any]:
    """The properties by their names; texts, or lists of them."""
    found: dict[str, Any] = {
        "dataCollection": _collection(manifest),
        "dataCollectionType": ["Secondary Data Analysis", "Others"],
        "dataCollectionRawData": "The config `dialogues` holds the sources' dialogues as they were taken in, and "
        "`completions` every answer of a model.",
        "dataCollectionMissingData": _missing(manifest),
        "dataPreprocessingProtocol": [f"{step}: {STEPS[step]}" for step in manifest.spec.steps],
        "dataAnnotationProtocol": _annotation(manifest),
        "dataAnnotationPlatform": ["Sheets that show both sides unlabelled"] if review_lines(beside.review) else [],
        "dataAnnotationAnalysis": list(_agreement(beside)),
        "annotationsPerItem": _per_item(manifest),
        "machineAnnotationTools": [str(record.ref) for record in manifest.models.get(Role.JUDGE, ())],
        "dataBiases": known_biases(manifest, beside),
        "dataLimitations": known_limits(manifest, beside),
        "dataUseCases": [f"For {GOOD_FOR}.", f"Not for {NOT_FOR}."],
        "dataSocialImpact": "Meant to make systems that talk to people in distress less harmful. The rejected side is "
        "harmful by design: imitated or shown to anybody as help, it would do the opposite.",
        "personalSensitiveInformation": list(_sensitive(manifest, beside)),
        "dataReleaseMaintenancePlan": "Versions are MAJOR.MINOR.PATCH by what happens to old rows; a tag never moves, "
        "and CHANGELOG.md tells what changed.",
    }
    return {f"rai:{name}": value for name, value in found.items() if value}


def _collection(manifest: Manifest) -> str:
    sources = ", ".join(f"{one.name} ({one.dialogues} dialogues)" for one in manifest.sources)
    roles = (role for role in manifest.models if role is not Role.JUDGE)
    models = "; ".join(f"{role}: {', '.join(str(one.ref) for one in manifest.models[role])}" for role in roles)
    return f"Dialogues of seekers and supporters from {sources}; alternatives to what supporters did by {models}."


def _missing(manifest: Manifest) -> str:
    candidates = sum(manifest.counts[config].candidates for config in PAIR_CONFIGS)
    dropped = sum(sum(manifest.counts[config].dropped.values()) for config in PAIR_CONFIGS)
    return (
        f"Of {candidates} candidates for pairs {dropped} were dropped; each is in the config `dropped` with its "
        "reason, calls that failed among them."
    )


def _annotation(manifest: Manifest) -> list[str]:
    how = (
        "Judges compare both sides, unlabelled, in both orders, and vote."
        if manifest.spec.layout > 1
        else "A judge looks at one reply at a time and is not told who wrote it."
    )
    asked = (manifest.spec.inference(task) for task in (Task.JUDGE, Task.STRATEGY_JUDGE))
    prompts = ", ".join(one.prompt for one in asked if one is not None)
    return [how, f"They look for: {', '.join(manifest.spec.errors)}.", f"Prompts: {prompts}."]


def _per_item(manifest: Manifest) -> str:
    judges = len(manifest.models.get(Role.JUDGE, ()))
    votes = judges * manifest.spec.judge.draws
    return f"{votes} judges' answers in either order" if manifest.spec.layout > 1 else f"{votes} verdict on each side"


def _agreement(beside: Beside) -> Iterator[str]:
    for section in review_lines(beside.review):
        for line in section["lines"]:
            judge = f", with the judge {line['judge']} (kappa)" if line["judge"] else ""
            yield f"{section['config']}, {line['what']}: among people {line['among']} (alpha){judge}"


def _sensitive(manifest: Manifest, beside: Beside) -> Iterator[str]:
    safety = manifest.spec.safety
    yield "Dialogues tell of people's distress, in their own words."
    done = {"keep": "left as it is", "mask": "masked", "drop": "a reason to leave the dialogue out"}
    masked = sum(sum(source.masked.values()) for source in manifest.sources)
    yield f"Personal data in them was {done[safety.personal_data]}{f': {masked} traces' if masked else ''}."
    if safety.crisis == "hold_out":
        yield "Dialogues in which a seeker may be in a crisis are in `crisis_holdout` and in no split."
        yield from crisis_lines(beside.review)
