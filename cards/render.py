"""Renders the dataset card from a release's manifest and what lies beside it; whatever is undefined is an error."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..schemas.config import PAIR_CONFIGS, Config
from ..schemas.dialogue import Split
from ..schemas.error_type import ErrorType
from ..schemas.inference import Task
from ..schemas.licence import licence_of
from ..schemas.manifest import Manifest
from ..schemas.safety import PiiKind
from .audited import error_lines, gate_lines, length_lines, strategy_lines, unpassed_lines
from .beside import Beside
from .corpora import citations
from .docs import member_docs
from .front_matter import PRETTY_NAME, front_matter
from .licences import license_lines, refusals_of
from .limits import embedded_note, known_biases, known_limits
from .loading import loadable
from .pictures import PICTURES
from .review import crisis_lines, review_lines
from .steps import STEPS
from .tables import config_lines, drop_lines, facts, source_lines, task_lines
from .uses import GOOD_FOR, NOT_FOR
from .validation import validation_lines

PLACEHOLDER = "ORG/IPM-PrefDial"
"""What stands for the repo as long as nobody has said where the release is to be."""

_PERSONAL_DATA = {
    "keep": "left as it is",
    "mask": "replaced by placeholders before anything else was done",
    "drop": "a reason to leave the whole dialogue out",
}


def render_card(manifest: Manifest, features: Mapping[Config, Any], beside: Beside) -> str:
    """The card, as the bytes of README.md should be.

    Args:
        manifest: of the release; its counts and records are most of the numbers that the card has.
        features: per config, the `features` list of the card's `dataset_info`.
        beside: what else the release holds.
    """
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template("dataset_card.md.jinja").render(values_of(manifest, features, beside))


def values_of(manifest: Manifest, features: Mapping[Config, Any], beside: Beside) -> dict[str, Any]:
    """Everything that the template may show, whether this release has it or not."""
    return {
        "front_matter": front_matter(manifest, features),
        "manifest": manifest,
        "pretty_name": PRETTY_NAME,
        "changelog": beside.changelog or manifest.spec.notes,
        "limits": known_limits(manifest, beside),
        "biases": known_biases(manifest, beside),
        "good_for": GOOD_FOR,
        "not_for": NOT_FOR,
        **_loading(manifest, features),
        **_making(manifest, beside),
        **_measures(beside),
        **_rights(manifest, beside),
    }


def _loading(manifest: Manifest, features: Mapping[Config, Any]) -> dict[str, Any]:
    repo = manifest.repo or PLACEHOLDER
    splits = loadable(manifest)
    first = next(iter(splits), None)
    return {
        "repo": repo,
        "revision": f', revision="v{manifest.version}"',
        "place": f"{repo}@v{manifest.version}" if manifest.repo else "DIR",
        "first": None if first is None else {"config": first.value, "split": splits[first][0].value},
        "loadable": {config.value for config in splits},
        "splits": [split.value for split in Split],
        "configs": config_lines(manifest, features),
    }


def _making(manifest: Manifest, beside: Beside) -> dict[str, Any]:
    errors, spec = member_docs(ErrorType), manifest.spec
    return {
        "tasks": task_lines(manifest),
        "compares": spec.layout > 1,
        "errors": [{"name": error.value, "about": errors[error.name]} for error in spec.errors],
        "steps": [{"id": step, "about": STEPS[step]} for step in spec.steps],
        "pair_names": [config.value for config in PAIR_CONFIGS],
        "drops": drop_lines(manifest),
        "screened": spec.safety.crisis == "hold_out",
        "crisis_judged": spec.crisis_judge is not None and _has_models(manifest, Task.CRISIS_JUDGE),
        "crisis_recall": beside.crisis_recall,
        "crisis": crisis_lines(beside.review),
        "personal_data": _PERSONAL_DATA[spec.safety.personal_data],
        "masked": _masked(manifest),
        "facts": facts(manifest),
        "embedded": embedded_note(manifest),
    }


def _measures(beside: Beside) -> dict[str, Any]:
    audit = beside.audit
    return {
        "audit": audit is not None,
        "pictures": [{"path": path, "about": about} for path, about in PICTURES.items() if path in beside.pictures],
        "strategies": strategy_lines(audit) if audit else [],
        "error_counts": error_lines(audit) if audit else [],
        "lengths": list(length_lines(audit)) if audit else [],
        "gates": gate_lines(audit) if audit else [],
        "unpassed": unpassed_lines(audit, beside.accepted) if audit else [],
        "reviews": review_lines(beside.review),
        "validation": validation_lines(beside.validation),
    }


def _rights(manifest: Manifest, beside: Beside) -> dict[str, Any]:
    return {
        "license": licence_of(manifest.license),
        "refusals": refusals_of(beside.origins),
        "licences": license_lines(beside.origins),
        "sources": source_lines(manifest),
        "citations": citations([origin.source for origin in beside.origins]),
    }


def _has_models(manifest: Manifest, task: Task) -> bool:
    """Whether a model beside the embedded one is asked."""
    return any(record.kind != "corpus" for record in manifest.models[task.role])


def _masked(manifest: Manifest) -> str:
    """What was masked in all sources, by kind."""
    finds = sum((Counter(source.masked) for source in manifest.sources), Counter[PiiKind]())
    return ", ".join(f"{number} × {kind.value}" for kind, number in sorted(finds.items())) or "nothing"
