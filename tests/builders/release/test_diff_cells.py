"""Two cells have one digest if, and only if, they hold the same: whatever the type, the writer or the batch."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.release.diff._store import cell_digests, type_name
from ipm_prefdial.builders.release.layout import arrow_schema
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.base import canonical_json
from ipm_prefdial.schemas.config import Config

_TEXT = st.one_of(st.none(), st.sampled_from(["", "a", "b", "ab", "\0", "ä", "user"]))
_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
_MESSAGES = st.one_of(
    st.none(),
    st.lists(st.one_of(st.none(), st.fixed_dictionaries({"role": _TEXT, "content": _TEXT})), max_size=3),
)
CELLS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.string(), _TEXT),
    (pa.int64(), st.one_of(st.none(), st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))),
    (pa.bool_(), st.one_of(st.none(), st.booleans())),
    (pa.float64(), st.one_of(st.none(), st.floats(allow_nan=False))),
    (pa.list_(pa.bool_()), st.one_of(st.none(), st.lists(st.booleans(), max_size=3))),
    (pa.list_(pa.list_(pa.string())), st.lists(st.one_of(st.none(), st.lists(_TEXT, max_size=2)), max_size=3)),
    (pa.list_(_MESSAGE), _MESSAGES),
    (
        pa.struct([("a", pa.list_(pa.string())), ("b", pa.int64())]),
        st.one_of(
            st.none(),
            st.fixed_dictionaries({"a": st.none() | st.lists(_TEXT, max_size=2), "b": st.none() | st.just(0)}),
        ),
    ),
    (pa.date32(), st.one_of(st.none(), st.dates())),
]


@pytest.mark.parametrize(("kind", "cells"), CELLS, ids=[str(kind) for kind, _ in CELLS])
@given(data=st.data())
def test_equal_cells_and_no_others_have_equal_digests(
    kind: pa.DataType, cells: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    array = pa.array(data.draw(st.lists(cells, max_size=12)), kind)
    values, found = array.to_pylist(), cell_digests(array)
    assert found.dtype == np.uint64
    assert found.shape == (len(values),)
    for number, value in enumerate(values):
        same = [repr(other) == repr(value) for other in values]
        assert list(found == found[number]) == same


@given(st.lists(_MESSAGES, min_size=1, max_size=12), st.data())
def test_a_digest_does_not_depend_on_the_batch(values: list[Any], data: st.DataObject) -> None:
    cells = pa.array(values, pa.list_(_MESSAGE))
    start = data.draw(st.integers(0, len(values) - 1))
    assert list(cell_digests(cells.slice(start))) == list(cell_digests(cells))[start:]
    assert list(cell_digests(pa.array(values[start:], pa.list_(_MESSAGE)))) == list(cell_digests(cells))[start:]


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        (pa.string(), pa.large_string()),
        (pa.string(), pa.string_view()),
        (pa.string(), pa.dictionary(pa.int32(), pa.string())),
        (pa.list_(pa.string()), pa.large_list(pa.large_string())),
        (pa.list_(pa.field("item", pa.string())), pa.list_(pa.field("element", pa.string(), nullable=False))),
    ],
)
def test_another_layout_of_the_same_is_the_same(kind: pa.DataType, other: pa.DataType) -> None:
    values: list[Any] = ["a", "bc", "a"] if kind == pa.string() else [["a", "b"], [], ["c"]]
    cells = pa.array(values, kind)
    assert type_name(kind) == type_name(other)
    assert list(cell_digests(cells)) == list(cell_digests(cells.cast(other)))


def test_the_order_of_a_structs_fields_does_not_count() -> None:
    turned = pa.struct([_MESSAGE.field("content"), _MESSAGE.field("role")])
    values = [{"role": "user", "content": "a"}, {"role": "a", "content": "user"}, None]
    assert type_name(_MESSAGE) == type_name(turned)
    found = cell_digests(pa.array(values, _MESSAGE))
    assert list(found) == list(cell_digests(pa.array(values, turned)))
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        (pa.string(), pa.binary()),
        (pa.int64(), pa.int32()),
        (pa.list_(pa.string()), pa.string()),
        (_MESSAGE, pa.struct([("role", pa.string())])),
        (_MESSAGE, pa.struct([("role", pa.string()), ("content", pa.int64())])),
    ],
)
def test_other_types_have_other_names(kind: pa.DataType, other: pa.DataType) -> None:
    assert type_name(kind) != type_name(other)


@pytest.mark.parametrize("config", [Config.RESPONSE, Config.DROPPED, Config.COMPLETIONS, Config.DIALOGUES])
def test_every_column_of_a_real_release_is_told_apart(unaltered: Release, config: Config) -> None:
    table = pa.Table.from_pylist(list(unaltered.rows(config)), schema=arrow_schema(config, 1)).combine_chunks()
    for name in table.column_names:
        cells = table.column(name).chunk(0)
        told = {canonical_json(value) for value in cells.to_pylist()}
        assert len(set(cell_digests(cells))) == len(told), name
