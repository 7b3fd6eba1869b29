"""What `validate` reports: the rules by id, a finding, and the rows of a batch that break a rule."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ...schemas.base import Frozen

RULES: dict[str, str] = {
    "files": "the manifest lists every file with its bytes, and there is no other file",
    "configs": "every config has every split, and every shard has the columns of its config",
    "readable": "every shard can be read to its end",
    "not_null": "a required column has a value in every row",
    "enum": "a column with a fixed set of values holds no other value",
    "row_id": "row ids are 32 hexadecimal digits and occur once in a config",
    "messages": "prompts end with the user; each side is one assistant message that is not blank",
    "sides_differ": "chosen and rejected differ in more than case, punctuation and spacing",
    "strategy": "strategies and messages agree, and no reply carries a strategy in brackets where it must not",
    "verdict": "verdicts and the error of a pair agree; a chosen side has none",
    "trace": "a trace has the format of traces and agrees with its columns",
    "steps": "labels equal the panels' results, which follow from votes and rules; demonstrations are right in every "
    "step, and the traces of pairs are labelled",
    "score": "the chosen trace scores higher than the rejected one where the row says so, and lower nowhere",
    "weight": "weights are above 0 and at most 1",
    "duplicate_pair": "no pair occurs twice",
    "known_call": "every call that a row names is in completions, once",
    "dialogue": "every row belongs to a dialogue of the release, with its source and licence",
    "splits": "no dialogue is in two splits, and splits.json says the same",
    "conservation": "candidates equal rows plus drops in every config, and the manifest's counts equal the files'",
    "license": "manifest, card, LICENSE and NOTICE name the licence that follows from the dialogues' licences, and "
    "maintainers.md names no other",
    "maintainers": "maintainers.md is well formed, and the card shows what it says",
}
"""Every rule by its id."""


class Finding(Frozen):
    """A broken rule, with its file and row."""

    rule: str
    """Id of the rule, a key of `RULES`."""
    file: str
    """Path below the release."""
    row: int | None = None
    """Index of the row in that file, from 0; None if the finding is about the file."""
    detail: str = ""
    """What is wrong, in words."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.file}{'' if self.row is None else f': row {self.row}'}: {self.detail}"


@dataclass(frozen=True)
class Broken:
    """Rows of a batch that break a rule."""

    rule: str
    rows: np.ndarray
    """Their indices in the batch, from 0."""
    detail: str


Mask = Callable[[pa.RecordBatch], pa.Array]
"""True or null for every row that breaks the rule: a row that cannot be judged does not pass."""
Rules = tuple[tuple[str, str, Mask], ...]
"""Rule, detail and mask."""
