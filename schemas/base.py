"""The base of every schema, and the one canonical form that digests are taken of."""

import hashlib
from enum import StrEnum
from typing import Any, ClassVar

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Frozen(BaseModel):
    """A value: cannot be changed after it is made, and knows no field but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Grown(Frozen):
    """A value that gained fields after it was first released.

    Those are written only where they are used, so that what was released before they existed keeps its bytes.
    """

    gained: ClassVar[tuple[str, ...]] = ()
    """The fields that are left out at their default."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        unused = [
            name for name in self.gained if getattr(self, name) == fields[name].get_default(call_default_factory=True)
        ]
        return {name: value for name, value in written.items() if name not in unused}


class Pinned:
    """Annotates an enum field with the members that a released layout knows.

    An enum grows from version to version. Without a pin, a new member would change the JSON Schema of every layout that
    was released before it, and let a row of an old layout hold a value that its readers have never seen.
    """

    def __init__(self, members: tuple[StrEnum, ...]) -> None:
        self.members = members

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler(schema)
        # The definition is shared by all fields of the model, which belong to one layout.
        handler.resolve_ref_schema(json_schema)["enum"] = [member.value for member in self.members]
        return json_schema

    def _check(self, value: StrEnum) -> StrEnum:
        if value not in self.members:
            raise ValueError(f"{value.value!r} is newer than this layout; it knows {', '.join(self.members)}")
        return value


def canonical_json(value: Any) -> bytes:
    """`value` as UTF-8 JSON with sorted keys and no spaces: equal values give equal bytes, in any language.

    For text, integers, booleans and null the same bytes as `json.dumps` with `sort_keys`, `separators=(",", ":")` and
    `ensure_ascii=False`, ten times as fast; a fraction is written in the shortest form that reads back as itself.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest_of(value: Any) -> str:
    """The SHA-256 of the canonical JSON of `value`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
