"""The forms in which a review goes out: a sheet, JSON Lines, Label Studio's tasks and Argilla's records."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from ...schemas.error_type import ErrorType
from ...schemas.escape import escape_cell
from ...schemas.review import NO_ERROR
from .items import BETTER, BETTER_COLUMN, COLUMNS, ERROR_COLUMNS, Item

ERROR_LABELS = (NO_ERROR, *(error.value for error in ErrorType))
"""What an error cell may hold."""

_TITLES = {
    "conversation": "Conversation so far",
    "strategy": "Strategy of both replies",
    "reply_a": "Reply A",
    "reply_b": "Reply B",
    "error_a": "Error of reply A",
    "error_b": "Error of reply B",
    "better": "Which reply is better?",
    "comment": "Comment (is not stored)",
}
_SHOWN = ("conversation", "strategy", "reply_a", "reply_b")
_OPTIONS = {**dict.fromkeys(ERROR_COLUMNS, ERROR_LABELS), BETTER_COLUMN: BETTER}
_ANNOTATORS_EACH = 2
"""How many people Argilla asks to look at each record: agreement needs two."""


def csv_text(items: Sequence[Item]) -> str:
    """The sheet; what is to be filled in is empty."""
    return sheet_text(COLUMNS, [item.model_dump() for item in items])


def sheet_text(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """A sheet for a spreadsheet program; columns that a row lacks are empty.

    It has a byte order mark: without it Excel reads UTF-8 as the machine's old code page.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([escape_cell(row.get(name, "")) for name in columns] for row in rows)
    return "\ufeff" + out.getvalue()


def jsonl_text(items: Sequence[Item]) -> str:
    """The same, an object a line; what is to be filled in is empty."""
    return "".join(
        json.dumps({**dict.fromkeys(COLUMNS, ""), **item.model_dump()}, ensure_ascii=False) + "\n" for item in items
    )


def label_studio_tasks(items: Sequence[Item]) -> str:
    """Tasks for Label Studio's import."""
    return _json([{"data": item.model_dump()} for item in items])


def label_studio_config() -> str:
    """The labelling interface that goes with the tasks."""
    lines = ["<View>"]
    for name in _SHOWN:
        lines.append(f"  <Header value={quoteattr(_TITLES[name])}/>")
        lines.append(f'  <View style="white-space: pre-wrap"><Text name="{name}" value="${name}"/></View>')
    for name, options in _OPTIONS.items():
        about = "reply_a" if name == "error_a" else "reply_b"
        lines.append(f"  <Header value={quoteattr(_TITLES[name])}/>")
        lines.append(f'  <Choices name="{name}" toName="{about}" choice="single" showInline="true">')
        lines += [f'    <Choice value="{option}"/>' for option in options]
        lines.append("  </Choices>")
    lines.append(f"  <Header value={quoteattr(_TITLES['comment'])}/>")
    lines.append('  <TextArea name="comment" toName="reply_b" rows="2" maxSubmissions="1"/>')
    return "\n".join([*lines, "</View>"]) + "\n"


def argilla_records(items: Sequence[Item]) -> str:
    """Records for Argilla 2, as `Dataset.records.from_json` reads them."""
    empty: dict[str, Any] = {"metadata": {}, "suggestions": {}, "responses": {}, "vectors": {}}
    return _json([{"id": item.item, "fields": item.model_dump(include=set(_SHOWN)), **empty} for item in items])


def argilla_settings(guidelines: str) -> str:
    """The dataset's settings for Argilla 2, as `Settings.from_json` reads them."""
    fields = [
        {
            "name": name,
            "title": _TITLES[name],
            "required": name != "strategy",
            "settings": {"type": "text", "use_markdown": False},
        }
        for name in _SHOWN
    ]
    questions = [
        _question(name, {"type": "label_selection", "options": [{"text": one, "value": one} for one in options]})
        for name, options in _OPTIONS.items()
    ]
    questions.append(_question("comment", {"type": "text", "use_markdown": False}))
    return _json(
        {
            "guidelines": guidelines,
            "fields": fields,
            "questions": questions,
            "vectors": [],
            "metadata": [],
            "allow_extra_metadata": False,
            "distribution": {"strategy": "overlap", "min_submitted": _ANNOTATORS_EACH},
        }
    )


def _question(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "title": _TITLES[name], "required": name == BETTER_COLUMN, "settings": settings}


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
