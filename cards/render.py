"""Renders the dataset card from a release's manifest and context.

Templates run with `StrictUndefined`, so that a renamed field fails the rendering instead of leaving a gap in the card.
Text from outside is escaped unless it is marked as Markdown (`_words.ours`).
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..schemas.config import PAIR_CONFIGS, Config
from ..schemas.dialogue import Split
from ..schemas.error_type import ErrorType
from ..schemas.escape import Markdown, escape_prose, escape_sentence
from ..schemas.inference import Task
from ..schemas.licence import licence_of
from ..schemas.manifest import Manifest
from ..schemas.safety import PiiKind
from ..schemas.steps import find_step
from ._limits import GOOD_FOR, NOT_FOR, embedded_note, known_biases, known_limits
from ._sections import (
    crisis_lines,
    error_lines,
    gate_lines,
    length_lines,
    review_lines,
    strategy_lines,
    unpassed_lines,
    validation_lines,
)
from ._words import escaped, ours
from .columns import member_docs
from .context import CardContext
from .front_matter import PRETTY_NAME, front_matter
from .licences import citations, license_lines, refusals_of
from .maintainers import HEADING, NOTE
from .pictures import PICTURES
from .tables import config_lines, drop_lines, facts, loadable, source_lines, task_lines, token_lines

_REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)

PLACEHOLDER = "ORG/IPM-PrefDial"
"""The repo on the card of a release that is not published yet."""

_PERSONAL_DATA = {
    "keep": "left as it is",
    "mask": "replaced by placeholders before anything else was done",
    "drop": "a reason to leave the whole dialogue out",
}


# One for all renderings, so that the templates are compiled once: to verify or alter a release is to render its card.
_TEMPLATES = Environment(
    loader=PackageLoader(__package__, ""),
    undefined=StrictUndefined,
    finalize=escaped,
    trim_blocks=True,
    keep_trailing_newline=True,
)


def render_card(manifest: Manifest, features: Mapping[Config, Any], context: CardContext) -> str:
    """The text of README.md; equal arguments give equal bytes.

    Args:
        manifest: the manifest of the release, with most of the card's numbers.
        features: for each config, the `features` list of the card's `dataset_info`.
        context: what else the card shows.
    """
    return _TEMPLATES.get_template("dataset_card.md.jinja").render(values_of(manifest, features, context))


def values_of(manifest: Manifest, features: Mapping[Config, Any], context: CardContext) -> dict[str, Any]:
    """The variables of the templates; all are defined for every release."""
    return {
        "front_matter": Markdown(front_matter(manifest, features, context.maintainers)),
        "manifest": manifest,
        "pretty_name": PRETTY_NAME,
        "notes": escape_prose(manifest.spec.notes),
        "changelog": escape_prose(context.changelog or manifest.spec.notes),
        "limits": ours(known_limits(manifest, context)),
        "biases": ours(known_biases(manifest, context)),
        "good_for": ours(GOOD_FOR),
        "not_for": ours(NOT_FOR),
        "maintainers_heading": ours(HEADING),
        "maintainers_note": ours(NOTE),
        "maintainers_text": ours(context.maintainers.text if context.maintainers else ""),
        **_loading(manifest, features),
        **_making(manifest, context),
        **_measures(context),
        **_rights(manifest, context),
    }


def _loading(manifest: Manifest, features: Mapping[Config, Any]) -> dict[str, Any]:
    named = manifest.repo if manifest.repo and _REPO.fullmatch(manifest.repo) else None
    repo = named or PLACEHOLDER
    splits = loadable(manifest)
    first = next(iter(splits), None)
    return {
        "repo": ours(repo),
        "revision": ours(f', revision="v{manifest.version}"'),
        "place": ours(f"{repo}@v{manifest.version}" if named else "DIR"),
        "first": None if first is None else {"config": first.value, "split": splits[first][0].value},
        "loadable": {config.value for config in splits},
        "splits": [split.value for split in Split],
        "configs": ours(config_lines(manifest, features)),
    }


def _making(manifest: Manifest, context: CardContext) -> dict[str, Any]:
    errors, spec = member_docs(ErrorType), manifest.spec
    return {
        "tasks": task_lines(manifest),
        "tokens": ours(token_lines(manifest)),
        "compares": spec.layout > 1,
        "errors": ours([{"name": error.value, "about": errors[error.name]} for error in spec.errors]),
        "steps": ours([{"id": step, "about": find_step(step).sentence} for step in spec.steps]),
        "pair_names": [config.value for config in PAIR_CONFIGS],
        "drops": ours(drop_lines(manifest, context.crises)),
        "screened": spec.safety.crisis == "hold_out",
        "crisis_judged": spec.crisis_judge is not None and _has_models(manifest, Task.CRISIS_JUDGE),
        "crisis_recall": ours(context.crisis_recall),
        "crisis": ours(" ".join(crisis_lines(context.review))),
        "unread": context.crises.unread if context.crises else 0,
        "personal_data": _PERSONAL_DATA[spec.safety.personal_data],
        "masked": _masked(manifest),
        "facts": ours(facts(manifest)),
        "embedded": ours(embedded_note(manifest)),
    }


def _measures(context: CardContext) -> dict[str, Any]:
    audit = context.audit
    return {
        "audit": audit is not None,
        "pictures": ours(
            [{"path": path, "about": about} for path, about in PICTURES.items() if path in context.pictures]
        ),
        "strategies": strategy_lines(audit) if audit else [],
        "error_counts": error_lines(audit) if audit else [],
        "lengths": ours(list(length_lines(audit))) if audit else [],
        "gates": gate_lines(audit) if audit else [],
        "unpassed": unpassed_lines(audit, context.accepted) if audit else [],
        "reviews": ours(review_lines(context.review)),
        "validation": ours(validation_lines(context.validation)),
    }


def _rights(manifest: Manifest, context: CardContext) -> dict[str, Any]:
    return {
        "license": ours(licence_of(manifest.license).model_dump(mode="json")),
        "refusals": [escape_sentence(one) for one in refusals_of(context.origins)],
        "licences": license_lines(context.origins),
        "sources": source_lines(manifest),
        "citations": ours(citations([origin.source for origin in context.origins])),
    }


# Whether the task has a model besides the embedded ones.
def _has_models(manifest: Manifest, task: Task) -> bool:
    return any(record.kind != "corpus" for record in manifest.models[task.role])


# The number of masked traces by kind, over all sources.
def _masked(manifest: Manifest) -> str:
    finds = sum((Counter(source.masked) for source in manifest.sources), Counter[PiiKind]())
    return ", ".join(f"{number} × {kind.value}" for kind, number in sorted(finds.items())) or "nothing"
