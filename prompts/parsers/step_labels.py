"""Reads a judge's labels of the steps of a trace, and of what a rewriting keeps: yes or no, and nothing else."""

from collections.abc import Mapping
from typing import Any

from ...schemas.text import mend_half_pairs
from ...schemas.trace import Step
from ...schemas.verdict import StepVerdict, StyleVerdict, Unparsed
from .json_object import words_in
from .verdict import Fields, rationale_of, read_fields, says_no_reply

_WORDS = {"yes": True, "true": True, "correct": True, "right": True, "no": False, "false": False, "incorrect": False,
          "wrong": False}  # fmt: skip


def read_step_labels(reply: str) -> StepVerdict | Unparsed:
    """The labels in a reply of the form `{"history": {"correct": true, "why": …}, "emotion": …, "strategy": …, "reply":
    …}`; a bare `true` in a step's place counts too.

    A step without a label is `no_label`, another word than yes or no `not_offered`; all four are needed.
    """
    fields = read_fields(reply)
    return fields if isinstance(fields, Unparsed) else step_labels_of(fields, reply)


def step_labels_of(fields: Fields, reply: str, *, may_be_none: bool = False) -> StepVerdict | Unparsed:
    """The labels that the fields of an object hold; with `may_be_none`, judges were offered `no_reply`, too."""
    labels: list[bool] = []
    no_reply = False
    reasons: list[str] = []
    for step in Step:
        said = fields.get(step.value)
        inside: dict[str, Any] = {"correct": said}
        if isinstance(said, Mapping):
            inside = {str(name).strip().casefold(): value for name, value in said.items()}
        label = inside.get("correct")
        if label is None or isinstance(label, Mapping):
            return Unparsed(reason="no_label", raw=reply)
        if may_be_none and step is Step.REPLY and says_no_reply(label):
            no_reply, label = True, False
        if (found := _label(label)) is None:
            return Unparsed(reason="not_offered", raw=reply)
        labels.append(found)
        reasons.append(mend_half_pairs(words_in(inside.get("why") or "").strip()))
    told = {"labels": tuple(labels), "rationales": tuple(reasons), "no_reply": no_reply}
    return StepVerdict.model_validate(told)


def read_kept(reply: str) -> StyleVerdict | Unparsed:
    """The answer in a reply of the form `{"same_strategy": true, "same_facts": true, "rationale": …}`."""
    fields = read_fields(reply)
    return fields if isinstance(fields, Unparsed) else kept_of(fields, reply)


def kept_of(fields: Fields, reply: str) -> StyleVerdict | Unparsed:
    """The answer that the fields of an object hold."""
    said = [fields.get(name) for name in ("same_strategy", "same_facts")]
    if None in said:
        return Unparsed(reason="no_label", raw=reply)
    strategy, facts = (_label(one) for one in said)
    if strategy is None or facts is None:
        return Unparsed(reason="not_offered", raw=reply)
    return StyleVerdict(same_strategy=strategy, same_facts=facts, rationale=rationale_of(fields))


def _label(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return _WORDS.get(value.strip().strip(".").casefold()) if isinstance(value, str) else None
