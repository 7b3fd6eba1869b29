"""The model card of a checkpoint, rendered from its `run.json`; a name that the template lacks is an error."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from ...schemas.files import write_whole
from ...schemas.licence import LICENCES
from ..catalogue import TrainingTask
from ..runs.record import RANDOM, DataRecord, TrainingRecord
from .curves import PICTURE_FILE

if TYPE_CHECKING:
    from ..reward.report import RewardReport

FILE_NAME = "README.md"

_PURPOSES = {
    TrainingTask.PLANNER: "chooses the support strategy for the supporter's next turn; "
    "its answer is the strategy's name alone",
    TrainingTask.RESPONDER: "writes the supporter's next turn under a strategy that its system prompt names",
    TrainingTask.JOINT: "chooses a strategy and writes the turn in one answer, `[Strategy] reply`: "
    "the entangled baseline",
    TrainingTask.REASONER: "writes a reasoning trace, step by step: what was said, what is felt, "
    "which strategy, and the reply",
    TrainingTask.REWARD: "scores every step of a reasoning trace; the reply is the last step",
}
# The figures that a card shows if they were logged, in order.
_RESULTS = (
    *("loss", "eval_loss", "eval_mean_token_accuracy", "eval_rewards/accuracies", "eval_rewards/margins"),
    *("eval_step_accuracy", "eval_pair_accuracy", "reward", "eval_reward", "eval_process", "eval_outcome"),
    *("eval_format", "eval_redundancy", "eval_strategy_accuracy", "eval_distinct_2", "eval_self_bleu"),
)


def write_model_card(folder: Path, run: TrainingRecord, report: "RewardReport | None" = None) -> None:
    """Writes the card of a finished run beside its checkpoint."""
    text = render_model_card(run, picture=(folder / PICTURE_FILE).is_file(), report=report)
    write_whole(folder / FILE_NAME, text)


def render_model_card(run: TrainingRecord, *, picture: bool, report: "RewardReport | None" = None) -> str:
    """The card of a finished run.

    Args:
        run: its record, from which every figure comes.
        picture: whether the folder has a picture of the curves.
        report: of a reward model, on held-out dialogues.
    """
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template("model_card.md.jinja").render(
        front_matter=_front_matter(run),
        run=run,
        purpose=_PURPOSES[run.task],
        stage=run.stage,
        report=_report_page(report),
        from_random=run.base_model == RANDOM,
        data=_format_data(run.data),
        start_data=_format_data(run.start.data) if run.start else None,
        reward_data=_format_data(run.reward.data) if run.reward else None,
        license=LICENCES[run.data.license],
        settings=sorted(run.settings.items()),
        results=[(name, f"{run.results[name]:.4g}") for name in _RESULTS if name in run.results],
        picture=PICTURE_FILE if picture else None,
    )


def _report_page(report: "RewardReport | None") -> str | None:
    if report is None:
        return None
    from ..reward.report import render_report  # imports numpy

    return render_report(report).strip()


def _front_matter(run: TrainingRecord) -> str:
    # No licence: the model's follows from that of the base model as well, which is not ours to state.
    known: dict[str, Any] = {
        "library_name": "peft" if run.adapter else "transformers",
        "pipeline_tag": "token-classification" if run.task is TrainingTask.REWARD else "text-generation",
        "language": ["en"],
        "tags": ["trl", run.stage.value, "emotional-support", "mental-health", "ipm-prefdial"],
    }
    if run.base_model != RANDOM:
        known["base_model"] = run.base_model
    if run.data.repo is not None:
        known["datasets"] = [run.data.repo]
    return yaml.safe_dump(known, sort_keys=False).strip()


# The release, with a link to its tag if it is on the Hub, and how many dialogues of it were used.
def _format_data(data: DataRecord) -> str:
    part = "" if data.dialogues is None else f", only rows of {data.dialogues} selected dialogues"
    if data.repo is None:
        return f"release {data.version} of `{data.name}`{part}"
    link = f"https://huggingface.co/datasets/{data.repo}/tree/{data.revision}"
    return f"[{data.repo} at {data.revision}]({link}){part}"
