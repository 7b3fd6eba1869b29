"""Assembling by panels loses nothing and gives the same bytes again, whatever is held back or dropped late."""

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.assembled import assembled
from support.dialogues import dialogue, dialogues, seeker, supporter, words
from support.mining import PANELS
from support.releases import scripted_plan
from support.script import spelt_answer

from ipm_prefdial.builders.building._assemble import Assembly, assemble
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.mining.turns import PlacedDialogue, supporter_turns
from ipm_prefdial.builders.release.write import ReleaseWriter
from ipm_prefdial.schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Dialogue, Split
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.inference import Completion, Outcome, Request, Task
from ipm_prefdial.schemas.rows import CANDIDATE_CONFIGS, rows_of

_DRAWS = PANELS.responder.draws
_WORDS = ("Kilns cool for a day.", "Where does it hurt?", "Seeker: and I said", "", "…", "Write me@example.org.")


def _answers(seed: int) -> Callable[[Request], Outcome]:
    """The script's answers to other keys: other replies and verdicts by each seed, and now and then bad ones."""

    def answer(request: Request) -> Outcome:
        number = int(hashlib.sha256(f"{seed}:{request.key}".encode()).hexdigest()[:8], 16)
        if request.ask.task in (Task.RESPONDER, Task.JOINT, Task.REWRITER) and number % 4 == 0:
            return Completion(key=request.key, text=_WORDS[number % len(_WORDS)], finish_reason="stop")
        if request.ask.task is Task.CRISIS_JUDGE and number % 3:
            return Completion(key=request.key, text='{"crisis": "none"}', finish_reason="stop")
        return spelt_answer(request)

    return answer


def _distinct(found: list[Dialogue]) -> list[PlacedDialogue]:
    """The dialogues, each once, in splits by turn; some repeat the first, some overlap with a benchmark."""
    once = list({one.dialogue_id: one for one in found}.values())
    return [
        PlacedDialogue(
            one,
            position,
            list(Split)[position % 3],
            repeats=once[0].dialogue_id if position % 5 == 3 else None,
            contaminated_by="exam" if position % 5 == 4 else None,
        )
        for position, one in enumerate(once)
    ]


_corpora = st.lists(dialogues(words), min_size=1, max_size=6).map(_distinct)
_seeds = st.integers(0, 2**40)


@given(_corpora, _seeds)
@settings(max_examples=30)
def test_every_candidate_is_a_row_or_a_drop(corpus: list[PlacedDialogue], seed: int) -> None:
    made = assembled(corpus, _answers(seed), PANELS)
    turns = sum(1 for one in corpus for _ in supporter_turns(one))
    ids = Counter(row["row_id"] for rows in made.rows.values() for row in rows)
    assert set(ids.values()) <= {1}
    for config in CANDIDATE_CONFIGS:
        counts = made.counts[config]
        assert counts.candidates == turns * (_DRAWS if config in PAIR_CONFIGS else 1)
        assert counts.conserved
        assert sum(counts.rows.values()) == len(made.rows[config])
        drops = Counter(row["reason"] for row in made.rows[Config.DROPPED] if row["config"] == config)
        assert {reason.value: number for reason, number in counts.dropped.items()} == drops


@given(_corpora, _seeds)
@settings(max_examples=30)
def test_every_row_fits_its_schema_and_its_dialogue(corpus: list[PlacedDialogue], seed: int) -> None:
    made = assembled(corpus, _answers(seed), PANELS)
    at = {one.dialogue.dialogue_id: one for one in corpus}
    whole = (Config.DIALOGUES, Config.CRISIS_HOLDOUT)
    for config, rows in made.rows.items():
        for row in rows:
            rows_of(2)[config].model_validate(row)
            if row["turn"] is None:
                assert config in whole or row["task"] == Task.CRISIS_JUDGE
            else:
                assert row["turn"] in {turn.index for turn in supporter_turns(at[row["dialogue_id"]])}
    listed = [row for config in whole for row in made.rows[config]]
    assert [row["dialogue_id"] for row in sorted(listed, key=lambda row: row["position"])] == list(at)


@given(_corpora, _seeds)
@settings(max_examples=30)
def test_a_dialogue_in_a_crisis_is_in_its_own_table_and_gives_nothing_else(
    corpus: list[PlacedDialogue], seed: int
) -> None:
    made = assembled(corpus, _answers(seed), PANELS)
    held_out = {row["dialogue_id"] for row in made.rows[Config.CRISIS_HOLDOUT]}
    assert held_out == made.assembly.held_out
    assert not held_out & {row["dialogue_id"] for row in made.rows[Config.DIALOGUES]}
    for config in CANDIDATE_CONFIGS:
        assert not held_out & {row["dialogue_id"] for row in made.rows[config]}
    assert {row["reason"] for row in made.tables[Config.DROPPED, Split.TEST] if row["dialogue_id"] in held_out} <= {
        "crisis"
    }
    asked = {row["task"] for row in made.rows[Config.COMPLETIONS] if row["dialogue_id"] in held_out}
    assert asked <= {Task.CRISIS_JUDGE}


@given(_corpora, _seeds)
@settings(max_examples=20)
def test_what_a_row_names_is_recorded_with_what_it_says(corpus: list[PlacedDialogue], seed: int) -> None:
    made = assembled(corpus, _answers(seed), PANELS)
    recorded = {row["request_key"]: row for row in made.rows[Config.COMPLETIONS]}
    for config in (*PAIR_CONFIGS, Config.DROPPED):
        for row in made.rows[config]:
            for one in row["judgements"]:
                assert recorded[one["request_key"]]["reply"] == one["raw"]
                assert recorded[one["request_key"]]["task"] in (Task.JUDGE, Task.STRATEGY_JUDGE)
            if row["rewrite"] is not None:
                assert recorded[row["rewrite"]["request_key"]]["task"] == Task.REWRITER
            if config is Config.DROPPED and row["inferred_by"] is not None:
                assert recorded[row["inferred_by"]["request_key"]]["reply"] == row["reply"]
    for row in made.rows[Config.CRISIS_HOLDOUT]:
        for one in row["findings"]:
            if one["judge"] is not None:
                assert recorded[one["request_key"]]["reply"] == one["raw"]
                assert recorded[one["request_key"]]["turn"] is None


@given(_corpora, _seeds)
@settings(max_examples=20)
def test_rows_come_in_the_order_of_their_dialogues_turns_and_draws(corpus: list[PlacedDialogue], seed: int) -> None:
    made = assembled(corpus, _answers(seed), PANELS)
    at = {one.dialogue.dialogue_id: one.position for one in corpus}
    for (config, _), rows in made.tables.items():
        if config in (*CANDIDATE_CONFIGS, Config.DROPPED):
            places = [(at[row["dialogue_id"]], row["turn"]) for row in rows]
            assert places == sorted(places)
    asked = [request.key for request in made.asked]
    assert [row["request_key"] for row in made.rows[Config.COMPLETIONS]] == list(dict.fromkeys(asked))


@given(_corpora, _seeds)
@settings(max_examples=4)
def test_two_assemblies_write_the_same_bytes(corpus: list[PlacedDialogue], seed: int) -> None:
    plan = scripted_plan(PANELS)
    with tempfile.TemporaryDirectory() as folder:
        written = []
        for root in (Path(folder, "first"), Path(folder, "second")):
            assembly = Assembly(plan, steps_of(PANELS), _answers(seed), ReleaseWriter(root, 2))
            counts = assemble(corpus, assembly).counts()
            records = assembly.writer.finish()
            written.append((records, counts, {name: (root / name).read_bytes() for name in records}))
    assert written[0] == written[1]


def test_an_answer_about_a_whole_dialogue_is_recorded_without_a_turn() -> None:
    talk = dialogue(seeker("My kiln is cold."), supporter("Since when?"))
    made = assembled([PlacedDialogue(talk, 0, Split.TRAIN)], _answers(3), PANELS)
    first = made.rows[Config.COMPLETIONS][0]
    assert (first["task"], first["role"], first["turn"]) == ("crisis_judge", "judge", None)


def test_a_barred_dialogue_is_listed_with_why_and_dropped_with_why() -> None:
    talks = [dialogue(seeker(f"Kiln {number} is cold."), supporter("Since when?")) for number in range(3)]
    corpus = [
        PlacedDialogue(talks[0], 0, Split.TRAIN),
        PlacedDialogue(talks[1], 1, Split.TRAIN, contaminated_by="exam"),
        PlacedDialogue(talks[2], 2, Split.TRAIN, repeats=talks[0].dialogue_id),
    ]

    def answer(request: Request) -> Outcome:
        text = '{"crisis": "none"}' if request.ask.task is Task.CRISIS_JUDGE else "…"
        return Completion(key=request.key, text=text, finish_reason="stop")

    made = assembled(corpus, answer, PANELS)
    assert [(row["repeats"], row["contaminated_by"]) for row in made.rows[Config.DIALOGUES]] == [
        (None, None),
        (None, "exam"),
        (talks[0].dialogue_id, None),
    ]
    told = {(row["dialogue_id"], row["reason"], row["detail"]) for row in made.rows[Config.DROPPED]}
    assert told == {
        (talks[0].dialogue_id, "empty_reply", ""),
        (talks[1].dialogue_id, "contaminated", "exam"),
        (talks[2].dialogue_id, "repeated_dialogue", f"of dialogue {talks[0].dialogue_id}"),
    }
    for config in PAIR_CONFIGS:
        assert made.counts[config].dropped[DropReason.CONTAMINATED] == _DRAWS
    for config in SFT_CONFIGS:
        assert made.counts[config].dropped == {DropReason.CONTAMINATED: 1, DropReason.REPEATED_DIALOGUE: 1}
    by_task = Counter(row["task"] for row in made.rows[Config.COMPLETIONS])
    assert by_task[Task.CRISIS_JUDGE] == 3 * len(scripted_plan(PANELS).models["judge"])  # type: ignore[index]
    assert json.dumps(sorted(by_task)) == json.dumps(["crisis_judge", "joint", "planner", "responder"])


def test_nothing_in_gives_nothing_out() -> None:
    made = assembled([], _answers(0), PANELS)
    assert all(rows == [] for rows in made.rows.values())
    assert all(counts.candidates == 0 and counts.conserved for counts in made.counts.values())
