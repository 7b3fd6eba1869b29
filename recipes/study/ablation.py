"""An ablation of the reward: the same GRPO run with one part switched off at a time, in one table."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...schemas.errors import UsageError
from ...schemas.escape import csv_table
from ...schemas.files import write_whole
from ..catalogue import TrainingStage, TrainingTask, find_recipe
from ..runs.arguments import PARTS
from ..train.outputs import Log, read_curves

PAGE_NAME, TABLE_NAME = "ablation.md", "ablation.csv"
BEGINNING = "at the beginning"
"""The first steps of the run with all parts: still close to the SFT checkpoint."""
WHOLE = "all parts"

# What is compared, by the names that it is logged by; no variant's own reward, which is another sum in each.
_MEASURED = {
    "process": "process",
    "process_min": "weakest step",
    "outcome": "outcome",
    "format": "whole traces",
    "redundancy": "weight of not repeating",
    "strategy_accuracy": "strategies as the human's",
    "distinct_1": "Distinct-1",
    "distinct_2": "Distinct-2",
    "self_bleu": "self-BLEU",
    "completions/mean_length": "tokens",
}
_FIRST_SHARE, _LAST_SHARE = 6, 4
"""Which share of the steps is the beginning, and which the end: a step alone is of a few prompts, and mostly chance."""

Settings = Sequence[tuple[str, Any]]


def variants() -> dict[str, dict[str, float]]:
    """The settings of every variant, by what it is called: all parts, then each without one."""
    return {WHOLE: {}, **{f"without {part}": {part: 0.0} for part in PARTS}}


def ablate(name: str, out: Path, settings: Settings, run: Callable[[Settings], None]) -> dict[str, dict[str, float]]:
    """Trains every variant, each into a folder of its own in `out`, and writes the table.

    What is finished already is not trained again, so that the same command goes on where it was stopped.

    Args:
        name: of a GRPO recipe.
        out: the folder; the SFT checkpoint and the reward model are looked for beside it as beside a run.
        settings: of all variants alike, with the data.
        run: trains by such settings, to which the variant's own and its folder are added.

    Raises:
        UsageError: the recipe is not a GRPO recipe, or a setting is one that the variants differ in.
    """
    if find_recipe(name).stage is not TrainingStage.GRPO:
        raise UsageError(f"{name}: is not a GRPO recipe; only the parts of its reward can be switched off")
    if taken := [key for key, value in settings if key in PARTS and not value]:
        raise UsageError(f"{taken[0]}=0 is what one of the variants sets; leave it out")
    places = {
        "sft_checkpoint": out.parent / TrainingStage.SFT,
        "reward_model": out.parent.parent / TrainingTask.REWARD / TrainingStage.REWARD,
    }
    given = [*((key, str(place)) for key, place in places.items() if key not in dict(settings)), *settings]
    found: dict[str, dict[str, float]] = {}
    for variant, changed in variants().items():
        folder = out / variant.replace(" ", "-")
        run([*given, ("output_dir", str(folder)), *changed.items()])
        logs = [log for log in read_curves(folder) if "reward" in log]
        if not found:
            found[BEGINNING] = _means(logs[: max(1, len(logs) // _FIRST_SHARE)])
        found[variant] = _means(logs[-max(1, len(logs) // _LAST_SHARE) :])
    write_whole(out / TABLE_NAME, _ablation_csv(found))
    write_whole(out / PAGE_NAME, ablation_page(name, found))
    return found


# The table for machines; what was not measured is empty.
def _ablation_csv(found: Mapping[str, Mapping[str, float]]) -> str:
    rows = ((variant, *(values.get(name, "") for name in _MEASURED)) for variant, values in found.items())
    return csv_table([("variant", *_MEASURED), *rows])


def ablation_page(name: str, found: Mapping[str, Mapping[str, float]]) -> str:
    """The table for people, in Markdown, with what it says and does not say."""
    names = [one for one in _MEASURED if any(one in values for values in found.values())]
    lines = [
        f"# What each part of the reward does: {name}",
        "",
        "| variant | " + " | ".join(_MEASURED[one] for one in names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for variant, values in found.items():
        cells = (f"{values[one]:.3f}" if one in values else "–" for one in names)
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    lines += [
        "",
        "Every variant was trained from the same checkpoint with the same seed and differs in one setting. A part is",
        "measured in every variant, also where it is switched off. Figures are means over the last quarter of the",
        f"training steps, of what was generated then; `{BEGINNING}` is the first sixth with all parts. The same seed",
        "draws the same prompts in the same order, so variants can be compared with each other; from the beginning to",
        "the end the prompts change, too. One run each: a small difference may be chance.",
        "",
    ]
    return "\n".join(lines)


def _means(logs: Sequence[Log]) -> dict[str, float]:
    found = {}
    for name in _MEASURED:
        values = [float(log[name]) for log in logs if log.get(name) is not None]
        if values:
            found[name] = round(sum(values) / len(values), 6)
    return found
