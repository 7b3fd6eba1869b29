"""Every source format: each module of this package that has a `FORMAT` is one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from ...schemas.dialogue import Split
from ...schemas.documents import parse_json
from . import __path__ as _folders
from .base import Format, RowFormat


def _find_formats() -> dict[str, Format]:
    modules = (import_module(f".{name}", __package__) for _, name, _ in iter_modules(_folders) if name.startswith("_"))
    found = sorted((one.FORMAT for one in modules if hasattr(one, "FORMAT")), key=lambda form: (form.order, form.kind))
    return {form.kind: form for form in found}


FORMATS = _find_formats()
"""Every format by its kind, in the order in which they are tried."""

_ROWS = [form.rows for form in FORMATS.values() if form.rows is not None]


def unwrap(record: Any) -> Any:
    """The record inside, where a row holds a whole dialogue as JSON text (`thu-coai/esconv` on the Hub)."""
    if isinstance(record, Mapping) and set(record) == {"text"} and isinstance(record["text"], str):
        try:
            return parse_json(record["text"])
        except ValueError:
            return record
    return record


def format_of(record: Any) -> Format | None:
    """The format that a record is written in; None of a record that fits none."""
    if not isinstance(record, Mapping):
        return None
    return next((form for form in FORMATS.values() if form.fits(record)), None)


def rows_of(header: Sequence[str]) -> RowFormat | None:
    """The format whose CSV files have this header; None where no format has it and a column `text` may hold records.

    A header that nothing can read is given to the first format, which names the column that it lacks.
    """
    found = next((rows for rows in _ROWS if rows.fits(header)), None)
    return found or (None if "text" in header else _ROWS[0])


def name_of_split_files() -> str:
    """The `source` of rows if a CSV file is only named after its split."""
    return _ROWS[0].source_name


def gather_rows(records: Iterable[tuple[Any, Split | None]]) -> Iterator[tuple[Any, Split | None]]:
    """Records, each with its split; rows of one dialogue become one record."""
    for rows in _ROWS:
        records = rows.gather(records)
    return iter(records)


def unknown_form(record: Any) -> str:
    """A description of a record that fits no format, and of the formats that there are."""
    found = (
        f"an object with {', '.join(sorted(map(str, record))[:8])}"
        if isinstance(record, dict)
        else type(record).__name__
    )
    forms = "; ".join(form.described_as for form in FORMATS.values())
    return f"a record is {found}; a dialogue is one of these: {forms}; see `ipm-prefdial schema dialogues`"
