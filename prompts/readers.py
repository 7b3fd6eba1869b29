"""Readers by id: how the answers to a prompt are read. A prompt names its reader, so a spec names both at once.

A released reader never changes, like a prompt; a better one gets the next number, and new prompts name it.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..schemas.error_type import ErrorType
from ..schemas.inference import Completion
from ..schemas.strategy import Strategy
from ..schemas.text import mend_half_pairs
from ..schemas.trace import Step, Trace
from ..schemas.verdict import Comparison, CrisisVerdict, StepVerdict, StyleVerdict, Unparsed, Verdict
from .parsers._verdict import (
    comparison_of,
    crisis_of,
    grades_of,
    read_comparison,
    read_crisis,
    read_grades,
    read_verdict,
    verdict_of,
)
from .parsers.json_reply import read_one_object, without_thinking
from .parsers.strategy import JointReply, read_joint, read_strategy
from .parsers.trace import (
    FIELDS,
    kept_of,
    parse_trace,
    read_kept,
    read_step_labels,
    read_trace,
    step_labels_of,
    trace_of,
)


@dataclass(frozen=True)
class Offered:
    """The labels that an answer may use, where the prompt alone does not fix them."""

    errors: Collection[ErrorType] = tuple(ErrorType)
    turns: int = 0
    """Turns of the dialogue in the prompt, so that the answer can name one."""
    grades: Collection[str] = ()


@dataclass(frozen=True)
class ReplyReader:
    """Reads the answers to the prompts that name it."""

    kind: type
    """The type of an answer that it can read."""
    read: Callable[[Completion, Offered], Any]
    """An instance of `kind`, or `Unparsed`; it never raises."""


def _compare_once(answer: Completion, offered: Offered) -> Comparison | Unparsed:
    return read_one_object(
        answer,
        ("a", "b", "better", "rationale"),
        lambda fields: comparison_of(fields, offered.errors, answer.text, may_be_none=True),
    )


def _verdict_once(answer: Completion, offered: Offered) -> Verdict | Unparsed:
    return read_one_object(
        answer,
        ("error", "rationale"),
        lambda fields: verdict_of(fields, offered.errors, answer.text, may_be_none=True),
    )


def _crisis_once(answer: Completion, offered: Offered) -> CrisisVerdict | Unparsed:
    names = ("crisis", "turn", "rationale")
    return read_one_object(answer, names, lambda fields: crisis_of(fields, offered.turns, answer.text))


def _steps_once(answer: Completion, offered: Offered) -> StepVerdict | Unparsed:
    names = tuple(step.value for step in Step)
    return read_one_object(answer, names, lambda fields: step_labels_of(fields, answer.text, may_be_none=True))


def _kept_once(answer: Completion, offered: Offered) -> StyleVerdict | Unparsed:
    names = ("same_strategy", "same_facts", "rationale")
    return read_one_object(answer, names, lambda fields: kept_of(fields, answer.text))


def _grades_once(answer: Completion, offered: Offered) -> Mapping[str, float] | Unparsed:
    names = (*(name.casefold() for name in offered.grades), "rationale")
    return read_one_object(answer, names, lambda fields: grades_of(fields, offered.grades, answer.text))


# As `read_trace`, but several objects that say different things are not trace.
def _trace_once(answer: Completion, offered: Offered) -> Trace | Unparsed:
    written = parse_trace(answer.text)
    if isinstance(written, Trace) or written.reason != "no_trace":
        return written
    found = read_one_object(answer, FIELDS, lambda fields: trace_of(fields, answer.text))
    return written if isinstance(found, Unparsed) and found.reason in ("no_json", "no_label") else found


def _words(answer: Completion, offered: Offered) -> str:
    return without_thinking(answer.text).strip()


# The words; where the whole reply is one JSON string, its content.
#
# The prompt shows replies as JSON strings, and some models answer in the form that they are shown.
def _unquoted_words(answer: Completion, offered: Offered) -> str:
    words = _words(answer, offered)
    if len(words) > 2 and words[0] == words[-1] == '"':
        try:
            said = json.loads(words, strict=False)
        except ValueError:
            return words
        if isinstance(said, str) and said.strip():
            return mend_half_pairs(said).strip()
    return words


READERS: Mapping[str, ReplyReader] = {
    "strategy@1": ReplyReader(Strategy, lambda answer, _: read_strategy(without_thinking(answer.text))),
    "joint@1": ReplyReader(JointReply, lambda answer, _: read_joint(without_thinking(answer.text))),
    "words@1": ReplyReader(str, _words),
    "words@2": ReplyReader(str, _unquoted_words),
    "verdict@1": ReplyReader(Verdict, lambda answer, offered: read_verdict(answer.text, offered.errors)),
    "verdict@2": ReplyReader(Verdict, _verdict_once),
    "comparison@1": ReplyReader(Comparison, lambda answer, offered: read_comparison(answer.text, offered.errors)),
    "comparison@2": ReplyReader(Comparison, _compare_once),
    "crisis@1": ReplyReader(CrisisVerdict, lambda answer, offered: read_crisis(answer.text, offered.turns)),
    "crisis@2": ReplyReader(CrisisVerdict, _crisis_once),
    "step_labels@1": ReplyReader(StepVerdict, lambda answer, _: read_step_labels(answer.text)),
    "step_labels@2": ReplyReader(StepVerdict, _steps_once),
    "kept@1": ReplyReader(StyleVerdict, lambda answer, _: read_kept(answer.text)),
    "kept@2": ReplyReader(StyleVerdict, _kept_once),
    "grades@1": ReplyReader(dict, lambda answer, offered: read_grades(answer.text, offered.grades)),
    "grades@2": ReplyReader(dict, _grades_once),
    "trace@1": ReplyReader(Trace, lambda answer, _: read_trace(answer.text)),
    "trace@2": ReplyReader(Trace, _trace_once),
}
# The readers of the first prompts, whose heads do not name one.
_FIRST = {
    "joint/strategy_then_reply": "joint@1",
    "judge/compare_replies": "comparison@1",
    "judge/compare_strategies": "comparison@1",
    "judge/crisis": "crisis@1",
    "judge/five_errors": "verdict@1",
    "judge/five_errors_beside_human": "verdict@1",
    "judge/five_grades": "grades@1",
    "judge/five_grades_beside_human": "grades@1",
    "judge/four_grades": "grades@1",
    "judge/four_grades_beside_human": "grades@1",
    "judge/four_steps": "step_labels@1",
    "judge/same_support": "kept@1",
    "judge/three_errors": "verdict@1",
    "planner/next_strategy": "strategy@1",
    "reasoner/infer_trace": "trace@1",
    "reasoner/write_trace": "trace@1",
    "responder/given_strategy": "words@1",
    "rewriter/same_strategy": "words@1",
    "stylist/big_five": "words@1",
}

FIRST_READERS: Mapping[str, str] = {f"{name}@1": reader for name, reader in _FIRST.items()}
