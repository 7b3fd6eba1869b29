"""Assembling loses nothing, counts everything, and gives the same bytes again."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.assembled import assembled
from support.dialogues import dialogue, dialogues, placed, seeker, supporter, words
from support.mining import ASKED
from support.releases import scripted_plan, shared_release

from ipm_prefdial.builders.building._assemble import Assembly, DigestSet, assemble, completion_row, dialogue_row
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.mining.turns import PlacedDialogue, supporter_turns
from ipm_prefdial.builders.release.write import ReleaseWriter
from ipm_prefdial.schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Dialogue, Split
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.errors import LostRowsError
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, Outcome, Request, Role
from ipm_prefdial.schemas.rows import CANDIDATE_CONFIGS, rows_of
from ipm_prefdial.schemas.strategy import Strategy

Row = dict[str, Any]

_PLAN = scripted_plan()


_REPLIES = (
    "Question",
    "reflection of feelings.",
    "[Question] Where does it hurt?",
    "[Information] Kilns cool for a day.",
    "[Nothing known] Hm.",
    "Where does it hurt?",
    "kiln tram",
    "Seeker: and I said",
    "",
    "\0 \x1f ñ 🙂 \n\n end",
    json.dumps({"error": "none", "rationale": "fine"}),
    json.dumps({"error": "lack_of_empathy"}),
    "```json\n" + json.dumps({"error": "Template", "rationale": "says nothing"}) + "\n```",
    json.dumps({"error": "rudeness"}),
    "{",
)


def _answers(seed: int) -> Callable[[Request], Outcome]:
    """Replies, failures and broken-off replies, by key and seed."""

    def answer(request: Request) -> Outcome:
        number = int(request.key[:12], 16) ^ seed
        if number % 11 == 0:
            reason = list(FailureReason)[number % len(FailureReason)]
            return Failed(key=request.key, reason=reason, detail=f"fault {number % 7}")
        finish_reason = ("length", "content_filter")[number % 2] if number % 13 == 0 else "stop"
        text = _REPLIES[number % len(_REPLIES)]
        return Completion(
            key=request.key,
            text=text,
            finish_reason=finish_reason,
            prompt_tokens=number % 90,
            completion_tokens=number % 50,
        )

    return answer


def _distinct(found: list[Dialogue]) -> list[PlacedDialogue]:
    """The dialogues, each once, in splits by turn."""
    once = {one.dialogue_id: one for one in found}.values()
    return [PlacedDialogue(one, position, list(Split)[position % 3]) for position, one in enumerate(once)]


_corpora = st.lists(dialogues(words), min_size=1, max_size=4).map(_distinct)
_seeds = st.integers(0, 2**40)


@given(_corpora, _seeds)
def test_every_candidate_is_a_row_or_a_drop(corpus: list[PlacedDialogue], seed: int) -> None:
    made = assembled(corpus, _answers(seed))
    turns = sum(1 for one in corpus for _ in supporter_turns(one))
    for config in CANDIDATE_CONFIGS:
        counts = made.counts[config]
        assert counts.candidates == turns
        assert counts.conserved
        assert sum(counts.rows.values()) == len(made.rows[config])
        drops = Counter(row["reason"] for row in made.rows[Config.DROPPED] if row["config"] == config)
        assert {reason.value: number for reason, number in counts.dropped.items()} == drops
        assert made.assembly.candidates[config] == len(made.rows[config]) + drops.total()


@given(_corpora, _seeds)
def test_every_row_fits_its_schema_and_its_dialogue(corpus: list[PlacedDialogue], seed: int) -> None:
    made = assembled(corpus, _answers(seed))
    at = {one.dialogue.dialogue_id: one for one in corpus}
    for config, rows in made.rows.items():
        for row in rows:
            rows_of(1)[config].model_validate(row)
            if config is not Config.DIALOGUES:
                assert row["turn"] in {turn.index for turn in supporter_turns(at[row["dialogue_id"]])}
    assert [row["dialogue_id"] for row in sorted(made.rows[Config.DIALOGUES], key=lambda row: row["position"])] == list(
        at
    )


@given(_corpora, _seeds)
def test_row_ids_occur_once(corpus: list[PlacedDialogue], seed: int) -> None:
    made = assembled(corpus, _answers(seed))
    ids = Counter(row["row_id"] for rows in made.rows.values() for row in rows)
    assert set(ids.values()) == {1}


@given(_corpora, _seeds)
@settings(max_examples=5)
def test_two_assemblies_write_the_same_bytes(corpus: list[PlacedDialogue], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written = []
        for root in (Path(folder, "first"), Path(folder, "second")):
            assembly = Assembly(_PLAN, steps_of(_PLAN.spec), _answers(seed), ReleaseWriter(root, 1))
            records = assemble(corpus, assembly).writer.finish()
            written.append((records, assembly.counts(), {name: (root / name).read_bytes() for name in records}))
    assert written[0] == written[1]


@given(_corpora, _seeds)
def test_completions_stand_in_order_of_first_use(corpus: list[PlacedDialogue], seed: int) -> None:
    made = assembled(corpus, _answers(seed))
    assert [row["request_key"] for row in made.rows[Config.COMPLETIONS]] == list(
        dict.fromkeys(request.key for request in made.asked)
    )


@given(_corpora, _seeds)
def test_usage_is_the_sum_of_the_completions(corpus: list[PlacedDialogue], seed: int) -> None:
    made = assembled(corpus, _answers(seed))
    usages = made.assembly.usages()
    assert list(usages) == list(ASKED)
    for role in ASKED:
        rows = [row for row in made.rows[Config.COMPLETIONS] if row["role"] == role]
        assert usages[role].calls == len(rows)
        assert usages[role].failed == sum(row["failure"] is not None for row in rows)
        assert usages[role].prompt_tokens == sum(row["prompt_tokens"] for row in rows)
        assert usages[role].completion_tokens == sum(row["completion_tokens"] for row in rows)


@given(_corpora, _seeds)
def test_calls_that_rows_name_are_recorded_with_what_they_say(corpus: list[PlacedDialogue], seed: int) -> None:
    made = assembled(corpus, _answers(seed))
    recorded = {row["request_key"]: row for row in made.rows[Config.COMPLETIONS]}
    for config in (*PAIR_CONFIGS, Config.DROPPED):
        for row in made.rows[config]:
            for side in ("chosen_verdict", "rejected_verdict"):
                if row[side] is not None:
                    assert recorded[row[side]["request_key"]]["reply"] == row[side]["raw"]
                    assert recorded[row[side]["request_key"]]["role"] == "judge"
            by = row.get("inferred_by") or next(
                (row[role] for role in ("planner", "responder", "joint") if role in row), None
            )
            if config is Config.DROPPED and by is not None:
                assert recorded[by["request_key"]]["reply"] == row["reply"]
            assert by is None or by["request_key"] in recorded


def _good(request: Request) -> Outcome:
    """Always the same good alternative, which the judge finds wanting."""
    text = {
        Role.PLANNER: "Information",
        Role.RESPONDER: "An alternative.",
        Role.JOINT: "[Information] An alternative.",
        Role.JUDGE: json.dumps({"error": "template_response" if request.ask.reply == "An alternative." else "none"}),
    }[request.ask.role]
    return Completion(key=request.key, text=text, finish_reason="stop", prompt_tokens=2, completion_tokens=1)


_OPENING = (seeker("My kiln is cold."), supporter("Since when?", Strategy.QUESTION))
_SHORT = PlacedDialogue(dialogue(*_OPENING), 0, Split.TRAIN)
_LONG = PlacedDialogue(
    dialogue(*_OPENING, seeker("Since Tuesday."), supporter("That is long for you.", Strategy.REFLECTION)),
    1,
    Split.TRAIN,
)


def test_pair_that_stands_earlier_is_dropped_once() -> None:
    made = assembled([_SHORT, _LONG], _good)
    for config in PAIR_CONFIGS:
        assert [(row["dialogue_id"], row["turn"]) for row in made.rows[config]] == [
            (_SHORT.dialogue.dialogue_id, 1),
            (_LONG.dialogue.dialogue_id, 3),
        ]
        assert made.counts[config].dropped == {DropReason.DUPLICATE_PAIR: 1}
    drops = [row for row in made.rows[Config.DROPPED] if row["reason"] == "duplicate_pair"]
    assert [(row["config"], row["dialogue_id"], row["turn"]) for row in drops] == [
        (config.value, _LONG.dialogue.dialogue_id, 1) for config in PAIR_CONFIGS
    ]
    assert [len(made.rows[config]) for config in SFT_CONFIGS] == [3, 3, 3]


def test_call_is_recorded_at_its_first_asker_alone() -> None:
    made = assembled([_SHORT, _LONG], _good)
    rows = made.rows[Config.COMPLETIONS]
    assert len(rows) == len({row["request_key"] for row in rows}) < len(made.asked)
    places = {(row["dialogue_id"], row["turn"]) for row in rows}
    assert places == {(_SHORT.dialogue.dialogue_id, 1), (_LONG.dialogue.dialogue_id, 3)}
    turned = assembled([_LONG, _SHORT], _good).rows[Config.COMPLETIONS]
    assert {(row["dialogue_id"], row["turn"]) for row in turned} == {
        (_LONG.dialogue.dialogue_id, turn) for turn in (1, 3)
    }
    assert {row["request_key"] for row in turned} == {row["request_key"] for row in rows}


def test_usage_counts_a_shared_call_once() -> None:
    usages = assembled([_SHORT, _LONG], _good).assembly.usages()
    assert usages[Role.PLANNER].calls == usages[Role.RESPONDER].calls == usages[Role.JOINT].calls == 2
    assert usages[Role.PLANNER].prompt_tokens == 4


def test_without_the_last_step_nothing_is_a_duplicate() -> None:
    spec = _PLAN.spec.model_copy(update={"steps": _PLAN.spec.steps[:-1]})
    made = assembled([_SHORT, _LONG], _good, spec)
    assert [len(made.rows[config]) for config in PAIR_CONFIGS] == [3, 3, 3]


def test_supporter_who_speaks_first_is_dropped_unasked() -> None:
    made = assembled([placed(supporter("Hello, I am here."), seeker("Hi."))], _good)
    assert made.asked == []
    assert {config: counts.dropped for config, counts in made.counts.items()} == {
        config: {DropReason.NO_SEEKER_TURN: 1} for config in CANDIDATE_CONFIGS
    }
    assert {row["inferred_by"] and 1 for row in made.rows[Config.DROPPED]} == {None}


def test_nothing_in_gives_nothing_out() -> None:
    made = assembled([], _good)
    assert all(rows == [] for rows in made.rows.values())
    assert all(counts.candidates == 0 and counts.conserved for counts in made.counts.values())


def test_lost_candidate_is_an_error() -> None:
    made = assembled([_SHORT], _good)
    made.assembly.candidates[Config.JOINT] += 1
    with pytest.raises(LostRowsError, match=r"joint: .*candidates are not rows"):
        made.assembly.counts()


def test_rows_go_to_the_split_of_their_dialogue() -> None:
    for split in Split:
        made = assembled([PlacedDialogue(_SHORT.dialogue, 0, split)], _good)
        filled = {table for table, rows in made.tables.items() if rows and table[0] is not Config.COMPLETIONS}
        assert filled == {(config, split) for config in (*CANDIDATE_CONFIGS, Config.DIALOGUES)}
        assert made.counts[Config.RESPONSE].rows[split] == 1


@pytest.mark.parametrize("license_id", ["academic-only", "cc-by-nc-4.0"])
def test_dialogue_that_must_not_be_passed_on_leaves_its_id_alone(license_id: str) -> None:
    whole = Dialogue(source="s", license=license_id, problem="work", emotion="fear", situation="long", turns=_OPENING)
    row = dialogue_row(PlacedDialogue(whole, 3, Split.TEST), 1)
    withheld = license_id == "academic-only"
    assert row["withheld"] is withheld
    assert (row["turns"] == []) is withheld
    assert (row["problem"], row["emotion"], row["situation"]) == ((None,) * 3 if withheld else ("work", "fear", "long"))
    assert row["dialogue_id"] == whole.dialogue_id


@pytest.mark.parametrize("column", ["text", "finish_reason", "prompt_tokens", "completion_tokens", "structured"])
def test_id_of_a_completion_covers_its_answer(column: str) -> None:
    (turn,) = supporter_turns(_SHORT)
    request = next(_PLAN.requests(assembled([_SHORT], _good).asked[0].ask))
    outcome = _good(request)
    assert isinstance(outcome, Completion)
    other = outcome.model_copy(
        update={column: {"text": "x", "finish_reason": "length", "structured": True}.get(column, 77)}
    )
    ids = {completion_row(request, one, turn.dialogue, turn.index, 1)["row_id"] for one in (outcome, other)}
    assert len(ids) == 2


def test_digests_are_new_once() -> None:
    seen = DigestSet()
    assert [seen.add(digest * 32) for digest in ("aa", "bb", "aa", "aa", "bb")] == [True, True, False, False, False]
    seen.close()


def test_reply_that_is_no_unicode_text_is_kept_or_dropped() -> None:
    def answer(request: Request) -> Outcome:
        return Completion(key=request.key, text="Cut \ud83d", finish_reason="stop")

    assert all(counts.conserved for counts in assembled([_SHORT], answer).counts.values())


def test_a_demonstration_asks_what_its_twin_asks() -> None:
    release = shared_release()
    for pairs, demonstrations in zip(PAIR_CONFIGS, SFT_CONFIGS, strict=True):
        asked = {(row["dialogue_id"], row["turn"]): row["prompt"] for row in release.rows(demonstrations)}
        kept = [row for row in release.rows(pairs) if row["prompt"] != asked[row["dialogue_id"], row["turn"]]]
        assert kept == []
        assert len(asked) > 300
