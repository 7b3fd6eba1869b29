"""The base of every schema, and the one canonical form that digests are taken of."""

import hashlib
from typing import Any, ClassVar

import orjson
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


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


def canonical_json(value: Any) -> bytes:
    """`value` as UTF-8 JSON with sorted keys and no spaces: equal values give equal bytes, in any language.

    For text, integers, booleans and null the same bytes as `json.dumps` with `sort_keys`, `separators=(",", ":")` and
    `ensure_ascii=False`, ten times as fast; a fraction is written in the shortest form that reads back as itself.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest_of(value: Any) -> str:
    """The SHA-256 of the canonical JSON of `value`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
