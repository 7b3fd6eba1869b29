"""The YAML at the top of a card: what the Hub and `datasets` read."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ..schemas.config import DEFAULT_CONFIG, Config
from ..schemas.inference import Role
from ..schemas.licence import licence_of
from ..schemas.manifest import Manifest
from ..schemas.publishing import Maintainers
from ..schemas.rows import rows_of
from .maintainers import head_of
from .tables import filled

PRETTY_NAME = "IPM-PrefDial"

_SIZES = (
    ("n<1K", 10**3),
    ("1K<n<10K", 10**4),
    ("10K<n<100K", 10**5),
    ("100K<n<1M", 10**6),
    ("1M<n<10M", 10**7),
    ("10M<n<100M", 10**8),
)
TAGS = ["trl", "preference", "dpo", "sft", "synthetic", "emotional-support", "mental-health"]
# What readers agree to if the maintainer gates the repo; the Hub ignores these keys otherwise.
_GATED = {
    "extra_gated_heading": "Data on people in distress",
    "extra_gated_prompt": "The rejected side of every pair is harmful by design: it shows how a reply fails a person "
    "in distress. The data is for research.",
    "extra_gated_fields": {
        "I will not show the rejected side to anybody as help": "checkbox",
        "I will not use the data for counselling, diagnosis or crisis response without professionals": "checkbox",
        "I will not try to find out who anybody in the data is": "checkbox",
    },
}


def front_matter(manifest: Manifest, features: Mapping[Config, Any], said: Maintainers | None = None) -> str:
    """The YAML, without the lines of dashes around it.

    Args:
        manifest: the manifest of the release.
        features: for each config, the `features` list of `dataset_info`.
        said: the maintainers' keys; of the computed keys, they can only extend the tags and change the name.
    """
    added = head_of(said) if said else {}
    tags = [*TAGS, *(tag for tag in added.pop("tags", ()) if tag not in TAGS)]
    rows = sum(record.rows or 0 for record in manifest.files.values())
    configs = sorted(rows_of(manifest.spec.layout), key=lambda config: config is not DEFAULT_CONFIG)
    return yaml.safe_dump(
        {
            **_license(manifest),
            "language": ["en"],
            "pretty_name": added.pop("pretty_name", PRETTY_NAME),
            "tags": tags,
            "annotations_creators": ["machine-generated"],
            "language_creators": ["crowdsourced", *_machine(manifest)],
            "size_categories": [next((name for name, limit in _SIZES if rows < limit), "100M<n<1B")],
            "source_datasets": sorted(set(_sources(manifest))),
            "task_categories": ["text-generation"],
            **added,
            **_GATED,
            "configs": [_config(manifest, config) for config in configs],
            "dataset_info": [_info(manifest, config, features[config]) for config in configs],
        },
        sort_keys=False,
        allow_unicode=True,
        width=120,
    ).rstrip()


# The Hub accepts only the ids of its own list; every other licence is `other` with a name and a link.
def _license(manifest: Manifest) -> dict[str, str]:
    licence = licence_of(manifest.license)
    if licence.is_ours:
        return {"license": "other", "license_name": licence.id, "license_link": "LICENSE"}
    return {"license": licence.id}


# `machine-generated` if a language model wrote text: the embedded models only repeat what people wrote.
def _machine(manifest: Manifest) -> Iterator[str]:
    writers = (Role.RESPONDER, Role.JOINT, Role.REWRITER)
    if any(record.kind != "corpus" for role in writers for record in manifest.models.get(role, ())):
        yield "machine-generated"


def _sources(manifest: Manifest) -> Iterator[str]:
    for source in manifest.sources:
        yield f"extended|{source.name}" if source.revision else "extended"


def _config(manifest: Manifest, config: Config) -> dict[str, Any]:
    files = [{"split": split, "path": f"data/{config}/{split}-*.parquet"} for split in filled(manifest, config)]
    default = {"default": True} if config is DEFAULT_CONFIG else {}
    return {"config_name": config.value, **default, "data_files": files}


def _info(manifest: Manifest, config: Config, features: Any) -> dict[str, Any]:
    splits: list[dict[str, Any]] = [
        {
            "name": split,
            "num_bytes": sum(manifest.files[path].bytes for path in paths),
            "num_examples": sum(manifest.files[path].rows or 0 for path in paths),
        }
        for split, paths in filled(manifest, config).items()
    ]
    total = sum(split["num_bytes"] for split in splits)
    sizes = {"download_size": total, "dataset_size": total}
    return {"config_name": config.value, "features": features, "splits": splits, **sizes}
