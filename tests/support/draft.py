"""A spec in preparation: the newest released one in the next layout, with whatever a test wants to try in it."""

from pathlib import Path
from typing import Any

import yaml

from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.inference import Task

NEXT_LAYOUT = 4

_SPEC = load_release("2.1.0").spec
assert _SPEC.reasoning is not None

NEXT_PROMPTS = {
    task.value: asked.model_dump(mode="json") | {"prompt": asked.prompt.replace("@1", "@2")}
    for task in Task
    if (asked := _SPEC.inference(task)) is not None
} | {"reasoning": _SPEC.reasoning.model_dump(mode="json") | {"prompt": "reasoner/write_trace@2"}}
"""Fields of a draft: every prompt in its second version, in which judges may say that a side is no reply."""

NEXT_STEPS = [one.replace("majority@1", "majority@2") for one in _SPEC.steps]
"""The steps that go with these prompts."""
NEXT_STEPS.insert(NEXT_STEPS.index("strategy_named@1"), "known_marker@1")
NEXT_STEPS.insert(NEXT_STEPS.index("strategy_named@1") + 1, "no_refusal@1")


def write_draft(folder: Path, *, first: tuple[str, ...] = (), last: tuple[str, ...] = (), **changes: Any) -> Path:
    """Writes a draft of 3.0.0 into a folder, for `build --release FILE`.

    Args:
        folder: where the file goes.
        first: ids of steps before all of the released ones.
        last: ids of steps right before the first that asks a judge.
        changes: fields of the spec that are to be other than in 2.1.0.
    """
    spec = load_release("2.1.0").spec.model_dump(mode="json")
    steps = spec["steps"]
    at = steps.index("compare_sides@1")
    spec |= {"version": "3.0.0", "layout": NEXT_LAYOUT, "steps": [*first, *steps[:at], *last, *steps[at:]], **changes}
    path = folder / "draft.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    return path
