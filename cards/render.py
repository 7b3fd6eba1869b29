"""Renders the dataset card from a release's manifest and tables; whatever is undefined is an error."""

from collections import Counter
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..schemas.config import DEFAULT_CONFIG, PAIR_CONFIGS, Config
from ..schemas.dialogue import Split
from ..schemas.drops import DropReason
from ..schemas.inference import Task
from ..schemas.licence import LICENCES, UNKNOWN
from ..schemas.manifest import Manifest, SourceRecord
from ..schemas.review import Review
from ..schemas.rows import rows_of
from ..schemas.safety import PiiKind
from .docs import member_docs
from .review import review_lines

_NAME = "IPM-PrefDial"
_PLACEHOLDER = "ORG/IPM-PrefDial"
_PERSONAL_DATA = {
    "keep": "left as it is",
    "mask": "replaced by placeholders before anything else was done",
    "drop": "a reason to leave the whole dialogue out",
}
_SIZES = (("n<1K", 1_000), ("1K<n<10K", 10_000), ("10K<n<100K", 100_000), ("100K<n<1M", 1_000_000))


def render_card(
    manifest: Manifest,
    features: Mapping[Config, Any],
    *,
    repo: str = _PLACEHOLDER,
    review: Review | None = None,
    crisis_recall: str = "an unknown share of them.",
) -> str:
    """The card, as the bytes of README.md should be.

    Args:
        manifest: of the release; its counts and records are all the numbers that the card has.
        features: per config, the `features` list of the card's `dataset_info`.
        repo: the Hub id to load from.
        crisis_recall: how much the rules that look for a crisis find, in words.
        review: what people said of the release's pairs, where they have looked at them.
    """
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template("dataset_card.md.jinja").render(
        front_matter=_front_matter(manifest, features),
        manifest=manifest,
        pretty_name=_NAME,
        repo=repo,
        revision_argument=f', revision="v{manifest.version}"',
        splits=[split.value for split in Split],
        configs=[_config_line(manifest, config) for config in rows_of(manifest.spec.layout)],
        tasks=[line for task in Task for line in _task_lines(manifest, task)],
        compares=manifest.spec.layout > 1,
        screened=manifest.spec.safety.crisis == "hold_out",
        crisis_judged=manifest.spec.crisis_judge is not None and _has_models(manifest, Task.CRISIS_JUDGE),
        crisis_recall=crisis_recall,
        personal_data=_PERSONAL_DATA[manifest.spec.safety.personal_data],
        masked=_masked(manifest),
        errors=[error.value for error in manifest.spec.errors],
        pair_names=[config.value for config in PAIR_CONFIGS],
        drops=_drop_lines(manifest),
        facts=_facts(manifest),
        reviews=review_lines(review),
        license=LICENCES[manifest.license],
        uses_corpus=bool(_corpus_roles(manifest)),
        corpus_roles=_listed(_corpus_roles(manifest)),
        skipped=_skipped,
    )


def _front_matter(manifest: Manifest, features: Mapping[Config, Any]) -> str:
    rows = sum(record.rows or 0 for record in manifest.files.values())
    licence = LICENCES[manifest.license]
    ours = manifest.license in ("academic-only", UNKNOWN)
    known = {"license": "other", "license_name": licence.id, "license_link": licence.url or "LICENSE"}
    return yaml.safe_dump(
        {
            **(known if ours else {"license": licence.id}),
            "language": ["en"],
            "pretty_name": _NAME,
            "tags": ["trl", "preference", "dpo", "sft", "synthetic", "emotional-support", "mental-health"],
            "annotations_creators": ["machine-generated"],
            "language_creators": ["crowdsourced", "machine-generated"],
            "size_categories": [next((name for name, limit in _SIZES if rows < limit), "n>1M")],
            "source_datasets": ["extended"],
            "task_categories": ["text-generation"],
            "configs": [_config_yaml(manifest, config) for config in _default_first(manifest)],
            "dataset_info": [_info_yaml(manifest, config, features[config]) for config in _default_first(manifest)],
        },
        sort_keys=False,
        allow_unicode=True,
    ).rstrip()


def _default_first(manifest: Manifest) -> list[Config]:
    return sorted(rows_of(manifest.spec.layout), key=lambda config: config is not DEFAULT_CONFIG)


def _tables(manifest: Manifest, config: Config) -> dict[str, list[str]]:
    """The shards of a config by split, in the order of splits."""
    paths = sorted(path for path in manifest.files if path.startswith(f"data/{config}/"))
    by_split = {split.value: [path for path in paths if Path(path).name.startswith(f"{split}-")] for split in Split}
    return {split: shards for split, shards in by_split.items() if shards}


def _filled(manifest: Manifest, config: Config) -> dict[str, list[str]]:
    """The same without splits that have no rows: `datasets` refuses a whole config for the sake of one such."""
    tables = _tables(manifest, config)
    filled = {split: paths for split, paths in tables.items() if any(manifest.files[path].rows for path in paths)}
    return filled or dict([next(iter(tables.items()))])


def _config_yaml(manifest: Manifest, config: Config) -> dict[str, Any]:
    files = [{"split": split, "path": f"data/{config}/{split}-*.parquet"} for split in _filled(manifest, config)]
    default = {"default": True} if config is DEFAULT_CONFIG else {}
    return {"config_name": config.value, **default, "data_files": files}


def _info_yaml(manifest: Manifest, config: Config, features: Any) -> dict[str, Any]:
    splits: list[dict[str, Any]] = [
        {
            "name": split,
            "num_bytes": sum(manifest.files[path].bytes for path in paths),
            "num_examples": sum(manifest.files[path].rows or 0 for path in paths),
        }
        for split, paths in _filled(manifest, config).items()
    ]
    total = sum(split["num_bytes"] for split in splits)
    sizes = {"download_size": total, "dataset_size": total}
    return {"config_name": config.value, "features": features, "splits": splits, **sizes}


def _config_line(manifest: Manifest, config: Config) -> dict[str, Any]:
    rows = {
        split: sum(manifest.files[path].rows or 0 for path in paths)
        for split, paths in _tables(manifest, config).items()
    }
    counts = manifest.counts.get(config)
    return {
        "name": config.value,
        "default": config is DEFAULT_CONFIG,
        "candidates": counts.candidates if counts else "–",
        "dropped": sum(counts.dropped.values()) if counts else "–",
        "rows": {split.value: rows.get(split.value, "–") for split in Split},
        "about": cleandoc(rows_of(manifest.spec.layout)[config].__doc__ or "").splitlines()[0],
    }


def _task_lines(manifest: Manifest, task: Task) -> Iterator[dict[str, Any]]:
    """The line of a task that the release has; calls are counted by role, at the first task of each."""
    inference, usage = manifest.spec.inference(task), manifest.usage.get(task.role)
    if inference is None or usage is None:
        return
    counted = task.value == task.role.value
    yield {
        "role": task.value.replace("_", " "),
        "models": ", ".join(f"`{record.ref}`" for record in manifest.models[task.role]),
        "prompt": inference.prompt,
        "draws": inference.draws,
        "temperature": inference.sampling.temperature,
        "top_p": inference.sampling.top_p,
        "calls": usage.calls if counted else "–",
        "failed": usage.failed if counted else "–",
    }


def _has_models(manifest: Manifest, task: Task) -> bool:
    """Whether a model beside the embedded one is asked."""
    return any(record.kind != "corpus" for record in manifest.models[task.role])


def _masked(manifest: Manifest) -> str:
    """What was masked in all sources, by kind."""
    finds = sum((Counter(source.masked) for source in manifest.sources), Counter[PiiKind]())
    return ", ".join(f"{number} × {kind.value}" for kind, number in sorted(finds.items())) or "nothing"


def _drop_lines(manifest: Manifest) -> list[dict[str, Any]]:
    docs = member_docs(DropReason)
    by_reason = {
        reason: {config.value: manifest.counts[config].dropped.get(reason, 0) for config in PAIR_CONFIGS}
        for reason in DropReason
    }
    return [
        {"reason": reason.value, "by_config": numbers, "about": docs[reason.name]}
        for reason, numbers in by_reason.items()
        if any(numbers.values())
    ]


def _facts(manifest: Manifest) -> list[str]:
    """What the manifest holds on each model, a line each."""
    return [
        f"{role} `{record.ref}`, {name}: {_told(value)}"
        for role, records in manifest.models.items()
        for record in records
        for name, value in record.facts.items()
    ]


def _told(value: Any) -> str:
    """A measured value in words: fractions to three places, named parts one after the other."""
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, dict):
        parts = (f"{name.replace('_', ' ')} {_told(part)}" for name, part in value.items())
        return "; ".join(parts)
    return str(value)


def _corpus_roles(manifest: Manifest) -> list[str]:
    return [role.value for role, records in manifest.models.items() if any(one.kind == "corpus" for one in records)]


def _listed(names: list[str]) -> str:
    text = ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
    return f"The {text}"


def _skipped(source: SourceRecord) -> str:
    told = (f"{number} {reason.replace('_', ' ')}" for reason, number in source.skipped.items())
    return ", ".join(told) or "none"
