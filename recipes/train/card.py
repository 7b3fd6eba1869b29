"""The model card of a trained checkpoint: a view of its `run.json`, in which whatever is undefined is an error."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from ...schemas.licence import LICENCES
from ...schemas.writing import write_whole
from ..tasks import Task
from .picture import FILE_NAME as PICTURE
from .record import DataRecord, RunRecord

if TYPE_CHECKING:
    from ..reward.report import RewardReport

FILE_NAME = "README.md"

_DOES = {
    Task.PLANNER: "chooses the support strategy for the supporter's next turn; its answer is the strategy's name alone",
    Task.RESPONDER: "writes the supporter's next turn under a strategy that its system prompt names",
    Task.JOINT: "chooses a strategy and writes the turn in one answer, `[Strategy] reply`: the entangled baseline",
    Task.REASONER: "writes a reasoning trace, step by step: what was said, what is felt, which strategy, and the reply",
    Task.REWARD: "scores every step of a reasoning trace; the reply is the last of them",
}
_SHOWN = (
    *("loss", "eval_loss", "eval_mean_token_accuracy", "eval_rewards/accuracies", "eval_rewards/margins"),
    *("eval_step_accuracy", "eval_pair_accuracy", "reward", "eval_reward", "eval_process", "eval_outcome"),
    *("eval_format", "eval_redundancy", "eval_strategy_accuracy", "eval_distinct_2", "eval_self_bleu"),
)
RANDOM = "random weights"
"""The base model of a run that made its own."""


def render_model_card(run: RunRecord, *, picture: bool, report: "RewardReport | None" = None) -> str:
    """The card of a finished run, as the bytes of its README.md should be.

    Args:
        run: the record; every figure of the card comes from it.
        picture: whether there is a picture of the curves beside it.
        report: of a reward model, how it fares on held-out dialogues.
    """
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template("model_card.md.jinja").render(
        front_matter=_front_matter(run),
        run=run,
        does=_DOES[run.task],
        stage=run.stage,
        report=_report_page(report),
        from_random=run.base_model == RANDOM,
        data=_data_line(run.data),
        start_data=_data_line(run.start.data) if run.start else None,
        reward_data=_data_line(run.reward.data) if run.reward else None,
        license=LICENCES[run.data.license],
        settings=sorted(run.settings.items()),
        results=[(name, f"{run.results[name]:.4g}") for name in _SHOWN if name in run.results],
        picture=PICTURE if picture else None,
    )


def _report_page(report: "RewardReport | None") -> str | None:
    if report is None:
        return None
    from ..reward.reporting import render_report  # brings numpy

    return render_report(report).strip()


def write_model_card(folder: Path, run: RunRecord, report: "RewardReport | None" = None) -> None:
    """Writes the card beside the checkpoint."""
    text = render_model_card(run, picture=(folder / PICTURE).is_file(), report=report)
    write_whole(folder / FILE_NAME, text)


def _front_matter(run: RunRecord) -> str:
    known: dict[str, Any] = {
        "library_name": "peft" if run.adapter else "transformers",
        "pipeline_tag": "token-classification" if run.task is Task.REWARD else "text-generation",
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
