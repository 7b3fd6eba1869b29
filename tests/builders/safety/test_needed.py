"""A look for needed words spares searches and never changes what is found."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipm_prefdial.builders.safety._rule import needed_words, rules_for, written_rules
from ipm_prefdial.builders.safety.crisis import decode, fold_sentences

SENTENCES = Path(__file__).parents[2] / "safety" / "crisis_sentences.jsonl"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("end it( all)?", {"end it"}),
        (r"\b(?:kill|killing|end it)\b", {"kill", "end it"}),
        (r"(?:he|she)( \w+){0,3} suicid\w*", {" suicid"}),
        ("(?:sleep|wish)+ to", {"sleep", "wish"}),
        ("(?:want)? to", {" to"}),
        ("(?<!not )gone", {"gone"}),
        ("a|b?", set()),
        (r"\w+", set()),
        ("(?=here)", set()),
        ("(?i:here)", set()),
        ("(?i)here", set()),
    ],
)
def test_needed_words_are_read_off_a_pattern(pattern: str, words: set[str]) -> None:
    assert needed_words(re.compile(pattern)) == words


@settings(max_examples=200)
@given(st.data())
def test_whatever_a_rule_matches_has_a_word_that_it_needs(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from([rule for rule in written_rules() if rule.needed]))
    said = data.draw(st.from_regex(rule.said))
    assert any(word in said for word in rule.needed)
    assert rule.id in rules_for(said)


def test_every_rule_that_holds_is_tried() -> None:
    texts = [text for line in SENTENCES.read_text().splitlines() for text in fold_sentences(json.loads(line)["text"])]
    held = 0
    for text in {*texts, *map(decode, texts)}:
        holding = {rule.id for rule in written_rules() if rule.holds(text)}
        assert holding <= rules_for(text)
        held += len(holding)
    assert held > 100


def test_most_rules_are_not_tried_on_an_ordinary_sentence() -> None:
    assert len(rules_for("my boss gave the project to a colleague and i feel left out")) < len(written_rules()) / 4
