"""`croissant.json`: the release in Croissant 1.0 with the RAI properties, a view of the manifest.

Addresses are relative to the file, so that any copy of the release can be read; `mlcroissant` compares every table that
it reads with its digest. Properties that the release cannot answer are left out. The specifications are
https://docs.mlcommons.org/croissant/docs/croissant-spec.html and
https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..schemas.config import PAIR_CONFIGS, Config
from ..schemas.inference import Role, Task
from ..schemas.licence import licence_of
from ..schemas.manifest import Manifest
from ..schemas.rows import rows_of
from ..schemas.steps import find_step
from ._limits import GOOD_FOR, NOT_FOR, known_biases, known_limits
from ._sections import crisis_lines, review_lines
from .columns import Column, columns_of
from .context import CardContext
from .front_matter import PRETTY_NAME, TAGS
from .licences import citations
from .tables import filled, tables_of

PARQUET = "application/x-parquet"

_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "float64": "sc:Float", "bool": "sc:Boolean"}
# The JSON-LD context that Croissant prescribes.
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


def croissant_json(manifest: Manifest, features: Mapping[Config, Any], context: CardContext) -> str:
    """The text of `croissant.json`; equal arguments give equal bytes.

    Args:
        manifest: the manifest of the release.
        features: for each config, the `features` list of the card's `dataset_info`.
        context: what else the release holds.
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
        "citeAs": "\n".join(citations([origin.source for origin in context.origins])),
        "inLanguage": "en",
        "keywords": TAGS,
        **rai_properties(manifest, context),
        "distribution": [*_files(manifest), *_shards_together(manifest)],
        "recordSet": record_sets(manifest, features),
    }
    return json.dumps(metadata, indent=1, ensure_ascii=False) + "\n"


# The URLs of the release and its licence.
def _addresses(manifest: Manifest) -> dict[str, str]:
    url = {"url": f"https://huggingface.co/datasets/{manifest.repo}"} if manifest.repo else {}
    return {"license": licence_of(manifest.license).url or "LICENSE", **url}


# Every table; the other files are views of the tables and the manifest.
def _files(manifest: Manifest) -> list[dict[str, Any]]:
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


# A file set for every split with several shards.
def _shards_together(manifest: Manifest) -> list[dict[str, Any]]:
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


def record_sets(manifest: Manifest, features: Mapping[Config, Any]) -> list[dict[str, Any]]:
    """A record set, with the id `CONFIG/SPLIT`, for every split that has rows."""
    found = []
    for config, row in rows_of(manifest.spec.layout).items():
        columns = columns_of(row, features[config])
        about = (row.__doc__ or "").splitlines()[0]
        for split, shards in filled(manifest, config).items():
            name = f"{config}/{split}"
            source = {"fileObject": {"@id": shards[0]}} if len(shards) == 1 else {"fileSet": {"@id": f"{name}/shards"}}
            found.append(
                {
                    "@type": "cr:RecordSet",
                    "@id": name,
                    "name": name,
                    "description": about,
                    "field": [_field(column, name, source, ()) for column in columns],
                }
            )
    return found


# A column, or a field of a struct; `way` is the path of its parents, the column first.
def _field(column: Column, within: str, source: dict[str, Any], way: tuple[str, ...]) -> dict[str, Any]:
    name, way = f"{within}/{column.name}", (*way, column.name)
    field: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": column.name}
    if column.about:
        field["description"] = column.about
    if column.is_list:
        field["repeated"] = True
    if column.fields:
        # Readers of Croissant 1.0 accept no lists within lists, so only the files have those.
        inner = (one for one in column.fields if not (one.is_list and (column.is_list or len(way) > 1)))
        field["subField"] = [_field(one, name, source, way) for one in inner]
    else:
        field["dataType"] = _TYPES[column.type]
        field["source"] = {**source, "extract": {"column": way[0]}}
        if len(way) > 1:
            field["source"]["transform"] = {"jsonPath": ".".join(way[1:])}
    return field


def rai_properties(manifest: Manifest, context: CardContext) -> dict[str, Any]:
    """The properties of responsible use (RAI) by name; each is a text or a list of texts."""
    found: dict[str, Any] = {
        "dataCollection": _collection(manifest),
        "dataCollectionType": ["Secondary Data Analysis", "Others"],
        "dataCollectionRawData": "The config `dialogues` holds the sources' dialogues as they were read, and "
        "`completions` every answer of a model.",
        "dataCollectionMissingData": _missing(manifest),
        "dataPreprocessingProtocol": [f"{step}: {find_step(step).sentence}" for step in manifest.spec.steps],
        "dataAnnotationProtocol": _annotation(manifest),
        "dataAnnotationPlatform": ["Sheets that show both sides unlabelled"] if review_lines(context.review) else [],
        "dataAnnotationAnalysis": list(_agreement(context)),
        "annotationsPerItem": _per_item(manifest),
        "machineAnnotationTools": [str(record.ref) for record in manifest.models.get(Role.JUDGE, ())],
        "dataBiases": known_biases(manifest, context),
        "dataLimitations": known_limits(manifest, context),
        "dataUseCases": [f"For {GOOD_FOR}.", f"Not for {NOT_FOR}."],
        "dataSocialImpact": "Intended to make systems that talk to people in distress less harmful. The rejected side "
        "is harmful by design: imitated or shown to people as help, it would do the opposite.",
        "personalSensitiveInformation": list(_sensitive(manifest, context)),
        "dataReleaseMaintenancePlan": "MAJOR.MINOR.PATCH says what a version does to old rows; a tag never moves, and "
        "CHANGELOG.md lists the changes.",
    }
    return {f"rai:{name}": value for name, value in found.items() if value}


def _collection(manifest: Manifest) -> str:
    sources = ", ".join(f"{one.name} ({one.dialogues} dialogues)" for one in manifest.sources)
    roles = (role for role in manifest.models if role is not Role.JUDGE)
    models = "; ".join(f"{role}: {', '.join(str(one.ref) for one in manifest.models[role])}" for role in roles)
    return f"Dialogues of seekers and supporters from {sources}; alternatives to what supporters did by {models}."


def _missing(manifest: Manifest) -> str:
    candidates = sum(manifest.counts[config].candidates for config in PAIR_CONFIGS)
    dropped = sum(sum(manifest.counts[config].dropped.values()) for config in PAIR_CONFIGS)
    return (
        f"Of {candidates} candidates for pairs, {dropped} were dropped; each is in the config `dropped` with its "
        "reason, including failed calls."
    )


def _annotation(manifest: Manifest) -> list[str]:
    how = (
        "Judges compare both sides, unlabelled, in both orders, and vote."
        if manifest.spec.layout > 1
        else "A judge sees one reply at a time, without its author."
    )
    asked = (manifest.spec.inference(task) for task in (Task.JUDGE, Task.STRATEGY_JUDGE))
    prompts = ", ".join(one.prompt for one in asked if one is not None)
    return [how, f"They look for: {', '.join(manifest.spec.errors)}.", f"Prompts: {prompts}."]


def _per_item(manifest: Manifest) -> str:
    judges = len(manifest.models.get(Role.JUDGE, ()))
    votes = judges * manifest.spec.judge.draws
    return f"{votes} judges' answers in either order" if manifest.spec.layout > 1 else f"{votes} verdict on each side"


def _agreement(context: CardContext) -> Iterator[str]:
    for section in review_lines(context.review):
        for line in section["lines"]:
            judge = f", with the judge {line['judge']} (kappa)" if line["judge"] else ""
            yield f"{section['config']}, {line['what']}: among people {line['among']} (alpha){judge}"


def _sensitive(manifest: Manifest, context: CardContext) -> Iterator[str]:
    safety = manifest.spec.safety
    yield "Dialogues describe people's distress in their own words."
    done = {"keep": "left as it is", "mask": "masked", "drop": "a reason to leave the dialogue out"}
    masked = sum(sum(source.masked.values()) for source in manifest.sources)
    yield f"Personal data in them was {done[safety.personal_data]}{f': {masked} traces' if masked else ''}."
    if safety.crisis == "hold_out":
        yield "Dialogues in which a seeker may be in a crisis are in `crisis_holdout` and in no split."
        yield from crisis_lines(context.review)
