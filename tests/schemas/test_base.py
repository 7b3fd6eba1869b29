"""One canonical form, so that digests agree wherever they are made."""

import hashlib
import json
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ipm_prefdial.schemas.base import Frozen, Grown, canonical_json, digest_of
from ipm_prefdial.schemas.manifest import Manifest, SourceRecord
from ipm_prefdial.schemas.spec import BuildSpec

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def _turned(value: object) -> object:
    """The same value with every mapping written in the opposite order."""
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in reversed(value)}
    return [_turned(one) for one in value] if isinstance(value, list) else value


def test_the_form_is_sorted_tight_utf8() -> None:
    assert canonical_json({"b": [1, 2.5, None], "a": "ñ☂"}) == '{"a":"ñ☂","b":[1,2.5,null]}'.encode()


@given(_json)
def test_order_of_keys_does_not_count_and_nothing_is_lost(value: object) -> None:
    assert canonical_json(_turned(value)) == canonical_json(value)
    assert json.loads(canonical_json(value)) == value


@given(_json, _json)
def test_other_values_have_other_digests(one: object, other: object) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest_of(one) == digest_of(other)) == same


def test_the_digest_is_plain_sha256_of_the_form() -> None:
    assert digest_of(["a", 1]) == hashlib.sha256(b'["a",1]').hexdigest()
    assert digest_of(("a", 1)) == digest_of(["a", 1])


class _First(Frozen):
    """As it was released."""

    name: str


class _Later(Grown):
    """The same, after it gained fields."""

    gained: ClassVar[tuple[str, ...]] = ("many", "deep")

    name: str
    many: tuple[int, ...] = ()
    deep: _First = _First(name="so")
    always: int = 3


@given(st.text())
def test_what_gained_fields_keeps_its_bytes_where_they_are_not_used(name: str) -> None:
    later = _Later(name=name)
    assert later.model_dump(mode="json") == {"name": name, "always": 3}
    assert json.loads(later.model_dump_json()) == {"name": name, "always": 3}
    assert _Later.model_validate(later.model_dump()) == later
    assert _Later.model_validate({"name": name}) == later


def test_a_gained_field_is_written_where_it_is_used() -> None:
    used = _Later(name="n", many=(1,), deep=_First(name="other"), always=3)
    assert used.model_dump(mode="json") == {"name": "n", "many": [1], "deep": {"name": "other"}, "always": 3}
    assert _Later.model_validate_json(used.model_dump_json()) == used
    inside = TypeAdapter(list[_Later]).dump_python([_Later(name="n")], mode="json")
    assert inside == [{"name": "n", "always": 3}]


@pytest.mark.parametrize("grown", [BuildSpec, Manifest, SourceRecord])
def test_every_gained_field_is_a_field_with_a_default(grown: type[Grown]) -> None:
    assert grown.gained
    for name in grown.gained:
        assert not grown.model_fields[name].is_required()
