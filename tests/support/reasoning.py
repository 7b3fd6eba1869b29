"""Planted reasoning rows in the form of the contract, over the dialogues of a small release.

What is wrong is known, and of two kinds. A wrong history and a wrong reply betray themselves by their words, so that a
bag of words finds them. A wrong emotion contradicts its own cue, and a wrong strategy its own reason: each word is as
frequent in right steps as in wrong ones, so that only a model that reads them together finds these.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from support.releases import change_manifest, copy_release, refresh_hashes, shared_release, write_rows

from ipm_prefdial.builders.release.layout import arrow_schema
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.prompts.context import chat
from ipm_prefdial.prompts.parsers.trace import format_trace, step_texts
from ipm_prefdial.recipes.data.release import open_release
from ipm_prefdial.recipes.evaluate.held_out import HumanTurn, held_out_turns
from ipm_prefdial.schemas.config import REASONING_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.emotion import Emotion
from ipm_prefdial.schemas.rows.common import InferredBy
from ipm_prefdial.schemas.rows.reasoning import ReasoningPairRow, ReasoningRow, ReasoningStepsRow, StepPanel, TraceScore
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.trace import EmotionStep, Modality, NamedCue, Step, StrategyStep, Trace

Labels = tuple[bool, bool, bool, bool]

_CUES = {
    Emotion.SADNESS: "I keep crying",
    Emotion.ANGER: "I could scream",
    Emotion.FEAR: "my hands shake",
    Emotion.LONELINESS: "nobody calls me",
}
_REASONS = {
    Strategy.QUESTION: "little is known yet",
    Strategy.REFLECTION: "the feeling waits for an answer",
    Strategy.AFFIRMATION: "courage was shown",
    Strategy.SUGGESTIONS: "a next step was asked for",
}
_REPLIES = {
    Strategy.QUESTION: ("What was the hardest part of it?", "Since when is it like that?", "Who knows about it?"),
    Strategy.REFLECTION: ("That sounds heavy to carry.", "It weighs on you a lot.", "You feel left alone with it."),
    Strategy.AFFIRMATION: ("It took strength to say that.", "You have come far already.", "You did well there."),
    Strategy.SUGGESTIONS: ("A short walk could help.", "You could write it down.", "Perhaps call a friend tonight."),
}
_COLD = ("Just get over it.", "Others have it worse.", "Stop being so dramatic.")
_BY = InferredBy(model="scripted", revision="r1", draw=0, request_key="0" * 64)
_SYSTEM = {"role": "system", "content": "Think in four steps, then reply."}


def plant_trace(turn: HumanTurn, labels: Labels, random: Random) -> Trace:
    """A trace at a turn whose steps are right or wrong as the labels say."""
    words = turn.history[-1].text.split()[:6]
    history = f"The seeker said: {' '.join(words)}." if labels[0] else "Nothing of note was said so far."
    emotion, other = random.sample(sorted(_CUES), 2)
    strategy, another = random.sample(sorted(_REASONS), 2)
    cue = NamedCue(modality=Modality.TEXT, description=_CUES[Emotion(emotion if labels[1] else other)])
    reply = random.choice(_REPLIES[Strategy(strategy)] if labels[3] else _COLD)
    return Trace(
        history=history,
        emotion=EmotionStep(emotion=Emotion(emotion), intensity=3, cause="what happened", cues=(cue,)),
        strategy=StrategyStep(strategy=Strategy(strategy), why=_REASONS[Strategy(strategy if labels[2] else another)]),
        reply=reply,
    )


def plant_rows(turns: Iterable[HumanTurn], draws: int, seed: int = 0) -> Iterator[tuple[Config, dict[str, Any]]]:
    """Rows of all three configs at every turn, `draws` of each."""
    random = Random(seed)
    for turn in turns:
        for draw in range(draws):
            right = plant_trace(turn, (True,) * 4, random)
            yield Config.REASONING, demonstration_row(turn, draw, right)
            labels: Labels = tuple(random.random() < 0.5 for _ in Step)  # type: ignore[assignment]
            yield Config.REASONING_STEPS, labelled_row(turn, draw, plant_trace(turn, labels, random), labels)
            yield (
                Config.REASONING_PAIRS,
                pair_row(turn, draw, right, plant_trace(turn, (True, True, True, False), random)),
            )


def _common(config: Config, turn: HumanTurn, draw: int) -> dict[str, Any]:
    return {
        "row_id": hashlib.sha256(f"{config} {turn.dialogue_id} {turn.index} {draw}".encode()).hexdigest()[:32],
        "dialogue_id": turn.dialogue_id,
        "turn": turn.index,
        "source": "sample",
        "license": "cc-by-4.0",
        "prompt": (_SYSTEM, *chat(turn.history, with_strategies=False)),
        "human_strategy": turn.strategy,
        "weight": 1.0,
    }


def _message(trace: Trace) -> tuple[dict[str, str]]:
    return ({"role": "assistant", "content": format_trace(trace)},)


def demonstration_row(turn: HumanTurn, draw: int, trace: Trace) -> dict[str, Any]:
    """A row of `reasoning`."""
    row = ReasoningRow(
        **_common(Config.REASONING, turn, draw),
        completion=_message(trace),
        emotion=trace.emotion.emotion,
        intensity=trace.emotion.intensity,
        strategy=trace.strategy.strategy,
        reasoner=_BY,
        rewrite=None,
    )
    return row.model_dump(mode="json")


def labelled_row(turn: HumanTurn, draw: int, trace: Trace, labels: Labels) -> dict[str, Any]:
    """A row of `reasoning_steps`."""
    panels = tuple(
        StepPanel(
            step=step, label=label, rule=None, votes=1, votes_for=int(label), confidence=2 / 3, rationale="planted"
        )
        for step, label in zip(Step, labels, strict=True)
    )
    row = ReasoningStepsRow(
        **_common(Config.REASONING_STEPS, turn, draw),
        completions=step_texts(trace),
        labels=labels,
        rationales=("planted",) * 4,
        panels=panels,
        judgements=(),
        emotion=trace.emotion.emotion,
        strategy=trace.strategy.strategy,
        reasoner=_BY,
    )
    return row.model_dump(mode="json")


def pair_row(turn: HumanTurn, draw: int, better: Trace, worse: Trace) -> dict[str, Any]:
    """A row of `reasoning_pairs`, whose worse side has a worse reply."""
    row = ReasoningPairRow(
        **_common(Config.REASONING_PAIRS, turn, draw),
        chosen=_message(better),
        rejected=_message(worse),
        differs="outcome",
        chosen_score=TraceScore(process=1, outcome=1),
        rejected_score=TraceScore(process=1, outcome=0),
        chosen_strategy=better.strategy.strategy,
        rejected_strategy=worse.strategy.strategy,
        chosen_reasoner=_BY,
        rejected_reasoner=_BY,
    )
    return row.model_dump(mode="json")


def add_reasoning(release: Release, draws: int, history: int = 2) -> Release:
    """Gives a release the three configs of reasoning; of every history the last turns alone.

    Args:
        release: that may be altered.
        draws: rows of each config at every supporter turn.
        history: turns that a prompt shows at most.
    """
    for split in Split:
        turns = held_out_turns(open_release(str(release.root), None, Config.DIALOGUES), split)
        short = [HumanTurn(one.dialogue_id, one.index, one.history[-history:], one.strategy, one.text) for one in turns]
        rows: dict[Config, list[dict[str, Any]]] = {config: [] for config in REASONING_CONFIGS}
        for config, row in plant_rows(short, draws):
            rows[config].append(row)
        for config, some in rows.items():
            write_config(release, config, split, some)
    return refresh_hashes(release.root)


def write_config(release: Release, config: Config, split: Split, rows: Sequence[dict[str, Any]]) -> None:
    """Writes the one shard of a config's split, and names it in the manifest; its digest is refreshed elsewhere."""
    name = f"data/{config}/{split}-00000-of-00001.parquet"
    (release.root / name).parent.mkdir(exist_ok=True)
    write_rows(release.root / name, rows, arrow_schema(config, 3))

    def add(manifest: dict[str, Any]) -> None:
        manifest["spec"]["layout"] = 3  # the first that knows these configs
        manifest["files"].setdefault(name, {"sha256": "", "bytes": 0, "rows": 0, "rows_sha256": ""})

    change_manifest(release.root, add)


@lru_cache
def reasoning_release(draws: int = 1) -> Release:
    """The scripted release of the sample with planted reasoning rows, built once a process; only to be read."""
    folder = tempfile.mkdtemp(prefix="ipm-prefdial-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return add_reasoning(copy_release(Path(folder, "release"), shared_release()), draws)


def count_rows(release: Release, config: Config, split: Split) -> int:
    """The rows that the manifest says are there."""
    manifest = json.loads((release.root / "manifest.json").read_bytes())
    return int(manifest["files"][f"data/{config}/{split}-00000-of-00001.parquet"]["rows"])
