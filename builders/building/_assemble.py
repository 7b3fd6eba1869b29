"""Makes the tables of a release from dialogues and recorded answers: no model, no network, always the same bytes.

A build ends with this pass and `verify` repeats it, so both run the same code.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from ...schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ...schemas.dialogue import Dialogue
from ...schemas.drops import DropReason
from ...schemas.errors import LostRowsError
from ...schemas.inference import Completion, Message, Outcome, Request, Role, TokenLimits
from ...schemas.licence import LICENCES, release_licence
from ...schemas.manifest import BenchmarkRecord, ConfigCounts, Manifest, ModelRecord, RunRecord, SourceRecord, Usage
from ...schemas.rows import candidate_configs, content_id_of
from ...schemas.spec import BuildSpec
from ..mining.candidate import Candidate, Drop, Result, dropped_row, pair_row, sft_row
from ..mining.mine import demonstrate, mine_pairs, step_errors
from ..mining.plan import MiningPlan
from ..mining.screen import screen
from ..mining.steps import Steps
from ..mining.turns import PlacedDialogue, SupporterTurn, supporter_turns
from ..reasoning.candidate import TraceResult
from ..reasoning.reason import reason
from ..reasoning.rows import Weighing
from ..release.layout import SPLITS, splits_of
from ..release.refresh import write_views
from ..release.splits import Splits
from ..release.write import ReleaseWriter, write_text
from ._corpus_filters import CorpusFilter
from .conversations import replay

# Rows of what is not mined: dialogues as they were taken in, those that are held out, and recorded calls.
#
# Plain dictionaries with exactly the columns of `schemas.rows`.


def dialogue_row(placed: PlacedDialogue, layout: int) -> dict[str, Any]:
    """The row of `dialogues`; without the words if the licence forbids passing them on."""
    row = _dialogue_columns(placed)
    if layout > 1:
        row |= {"repeats": placed.repeats, "contaminated_by": placed.contaminated_by}
    return {"row_id": content_id_of(Config.DIALOGUES, row), **row}


# The row of `crisis_holdout`: the dialogue and the findings in it.
def _crisis_row(placed: PlacedDialogue, layout: int) -> dict[str, Any]:
    row = _dialogue_columns(placed) | {"repeats": placed.repeats, "contaminated_by": placed.contaminated_by}
    row["findings"] = [found.model_dump() for found in placed.findings]
    if layout > 3:
        assert placed.barred is not None, "a dialogue with findings is barred for them"
        row["reason"] = placed.barred[0].value
    return {"row_id": content_id_of(Config.CRISIS_HOLDOUT, row), **row}


def _dialogue_columns(placed: PlacedDialogue) -> dict[str, Any]:
    dialogue = placed.dialogue
    withheld = not LICENCES[dialogue.license].may_pass_on
    about = dialogue.model_dump(include={"problem", "emotion", "situation"})
    return {
        "dialogue_id": dialogue.dialogue_id,
        "turn": None,
        "source": dialogue.source,
        "license": dialogue.license,
        "position": placed.position,
        "own_split": dialogue.split,
        **(dict.fromkeys(about) if withheld else about),
        "withheld": withheld,
        "turns": [] if withheld else [turn.model_dump(mode="json") for turn in dialogue.turns],
    }


def completion_row(
    request: Request, outcome: Outcome, dialogue: Dialogue, turn: int | None, layout: int
) -> dict[str, Any]:
    """The row of `completions`; its id covers the answer, so a changed answer is found."""
    row = {
        "dialogue_id": dialogue.dialogue_id,
        "turn": turn,
        "source": dialogue.source,
        "license": dialogue.license,
        "request_key": request.key,
        "role": request.ask.role,
        "model": request.model.name,
        "revision": request.model.revision,
        "draw": request.draw,
        **_answer_columns(outcome),
    }
    if layout > 1:
        row["task"] = request.ask.task
    return {"row_id": content_id_of(Config.COMPLETIONS, row), **row}


def _answer_columns(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Completion):
        return {
            "reply": outcome.text,
            "finish_reason": outcome.finish_reason,
            "failure": None,
            "failure_detail": None,
            "prompt_tokens": outcome.prompt_tokens,
            "completion_tokens": outcome.completion_tokens,
            "structured": outcome.structured,
        }
    return {
        "reply": None,
        "finish_reason": None,
        "failure": outcome.reason,
        "failure_detail": outcome.detail,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "structured": False,
    }


Find = Callable[[Request], Outcome]
"""Returns the recorded answer to a request; raises if there is none."""


class DigestSet:
    """A set of digests on disk, so that memory does not grow with the release."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, digest: str) -> bool:
        """Adds a digest; returns whether it is new."""
        found = self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (bytes.fromhex(digest)[:16],))
        return found.rowcount == 1

    def close(self) -> None:
        self._db.close()


@dataclass
class Assembly:
    """Assembles one release into a writer, dialogue by dialogue in source order."""

    plan: MiningPlan
    steps: Steps
    find: Find
    writer: ReleaseWriter
    candidates: Counter[Config] = field(default_factory=Counter)
    dropped: dict[Config, Counter[DropReason]] = field(default_factory=lambda: defaultdict(Counter))
    usage: dict[Role, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    on_answer: Callable[[Request, Outcome], object] | None = None
    """Called with the answer to every request, in source order; once for a request that occurs several times."""
    held_out: set[str] = field(default_factory=set)
    """Ids of the dialogues that may show a crisis."""
    _asked: DigestSet = field(default_factory=DigestSet)
    _pairs: DigestSet = field(default_factory=DigestSet)
    _corpus_filter: CorpusFilter | None = None
    _weighing: Weighing | None = None

    def __post_init__(self) -> None:
        if self.steps.whole:
            self._corpus_filter = CorpusFilter(self.plan.spec, self.steps.whole)
        if self.plan.spec.reasoning is not None:
            self._weighing = Weighing(self.plan, self.plan.spec.reasoning.near_repeat)

    def add(self, placed: PlacedDialogue) -> None:
        """Adds the rows of the next dialogue: its own, and those of its demonstrations, pairs, traces and drops."""
        placed = replay(screen(placed, self.plan), lambda request: self._answer(request, placed.dialogue, None))
        if placed.findings:
            self.held_out.add(placed.dialogue.dialogue_id)
            self.writer.add(Config.CRISIS_HOLDOUT, placed.split, _crisis_row(placed, self.plan.spec.layout))
        else:
            self.writer.add(Config.DIALOGUES, placed.split, dialogue_row(placed, self.plan.spec.layout))
        for turn in supporter_turns(placed):
            mined = [self._mine(turn, config) for config in PAIR_CONFIGS]
            for config, results in zip(SFT_CONFIGS, mined, strict=True):
                self._settle(demonstrate(turn, config, self.steps.of_turns), _prompt_of(results[0]))
            for result in chain.from_iterable(mined):
                self._settle(result)
            for trace in self._reason(turn):
                self._settle_trace(trace)

    def counts(self) -> dict[Config, ConfigCounts]:
        """Writes the rows that were held back, and counts rows and drops of every config.

        Raises:
            LostRowsError: a candidate is neither a row nor a drop.
        """
        if self._corpus_filter is not None:
            for config, reason in self._corpus_filter.release(self.writer.add):
                self.dropped[config][reason] += 1
            self._corpus_filter = None
        if self._weighing is not None:
            self._weighing.release(self.writer.add)
            self._weighing = None
        self._asked.close()
        self._pairs.close()
        counts = {}
        for config in candidate_configs(self.plan.spec.layout):
            rows = {split: self.writer.count(config, split) for split in splits_of(config)}
            dropped = dict(sorted(self.dropped[config].items()))
            counts[config] = ConfigCounts(candidates=self.candidates[config], rows=rows, dropped=dropped)
            if not counts[config].conserved:
                raise LostRowsError(f"{config}: {counts[config]}: candidates are not rows + drops; please report this")
        return counts

    def usages(self) -> dict[Role, Usage]:
        """Calls and tokens of each role."""
        return {role: Usage(**self.usage[role]) for role in Role if self.plan.models.get(role)}

    # The candidates of a preference config at a turn, at least one, by the recorded answers.
    def _mine(self, turn: SupporterTurn, config: Config) -> tuple[Result, ...]:
        mining = mine_pairs(turn, config, self.plan, self.steps.of_turns)
        return replay(mining, lambda request: self._answer(request, turn.dialogue, turn.index))

    # The candidates of the reasoning configs at a turn, by the recorded answers.
    def _reason(self, turn: SupporterTurn) -> tuple[TraceResult, ...]:
        reasoning = reason(turn, self.plan, self.steps.of_turns)
        return replay(reasoning, lambda request: self._answer(request, turn.dialogue, turn.index))

    # The recorded answer to a request; the first time, its row of `completions` is written.
    def _answer(self, request: Request, dialogue: Dialogue, turn: int | None) -> Outcome:
        outcome = self.find(request)
        if self._asked.add(request.key):
            if self.on_answer is not None:
                self.on_answer(request, outcome)
            row = completion_row(request, outcome, dialogue, turn, self.plan.spec.layout)
            self.writer.add(Config.COMPLETIONS, splits_of(Config.COMPLETIONS)[0], row)
            self.usage[request.ask.role].update(
                calls=1,
                failed=int(row["failure"] is not None),
                prompt_tokens=row["prompt_tokens"],
                completion_tokens=row["completion_tokens"],
            )
        return outcome

    # Whether an equal pair was kept before.
    def _is_repeated(self, candidate: Candidate) -> bool:
        if self.steps.unique is None or candidate.config not in PAIR_CONFIGS:
            return False
        unique, turn = self.steps.unique, candidate.turn
        with step_errors(unique.definition.id, turn.dialogue.dialogue_id, turn.index):
            return not self._pairs.add(unique.key(candidate))

    # Writes or holds back the row of a result; `prompt` is that of a demonstration.
    def _settle(self, result: Result, prompt: Sequence[Message] = ()) -> None:
        if isinstance(result, Candidate) and self._is_repeated(result):
            result = Drop(result, DropReason.DUPLICATE_PAIR)
        candidate = result.candidate if isinstance(result, Drop) else result
        config, split, layout = candidate.config, candidate.turn.placed.split, self.plan.spec.layout
        self.candidates[config] += 1
        if isinstance(result, Drop):
            self.dropped[config][result.reason] += 1
        if self._corpus_filter is not None and (isinstance(result, Drop) or config in PAIR_CONFIGS):
            self._corpus_filter.add(result)
        elif isinstance(result, Drop):
            self.writer.add(Config.DROPPED, split, dropped_row(result, layout))
        else:
            row = pair_row(result, layout) if config in PAIR_CONFIGS else sft_row(result, prompt)
            self.writer.add(config, split, row)

    # Writes a drop; holds a trace back until its weight is known.
    def _settle_trace(self, result: TraceResult) -> None:
        if isinstance(result, Drop):
            self._settle(result)
            return
        assert self._weighing is not None, "only a spec with reasoning has candidates of traces"
        self.candidates[result.config] += 1
        self._weighing.add(result)


# The prompt of a candidate of a preference config; empty for a turn without a strategy.
def _prompt_of(result: Result) -> Sequence[Message]:
    candidate = result.candidate if isinstance(result, Drop) else result
    return candidate.request.messages if candidate.request is not None else ()


def assemble(dialogues: Iterable[PlacedDialogue], assembly: Assembly) -> Assembly:
    """The assembly after all dialogues were added."""
    for placed in dialogues:
        assembly.add(placed)
    return assembly


# The last part of a build and of a rebuild: splits, manifest, card and licence beside the tables.


@dataclass(frozen=True)
class Provenance:
    """The part of a manifest that does not come from the tables."""

    spec: BuildSpec
    spec_sha256: str
    limit: int | None
    sources: tuple[SourceRecord, ...]
    benchmarks: tuple[BenchmarkRecord, ...]
    models: Mapping[Role, tuple[ModelRecord, ...]]
    licenses: frozenset[str]
    run: RunRecord
    repo: str | None = None
    tokens: Mapping[Role, TokenLimits] = field(default_factory=dict)


def finish_release(root: Path, assembly: Assembly, splits: Splits, told: Provenance) -> Manifest:
    """Closes the tables and writes every other file of the release into `root`.

    Args:
        root: the folder that the assembly's writer writes to.
        assembly: after it has taken in every dialogue.
        splits: what was decided; `splits.json` is made of it.
        told: where the data came from.
    """
    counts = assembly.counts()
    files = assembly.writer.finish()
    held_out = assembly.held_out if told.spec.safety.crisis == "hold_out" else None
    text = json.dumps(splits.as_json(told.spec.splits, held_out), indent=1) + "\n"
    files[SPLITS] = write_text(root / SPLITS, text)
    manifest = Manifest(
        version=told.spec.version,
        spec=told.spec,
        spec_sha256=told.spec_sha256,
        prompts={prompt.id: prompt.sha256 for prompt in assembly.plan.all_prompts},
        limit=told.limit,
        sources=told.sources,
        benchmarks=told.benchmarks,
        models=dict(told.models),
        tokens=dict(told.tokens),
        license=release_licence(told.licenses),
        repo=told.repo,
        counts=counts,
        usage=assembly.usages(),
        files=files,
        run=told.run,
    )
    return write_views(root, manifest, draw=False)
