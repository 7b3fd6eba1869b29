"""The record sets of `croissant.json`: a split of a config each, with every column that the format can tell."""

from collections.abc import Mapping
from typing import Any

from ..schemas.config import Config
from ..schemas.manifest import Manifest
from ..schemas.rows import rows_of
from .columns import Column, columns_of
from .tables import filled

PARQUET = "application/x-parquet"

_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "float64": "sc:Float", "bool": "sc:Boolean"}


def record_sets(manifest: Manifest, features: Mapping[Config, Any]) -> list[dict[str, Any]]:
    """A record set for every split that has rows, with the id `CONFIG/SPLIT`."""
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


def _field(column: Column, within: str, source: dict[str, Any], way: tuple[str, ...]) -> dict[str, Any]:
    """A column, or a field of a struct that `way` leads to: the column's name first."""
    name, way = f"{within}/{column.name}", (*way, column.name)
    field: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": column.name}
    if column.about:
        field["description"] = column.about
    if column.is_list:
        field["repeated"] = True
    if column.fields:
        # Lists within lists have no form that readers of Croissant 1.0 take: the files alone have those.
        inner = (one for one in column.fields if not (one.is_list and (column.is_list or len(way) > 1)))
        field["subField"] = [_field(one, name, source, way) for one in inner]
    else:
        field["dataType"] = _TYPES[column.type]
        field["source"] = {**source, "extract": {"column": way[0]}}
        if len(way) > 1:
            field["source"]["transform"] = {"jsonPath": ".".join(way[1:])}
    return field
