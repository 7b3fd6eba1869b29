"""`croissant.json`: the release in Croissant 1.0 with the RAI properties, a view of the manifest.

Addresses are relative to the file, so it is read from a copy of the release as it is; `mlcroissant` then compares every
table that it reads with its digest. See https://docs.mlcommons.org/croissant/docs/croissant-spec.html.
"""

import json
from collections.abc import Mapping
from typing import Any

from ..schemas.config import Config
from ..schemas.licence import licence_of
from ..schemas.manifest import Manifest
from ..schemas.rows import rows_of
from .beside import Beside
from .corpora import citations
from .croissant_rai import rai_properties
from .croissant_records import PARQUET, record_sets
from .front_matter import PRETTY_NAME, TAGS
from .tables import tables_of

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The names that the format itself prescribes."""


def croissant_json(manifest: Manifest, features: Mapping[Config, Any], beside: Beside) -> str:
    """The contents of `croissant.json`; equal releases give equal bytes.

    Args:
        manifest: of the release.
        features: per config, the `features` list of the card's `dataset_info`.
        beside: what else the release holds.
    """
    metadata = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": PRETTY_NAME,
        "description": f"Preference data for emotional-support dialogue. {manifest.spec.notes} The rejected side is "
        "harmful by design.",
        "version": manifest.version,
        **_addresses(manifest),
        **({"datePublished": manifest.run.started[:10]} if manifest.run.started else {}),
        "citeAs": "\n".join(citations([origin.source for origin in beside.origins])),
        "inLanguage": "en",
        "keywords": TAGS,
        **rai_properties(manifest, beside),
        "distribution": [*_files(manifest), *_shards_together(manifest)],
        "recordSet": record_sets(manifest, features),
    }
    return json.dumps(metadata, indent=1, ensure_ascii=False) + "\n"


def _addresses(manifest: Manifest) -> dict[str, str]:
    """Where the release and its licence are."""
    url = {"url": f"https://huggingface.co/datasets/{manifest.repo}"} if manifest.repo else {}
    return {"license": licence_of(manifest.license).url or "LICENSE", **url}


def _files(manifest: Manifest) -> list[dict[str, Any]]:
    """Every table; the other files are views of these, or of what is said about them."""
    return [
        {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path,
            "contentUrl": path,
            "contentSize": f"{manifest.files[path].bytes} B",
            "encodingFormat": PARQUET,
            "sha256": manifest.files[path].sha256,
        }
        for config in rows_of(manifest.spec.layout)
        for shards in tables_of(manifest, config).values()
        for path in shards
    ]


def _shards_together(manifest: Manifest) -> list[dict[str, Any]]:
    """Splits that lie in several shards, as one thing to read."""
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"{config}/{split}/shards",
            "name": f"{config}/{split}/shards",
            "encodingFormat": PARQUET,
            "includes": f"data/{config}/{split}-*.parquet",
        }
        for config in rows_of(manifest.spec.layout)
        for split, shards in tables_of(manifest, config).items()
        if len(shards) > 1
    ]
