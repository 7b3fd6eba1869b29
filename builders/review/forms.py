"""Exports pairs for review: a CSV sheet, JSON Lines, Label Studio's tasks and Argilla's records, and the key to them.

Annotators see the conversation and two replies in random order; only the key, which stays outside the folder for them,
says which reply is the chosen one.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from jinja2 import Environment, PackageLoader, StrictUndefined

from ...cards.columns import member_docs
from ...schemas.base import Frozen
from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.error_type import ErrorType
from ...schemas.errors import OutputExistsError, UsageError
from ...schemas.escape import escape_cell
from ...schemas.review import NO_ERROR
from ..release.read import Release
from ..release.write import write_text
from .sample import KEY_FILE as KEY
from .sample import Drawn, Key, KeyItem, Stratify, draw_pairs, rank_of, rows_by_id

COLUMNS = ("item", "conversation", "strategy", "reply_a", "reply_b", "error_a", "error_b", "better", "comment")
"""The columns of a sheet, in order."""
ERROR_COLUMNS = ("error_a", "error_b")
"""Annotators fill in an error type or `none`."""
BETTER_COLUMN = "better"
"""Annotators fill in one of `BETTER`."""
BETTER = ("a", "b", "tie")

_SPEAKERS = {"user": "seeker", "assistant": "supporter"}
# Most characters of a conversation: a spreadsheet's cell holds 32,767.
_MOST_CHARACTERS = 30_000
_LEFT_OUT = "(earlier turns are left out)\n"


class Item(Frozen):
    """A pair without anything that says which side is the chosen one."""

    item: str
    """An id that no spreadsheet program takes for a number or a date, and that says nothing without the key."""
    conversation: str
    """The turns before the replies, one a line."""
    strategy: str
    """The strategy of both replies; empty if each has its own."""
    reply_a: str
    reply_b: str


def blind(drawn: Sequence[Drawn], seed: int) -> dict[str, KeyItem]:
    """The key items of the drawn pairs by new item ids; the seed decides their order and which side is reply A."""
    items = {}
    for pair in sorted(drawn, key=lambda pair: rank_of(seed, "shuffle", pair.row_id)):
        # The prefix keeps spreadsheet programs from reading ids such as 12e45 as numbers and rewriting them.
        name = f"pair-{rank_of(seed, 'item', pair.row_id)[:12]}"
        # Another purpose than for the order of items, so that the side cannot be guessed from the place in the sheet.
        heads = int(rank_of(seed, "side", pair.row_id), 16) % 2
        items[name] = KeyItem(row_id=pair.row_id, dialogue_id=pair.dialogue_id, a="chosen" if heads else "rejected")
    return items


def item_of(name: str, config: Config, row: dict[str, Any], key: KeyItem) -> Item:
    """The item of a row, as annotators see it."""
    sides = [row[side][0]["content"] for side in ("chosen", "rejected")]
    reply_a, reply_b = sides if key.a == "chosen" else sides[::-1]
    return Item(
        item=name,
        conversation=_conversation(config, row["prompt"]),
        strategy=row["strategy"] if config is Config.RESPONSE else "",
        reply_a=reply_a,
        reply_b=reply_b,
    )


def _conversation(config: Config, prompt: Sequence[dict[str, str]]) -> str:
    if config is Config.STRATEGY:  # its prompt holds the whole transcript in one message
        text = prompt[-1]["content"]
    else:
        said = (message for message in prompt if message["role"] in _SPEAKERS)
        text = "\n".join(f"{_SPEAKERS[message['role']]}: {message['content']}" for message in said)
    return fit_cell(text)


def fit_cell(text: str) -> str:
    """A conversation, one turn a line, without its first turns if it is too long for a spreadsheet's cell."""
    # The last turns stay, since a reply answers these.
    return text if len(text) <= _MOST_CHARACTERS else _LEFT_OUT + text[-_MOST_CHARACTERS:].partition("\n")[2]


ERROR_LABELS = (NO_ERROR, *(error.value for error in ErrorType))
"""The values that an error cell may hold."""

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
# The number of annotators that Argilla asks for each record: agreement needs two.
_ANNOTATORS_EACH = 2


def csv_text(items: Sequence[Item]) -> str:
    """The items as CSV, with empty answer columns."""
    return sheet_text(COLUMNS, [item.model_dump() for item in items])


def sheet_text(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """CSV for spreadsheet programs; columns that a row lacks are empty.

    It begins with a byte order mark, because Excel otherwise reads UTF-8 as the machine's old code page.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([escape_cell(row.get(name, "")) for name in columns] for row in rows)
    return "\ufeff" + out.getvalue()


def jsonl_text(items: Sequence[Item]) -> str:
    """The items as JSON Lines, with empty answer columns."""
    return "".join(
        json.dumps({**dict.fromkeys(COLUMNS, ""), **item.model_dump()}, ensure_ascii=False) + "\n" for item in items
    )


def label_studio_tasks(items: Sequence[Item]) -> str:
    """Tasks for Label Studio's import."""
    return _json([{"data": item.model_dump()} for item in items])


def label_studio_config() -> str:
    """The labelling interface for the tasks, as XML."""
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


SHEETS = "sheets"
"""The folder for annotators; the key lies beside it."""
INSTRUCTIONS = "INSTRUCTIONS.md"


class Exported(Frozen):
    """The counts of an export."""

    items: int
    strata: int
    dialogues: int


def export_review(
    release: Release, out: Path, *, config: Config, size: int, by: Sequence[Stratify], seed: int
) -> Exported:
    """Writes the sheets into `out/sheets` and the key beside that folder.

    Args:
        release: the release to review.
        out: a new or empty folder outside the release.
        config: one of the preference configs.
        size: the number of pairs to draw.
        by: the columns to stratify by; may be empty.
        seed: equal seeds give equal files.

    Raises:
        UsageError: the config is not a preference config, or `out` is inside the release or not empty.
        DataError: the config has no pairs in this release.
    """
    if config not in PAIR_CONFIGS:
        raise UsageError(f"{config} holds no pairs; choose one of {', '.join(PAIR_CONFIGS)}")
    check_outside(release.root, out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(f"{out} already exists; choose another --out")
    drawn = draw_pairs(release, config, size, by, seed)
    rows = rows_by_id(release, config, {pair.row_id for pair in drawn})
    key = Key(
        version=release.manifest.version,
        config=config,
        stratify=tuple(one.value for one in by),
        seed=seed,
        items=blind(drawn, seed),
    )
    (out / SHEETS).mkdir(parents=True)
    for name, text in _sheets(key, rows).items():
        write_text(out / SHEETS / name, text)
    write_text(out / KEY, json.dumps(key.model_dump(mode="json"), indent=1) + "\n")
    return Exported(
        items=len(drawn),
        strata=len({pair.stratum for pair in drawn}),
        dialogues=len({pair.dialogue_id for pair in drawn}),
    )


def check_outside(root: Path, out: Path) -> None:
    """
    Raises:
        UsageError: `out` is inside the release.
    """
    # Resolved, because a link could lead back into the release.
    if out.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{out} is inside the release, where every file is published; choose another --out")


def _sheets(key: Key, rows: dict[str, dict[str, object]]) -> dict[str, str]:
    items = [item_of(name, key.config, rows[entry.row_id], entry) for name, entry in key.items.items()]
    instructions = instructions_text(key.config)
    return {
        INSTRUCTIONS: instructions,
        "review.csv": csv_text(items),
        "review.jsonl": jsonl_text(items),
        "label_studio.json": label_studio_tasks(items),
        "label_studio_config.xml": label_studio_config(),
        "argilla.json": argilla_records(items),
        "argilla_settings.json": argilla_settings(instructions),
    }


def instructions_text(config: Config) -> str:
    """The instructions for annotators, for the pairs of one config."""
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    docs = member_docs(ErrorType)
    errors = [(error.value, docs[error.name]) for error in ErrorType]
    return environment.get_template("instructions.md.jinja").render(about=config.value, errors=errors)
