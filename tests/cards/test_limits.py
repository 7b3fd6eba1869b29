"""A limit is told only where the release shows it, and with the release's own numbers."""

from dataclasses import replace
from typing import Any

import pytest
from support.cards import full_context
from support.releases import SCRIPTED, shared_release

from ipm_prefdial.builders.review._figures import review_of
from ipm_prefdial.cards._limits import embedded_note, known_biases, known_limits
from ipm_prefdial.cards._sections import LEAST_LABELS
from ipm_prefdial.cards.context import CardContext
from ipm_prefdial.cards.licences import Origin
from ipm_prefdial.schemas.audit import Audit
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.inference import ModelRef, Role
from ipm_prefdial.schemas.manifest import BenchmarkRecord, Manifest, ModelRecord
from ipm_prefdial.schemas.measures import FlagRate, Interval, OrderCheck
from ipm_prefdial.schemas.review import Review, ReviewedPair
from ipm_prefdial.schemas.safety import CrisisCounts

TABLE = "data/response/{}-00000-of-00001.parquet"


@pytest.fixture
def manifest() -> Manifest:
    """Of the shared scripted release."""
    return shared_release().manifest


def says(sentences: list[str], words: str) -> bool:
    """Whether one of the sentences has these words."""
    return any(words in sentence for sentence in sentences)


def with_rows(manifest: Manifest, **rows: int) -> Manifest:
    """The manifest with so many rows of `response` in a split."""
    files = dict(manifest.files)
    for split, number in rows.items():
        files[TABLE.format(split)] = files[TABLE.format(split)].model_copy(update={"rows": number})
    return manifest.model_copy(update={"files": files})


def played_by(manifest: Manifest, kind: Any, *roles: Role, name: str = "other") -> Manifest:
    """The manifest with another model in these roles."""
    other = ModelRecord(ref=ModelRef(name=name), kind=kind)
    return manifest.model_copy(update={"models": {**manifest.models, **dict.fromkeys(roles, (other,))}})


def test_dialogues_that_no_judge_could_read_are_a_limit() -> None:
    manifest = shared_release("2.0.0").manifest
    read = known_limits(manifest, CardContext(crises=CrisisCounts(seen=4, unread=0)))
    unread = known_limits(manifest, CardContext(crises=CrisisCounts(seen=4, unread=1)))
    assert not says(read, "unread") and says(unread, "1 dialogue is held out unread")


def test_small_data_is_told_by_its_numbers(manifest: Manifest) -> None:
    small = known_limits(with_rows(manifest, train=999, test=99), CardContext())
    assert says(small, "Small: 999 training pairs") and says(small, "Only 99 pairs")
    large = known_limits(with_rows(manifest, train=1_000, test=100), CardContext())
    assert not says(large, "Small:") and not says(large, "Only ")


def test_embedded_models_are_a_limit_by_what_they_play(manifest: Manifest) -> None:
    assert not says(known_limits(manifest, CardContext()), "embedded")
    assert says(known_limits(played_by(manifest, "corpus", Role.RESPONDER), CardContext()), "to another person")
    assert not says(known_limits(played_by(manifest, "corpus", Role.PLANNER), CardContext()), "to another person")
    assert says(known_limits(played_by(manifest, "corpus", Role.JUDGE), CardContext()), "written rules on words")


def test_the_note_on_embedded_models_says_what_they_played(manifest: Manifest) -> None:
    assert embedded_note(manifest) == ""
    judge = embedded_note(played_by(manifest, "corpus", Role.JUDGE))
    assert judge.startswith(
        "**Made in part without a language model.** The judge came from the embedded `corpus` models."
    )
    assert "Verdicts come from written rules." in judge and "human replies" not in judge
    everything = embedded_note(played_by(manifest, "corpus", *manifest.models))
    assert everything.startswith("**Made without a language model.** The planner, responder, joint and judge came from")
    assert "Inferred replies are real human replies taken from other dialogues." in everything


def test_lost_calls_skipped_dialogues_and_a_limit_are_told(manifest: Manifest) -> None:
    whole = {config: one.model_copy(update={"dropped": {}}) for config, one in manifest.counts.items()}
    plain = known_limits(manifest.model_copy(update={"counts": whole}), CardContext())
    assert not any(says(plain, words) for words in ("lost because", "left out", "first 7"))
    counts = manifest.counts | {
        Config.JOINT: manifest.counts[Config.JOINT].model_copy(
            update={"dropped": {DropReason.CALL_FAILED: 3, DropReason.JUDGE_FAILED: 2, DropReason.REFUSED: 9}}
        )
    }
    found = sum(
        manifest.counts[config].dropped.get(reason, 0)
        for config in (Config.STRATEGY, Config.RESPONSE)
        for reason in (DropReason.CALL_FAILED, DropReason.JUDGE_FAILED)
    )
    (source,) = manifest.sources
    sources = (source.model_copy(update={"skipped": {"wrong_shape": 4}}),)
    limited = manifest.model_copy(update={"counts": counts, "sources": sources, "limit": 7})
    told = known_limits(limited, CardContext())
    assert says(told, f"{found + 5} candidates were lost because")
    assert says(told, "4 dialogues of the sources were left out")
    assert says(told, "first 7 dialogues")


def test_a_benchmark_made_of_the_same_corpus_is_named_unless_it_was_kept_apart(manifest: Manifest) -> None:
    known = CardContext(origins=(Origin("ESConv_part", "cc-by-nc-4.0", 3), Origin("ExTES", "mit", 3)))
    assert says(known_limits(manifest, known), "ESC-Eval were made from ESConv and ExTES")
    assert not says(known_limits(manifest, CardContext(origins=(Origin("talks", "mit", 3),))), "ESC-Eval")
    apart = manifest.model_copy(
        update={"benchmarks": (BenchmarkRecord(name="ESC-Eval", sha256="0" * 64, texts=1, dialogues=0),)}
    )
    assert not says(known_limits(apart, known), "ESC-Eval")


def test_what_nobody_has_looked_at_is_told(manifest: Manifest) -> None:
    bare = known_limits(manifest, CardContext(review=Review(replicates=1, configs={})))
    assert says(bare, "Not audited yet") and says(bare, "No person has compared")
    assert not says(known_limits(manifest, full_context()), "Not audited yet")


def test_a_single_judge_and_one_that_judges_itself_are_biases(manifest: Manifest) -> None:
    alone = played_by(manifest, "openai", Role.JUDGE, name="critic")
    assert says(known_biases(alone, CardContext()), "One judge: the data follows")
    assert not says(known_biases(alone, CardContext()), "its own replies")
    itself = played_by(alone, "openai", Role.JUDGE, Role.RESPONDER, name="both")
    assert says(known_biases(itself, CardContext()), "`both` judges its own replies")
    rules = played_by(manifest, "corpus", Role.JUDGE, Role.RESPONDER)
    assert not says(known_biases(rules, CardContext()), "One judge") and not says(
        known_biases(rules, CardContext()), "its own replies"
    )
    panel = manifest.models | {Role.JUDGE: (ModelRecord(ref=SCRIPTED, kind="openai"),) * 2}
    assert not says(known_biases(manifest.model_copy(update={"models": panel}), CardContext()), "One judge")


def _interval(value: float | None, n: int = 100) -> Interval:
    return Interval(value=value, low=None, high=None, n=n)


def _flag(strategy: str, value: float, n: int = 40) -> FlagRate:
    return FlagRate(
        config="response", side="inferred", strategy=strategy, flagged=1, rate=_interval(value, n), errors={}
    )


def _audited(**changed: Any) -> CardContext:
    beside = full_context()
    assert isinstance(beside.audit, Audit)
    return replace(beside, audit=beside.audit.model_copy(update=changed))


def test_without_an_audit_the_confounding_is_told_without_numbers(manifest: Manifest) -> None:
    assert says(known_biases(manifest, CardContext()), "The size of the shift was not measured")
    assert not says(known_biases(manifest, full_context()), "was not measured")


def test_flags_are_compared_where_enough_was_judged(manifest: Manifest) -> None:
    flags = (_flag("Question", 0.25), _flag("Information", 0.9, 50), _flag("Others", 1.0, 19))
    told = known_biases(manifest, _audited(flags=flags))
    assert says(told, "in 90% of 50 inferred sides with Information, and in 25% of 40 with Question")
    assert not says(known_biases(manifest, _audited(flags=flags[1:])), "judges found an error")


def test_habits_of_judges_and_artefacts_are_told_with_their_numbers(manifest: Manifest) -> None:
    order = OrderCheck(config="response", judge="critic", flips=_interval(0.125), first=_interval(0.75))
    told = known_biases(manifest, _audited(orders=(order,)))
    assert says(told, "`critic` preferred the first side in 75% of its preferences in `response`, and changed")
    assert says(told, "separates chosen from rejected with AUC ")
    assert not says(known_biases(manifest, _audited(artefacts=())), "AUC")


def test_what_models_see_on_the_sides_is_said_for_the_response_pairs_alone(manifest: Manifest) -> None:
    audit = full_context().audit
    assert audit is not None
    said = [one for one in known_biases(manifest, full_context()) if "A simple model that sees" in one]
    shown = [one for one in audit.artefacts if one.config == Config.RESPONSE and one.features in ("words", "length")]
    assert len(said) == len([one for one in shown if one.auc.value is not None]) == 2
    for sentence, one in zip(said, shown, strict=True):
        assert f"AUC {one.auc.value:.2f}" in sentence


@pytest.mark.parametrize(("labels", "few"), [(LEAST_LABELS - 1, True), (LEAST_LABELS, False)])
def test_labels_are_few_below_the_number_that_a_figure_needs(manifest: Manifest, labels: int, few: bool) -> None:
    n = Interval(value=0.5, low=None, high=None, n=labels)
    pair = ReviewedPair(row_id="0" * 32, dialogue_id="0" * 16, judge_chosen=None, judge_rejected=None, labels={})
    plain = review_of([pair])
    config = plain.model_copy(update={"judge": plain.judge.model_copy(update={"flagged": n})})
    context = CardContext(review=Review(replicates=1, configs={Config.RESPONSE: config}))
    assert says(known_limits(manifest, context), f"on only {labels} replies") is few
