"""The model card of a trained checkpoint: a view of its `run.json`, in which whatever is undefined is an error."""

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from ...schemas.licence import LICENCES
from ..tasks import Stage, Task
from .picture import FILE_NAME as PICTURE
from .record import DataRecord, RunRecord

FILE_NAME = "README.md"

_DOES = {
    Task.PLANNER: "chooses the support strategy for the supporter's next turn; its answer is the strategy's name alone",
    Task.RESPONDER: "writes the supporter's next turn under a strategy that its system prompt names",
    Task.JOINT: "chooses a strategy and writes the turn in one answer, `[Strategy] reply`: the entangled baseline",
}
_SHOWN = ("loss", "eval_loss", "eval_mean_token_accuracy", "eval_rewards/accuracies", "eval_rewards/margins")
RANDOM = "random weights"
"""The base model of a run that made its own."""


def render_model_card(run: RunRecord, *, picture: bool) -> str:
    """The card of a finished run, as the bytes of its README.md should be.

    Args:
        run: the record; every figure of the card comes from it.
        picture: whether there is a picture of the curves beside it.
    """
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template("model_card.md.jinja").render(
        front_matter=_front_matter(run),
        run=run,
        does=_DOES[run.task],
        is_dpo=run.stage is Stage.DPO,
        from_random=run.base_model == RANDOM,
        data=_data_line(run.data),
        start_data=_data_line(run.start.data) if run.start else None,
        license=LICENCES[run.data.license],
        settings=sorted(run.settings.items()),
        results=[(name, f"{run.results[name]:.4g}") for name in _SHOWN if name in run.results],
        picture=PICTURE if picture else None,
    )


def write_model_card(folder: Path, run: RunRecord) -> None:
    """Writes the card beside the checkpoint."""
    text = render_model_card(run, picture=(folder / PICTURE).is_file())
    (folder / FILE_NAME).write_text(text, encoding="utf-8")


def _front_matter(run: RunRecord) -> str:
    known: dict[str, Any] = {
        "library_name": "peft" if run.adapter else "transformers",
        "pipeline_tag": "text-generation",
        "language": ["en"],
        "tags": ["trl", run.stage.value, "emotional-support", "mental-health", "ipm-prefdial"],
    }
    if run.base_model != RANDOM:
        known["base_model"] = run.base_model
    if run.data.repo is not None:
        known["datasets"] = [run.data.repo]
    return yaml.safe_dump(known, sort_keys=False).strip()


def _data_line(data: DataRecord) -> str:
    """Where the data is, as a link to its tag where it has one, and how much of it was chosen."""
    part = "" if data.dialogues is None else f", only rows of {data.dialogues} chosen dialogues"
    if data.repo is None:
        return f"release {data.version} of `{data.name}`{part}"
    link = f"https://huggingface.co/datasets/{data.repo}/tree/{data.revision}"
    return f"[{data.repo} at {data.revision}]({link}){part}"
