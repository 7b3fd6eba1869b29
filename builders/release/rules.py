"""The rules that hold within one batch of rows, each as an Arrow computation over whole columns.

`broken_rows` checks a batch in three steps: nulls and values against the row schema, the row ids, and then the rules
of `_RULES` (by config) and of `_judge_rules` (by layout and config).
"""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.config import Config
from ...schemas.errors import DataError
from ...schemas.licence import LICENCES
from ...schemas.rows import rows_of
from ...schemas.strategy import STRATEGY_NAMES
from ._judge_rules import LAYOUT_RULES
from .findings import Broken, Mask, Rules
from .layout import allowed_values, fields_of, may_be_null, schema_difference, without_none
from .read import Release

# Longest first, so that a name that begins another does not match in its place.
_NAMED = "|".join(re.escape(name) for name in sorted(STRATEGY_NAMES, key=len, reverse=True))
_BRACKETED = rf"(?i)[\[【]\s*({_NAMED})\s*[\]】]"


def broken_rows(batch: pa.RecordBatch, config: Config, layout: int) -> Iterator[Broken]:
    """Every rule that a batch of a config breaks, with the rows that break it.

    The batch must have the columns of the config: compare its schema first, with `layout.schema_difference`.
    """
    hints = fields_of(rows_of(layout)[config])
    numbers = np.arange(batch.num_rows)
    shape_holds = True
    for name in batch.schema.names:
        for broken in _wrong_values(batch.column(name), hints[name], numbers, name):
            shape_holds = False
            yield broken
    yield from _failing(batch, "row_id", "is not 32 hexadecimal digits", _has_bad_id)
    if not shape_holds:
        return  # the rules below would report the same fault again in other words
    for rule, detail, mask in (*_RULES.get(config, ()), *LAYOUT_RULES[layout].get(config, ())):
        yield from _failing(batch, rule, detail, mask)


# Nulls in required columns, and values outside an enumeration, at any depth; `numbers` are the elements' rows.
def _wrong_values(array: pa.Array, hint: Any, numbers: np.ndarray, name: str) -> Iterator[Broken]:
    if array.null_count:
        here = np.asarray(array.is_null())
        if not may_be_null(hint):
            yield Broken("not_null", np.unique(numbers[here]), f"{name} is null")
        array, numbers = array.drop_null(), numbers[~here]
    hint = without_none(hint)
    values = allowed_values(hint)
    if values is not None:
        wrong = ~np.asarray(pc.is_in(array, value_set=pa.array(values)))
        if wrong.any():
            yield Broken("enum", np.unique(numbers[wrong]), f"{name} is none of {', '.join(values)}")
    elif get_origin(hint) in (tuple, list):
        parents = np.asarray(pc.list_parent_indices(array))
        yield from _wrong_values(array.flatten(), get_args(hint)[0], numbers[parents], name)
    elif pa.types.is_struct(array.type):
        for (field, inner), child in zip(fields_of(hint).items(), array.flatten(), strict=True):
            yield from _wrong_values(child, inner, numbers, f"{name}.{field}")


def _failing(batch: pa.RecordBatch, rule: str, detail: str, mask: Mask) -> Iterator[Broken]:
    # A rule that cannot tell is a rule that is broken: absence is never good.
    rows = np.flatnonzero(np.asarray(mask(batch).fill_null(True)))
    if len(rows):
        yield Broken(rule, rows, detail)


def _has_bad_id(batch: pa.RecordBatch) -> pa.Array:
    return pc.invert(pc.match_substring_regex(batch.column("row_id"), r"^[0-9a-f]{32}$"))


def contents(batch: pa.RecordBatch, column: str) -> pa.Array:
    """The texts of a column of messages, those of one row joined by a character that no text holds."""
    messages = batch.column(column)
    words = pa.ListArray.from_arrays(messages.offsets, messages.values.field("content"))
    return pc.binary_join(words, "\0")


def normalised(text: pa.Array) -> pa.Array:
    """Texts normalised for comparison: letters and digits, lower case, one space between words."""
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_lower(text), r"[^\p{L}\p{N}\p{M}]+", " "))


# Prompts without messages, or whose last message is not the user's.
def _has_bad_end(batch: pa.RecordBatch) -> pa.Array:
    messages = batch.column("prompt")
    empty = np.asarray(pc.equal(pc.list_value_length(messages), 0))
    # Arrow keeps the messages of all rows in one array; a row's last message stands just before the next row's first.
    last = np.asarray(messages.offsets)[1:] - 1
    users = np.append(np.asarray(pc.equal(messages.values.field("role"), "user")), False)
    return pa.array(empty | ~users[last])


def _is_not_one_answer(column: str) -> Mask:
    def mask(batch: pa.RecordBatch) -> pa.Array:
        messages = batch.column(column)
        one = pc.equal(pc.list_value_length(messages), 1)
        roles = pc.binary_join(pa.ListArray.from_arrays(messages.offsets, messages.values.field("role")), " ")
        blank = pc.equal(pc.utf8_trim_whitespace(contents(batch, column)), "")
        return pc.or_(pc.invert(pc.and_(one, pc.equal(roles, "assistant"))), blank)

    return mask


def _sides_same(batch: pa.RecordBatch) -> pa.Array:
    return pc.equal(normalised(contents(batch, "chosen")), normalised(contents(batch, "rejected")))


# Messages that are not exactly the name of their strategy.
def _differs_from(column: str, strategy: str) -> Mask:
    return lambda batch: pc.not_equal(contents(batch, column), batch.column(strategy))


# Messages that do not begin with their strategy in brackets.
def _lacks_bracket_of(column: str, strategy: str) -> Mask:
    def mask(batch: pa.RecordBatch) -> pa.Array:
        found = pc.extract_regex(contents(batch, column), r"^\[(?P<name>[^\]]*)\] \S")
        return pc.not_equal(pc.struct_field(found, "name"), batch.column(strategy))

    return mask


def _carries_bracket(column: str) -> Mask:
    return lambda batch: pc.match_substring_regex(contents(batch, column), _BRACKETED)


def _same_strategies(batch: pa.RecordBatch) -> pa.Array:
    return pc.equal(batch.column("chosen_strategy"), batch.column("rejected_strategy"))


# Calls with both a reply and a failure, with neither, or with only some of the columns of one.
def _is_not_one_outcome(batch: pa.RecordBatch) -> pa.Array:
    replied, failed = batch.column("reply").is_valid(), batch.column("failure").is_valid()
    whole_reply = pc.equal(replied, batch.column("finish_reason").is_valid())
    whole_failure = pc.equal(failed, batch.column("failure_detail").is_valid())
    return pc.invert(pc.and_(pc.xor(replied, failed), pc.and_(whole_reply, whole_failure)))


def _has_bad_key(batch: pa.RecordBatch) -> pa.Array:
    return pc.invert(pc.match_substring_regex(batch.column("request_key"), r"^[0-9a-f]{64}$"))


def _unknown_license(batch: pa.RecordBatch) -> pa.Array:
    return pc.invert(pc.is_in(batch.column("license"), value_set=pa.array(list(LICENCES))))


# Dialogues with turns that are withheld, and dialogues without turns that are not.
def _contradicts_withheld(batch: pa.RecordBatch) -> pa.Array:
    return pc.not_equal(pc.equal(pc.list_value_length(batch.column("turns")), 0), batch.column("withheld"))


_PAIR: Rules = (
    ("messages", "the prompt is empty or does not end with the user", _has_bad_end),
    ("messages", "chosen is not one assistant message with words", _is_not_one_answer("chosen")),
    ("messages", "rejected is not one assistant message with words", _is_not_one_answer("rejected")),
    ("sides_differ", "chosen and rejected say the same", _sides_same),
)
_SFT: Rules = (
    ("messages", "the prompt is empty or does not end with the user", _has_bad_end),
    ("messages", "completion is not one assistant message with words", _is_not_one_answer("completion")),
)


def _without_findings(batch: pa.RecordBatch) -> pa.Array:
    return pc.equal(pc.list_value_length(batch.column("findings")), 0)


_DIALOGUE: Rules = (
    ("license", "license is not a known licence", _unknown_license),
    ("dialogue", "a dialogue has turns unless it is withheld, and only then", _contradicts_withheld),
)
_PROMPT: Rules = (("messages", "the prompt is empty or does not end with the user", _has_bad_end),)
_RULES: dict[Config, Rules] = {
    Config.REASONING: _SFT,
    Config.REASONING_STEPS: _PROMPT,
    Config.REASONING_PAIRS: _PAIR,
    Config.DIALOGUES: _DIALOGUE,
    Config.CRISIS_HOLDOUT: (*_DIALOGUE, ("dialogue", "it is held out without a finding", _without_findings)),
    Config.COMPLETIONS: (
        ("known_call", "request_key is not 64 hexadecimal digits", _has_bad_key),
        ("known_call", "it is neither one complete reply nor one complete failure", _is_not_one_outcome),
    ),
    Config.STRATEGY: (
        *_PAIR,
        ("strategy", "chosen is not chosen_strategy", _differs_from("chosen", "chosen_strategy")),
        ("strategy", "rejected is not rejected_strategy", _differs_from("rejected", "rejected_strategy")),
        ("strategy", "chosen_strategy is rejected_strategy", _same_strategies),
    ),
    Config.RESPONSE: (
        *_PAIR,
        ("strategy", "chosen carries a strategy in brackets", _carries_bracket("chosen")),
        ("strategy", "rejected carries a strategy in brackets", _carries_bracket("rejected")),
    ),
    Config.JOINT: (
        *_PAIR,
        ("strategy", "chosen does not begin with [chosen_strategy]", _lacks_bracket_of("chosen", "chosen_strategy")),
        (
            "strategy",
            "rejected does not begin with [rejected_strategy]",
            _lacks_bracket_of("rejected", "rejected_strategy"),
        ),
    ),
    Config.STRATEGY_SFT: (
        *_SFT,
        ("strategy", "completion is not its strategy", _differs_from("completion", "strategy")),
    ),
    Config.RESPONSE_SFT: (
        *_SFT,
        ("strategy", "completion carries a strategy in brackets", _carries_bracket("completion")),
    ),
    Config.JOINT_SFT: (
        *_SFT,
        ("strategy", "completion does not begin with [strategy]", _lacks_bracket_of("completion", "strategy")),
    ),
}


def check_table(release: Release, config: Config) -> None:
    """Checks the rows of a config before other code reads them.

    Raises:
        DataError: a column differs from the layout's, or a row breaks a rule; the message names the first fault.
    """
    for path in release.files(config):
        name = release.name_of(path)
        if wrong := schema_difference(release.schema(path), config, release.layout):
            raise DataError(f"{name}: {wrong}; `ipm-prefdial validate {release.root}` lists every fault")
        first = 0
        for batch in release.batches(path):
            if (broken := next(broken_rows(batch, config, release.layout), None)) is not None:
                raise DataError(
                    f"{name}: row {first + int(broken.rows[0])}: {broken.detail}; `ipm-prefdial validate "
                    f"{release.root}` lists every fault"
                )
            first += batch.num_rows
