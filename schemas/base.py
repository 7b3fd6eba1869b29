"""The base of every schema, and the one canonical form that digests are taken of."""

import hashlib
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: cannot be changed after it is made, and knows no field but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def canonical_json(value: Any) -> bytes:
    """`value` as UTF-8 JSON with sorted keys and no spaces: equal values give equal bytes, in any language.

    For text, integers, booleans and null the same bytes as `json.dumps` with `sort_keys`, `separators=(",", ":")` and
    `ensure_ascii=False`, ten times as fast; a fraction is written in the shortest form that reads back as itself.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest_of(value: Any) -> str:
    """The SHA-256 of the canonical JSON of `value`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
