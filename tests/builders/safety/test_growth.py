"""Patterns whose time grows with the text and no faster, and which find what the plain ones found."""

import re
from importlib.resources import files
from time import process_time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import plain_patterns as plain

from ipm_prefdial.builders.auditing import foreign as sides
from ipm_prefdial.builders.mining import reply_rules
from ipm_prefdial.builders.mining import turns as human
from ipm_prefdial.builders.safety import crisis as folding
from ipm_prefdial.builders.safety import patterns
from ipm_prefdial.builders.safety._rule import _Denials
from ipm_prefdial.builders.safety.crisis import find_crisis
from ipm_prefdial.builders.safety.pii import find_pii, mask_pii

_PIECES = st.sampled_from(
    """a b. c+ d' e- @ @b.c . , : - _ ' ’ ( [at] (at) dot (dot) at com Aa Bb- Cc' John Smith Mary ā é É A. St. Texas
    New York Springfield, . .. ! ? … ; : 1 12 555 -0142 +44 #1234 u/ab @abcd www. http:// x.com hits pay approved which
    hit seeker assistant : <|a|> ai bot not never i want to kill myself my self hurt again but yesterday sometimes
    suicidal die dead anymore <name> < > my name is call me I live in""".split()
)
_SPACES = st.sampled_from(["", " ", " ", "\n", "\r", "\t ", " \n", "\x0b", "\u3000"])
_TEXTS = st.lists(st.tuples(_PIECES, _SPACES), max_size=24).map(lambda parts: "".join(map("".join, parts)))
_LETTERS = st.text("aAbB@.+'-_’ ([)],\n:;!?…1é", max_size=40)


@given(_TEXTS | _LETTERS)
def test_the_finds_are_those_of_the_plain_patterns(text: str) -> None:
    assert [m.span() for m in patterns.EMAIL.finditer(text)] == [m.span() for m in plain.EMAIL.finditer(text)]
    caps = [(one.start(), two.end(), two.group(1)) for one, two in patterns.TWO_CAPS.finditer(text)]
    assert caps == [(*m.span(), m.group(2)) for m in plain.TWO_CAPS.finditer(text)]
    towns = [(one.start(), two.end()) for one, two in patterns.CITY_STATE.finditer(text)]
    assert towns == [m.span() for m in plain.CITY_STATE.finditer(text)]
    assert find_pii(text) == plain.find_plainly(text)
    assert mask_pii(text) == plain.mask_plainly(text)


@given(_TEXTS | _LETTERS | st.text(" \n\r.;:!?…a", max_size=30))
def test_sentences_labels_answers_and_chatter_are_those_of_the_plain_patterns(text: str) -> None:
    assert folding._ENDS.split(text) == plain.ENDS.split(text)
    assert bool(reply_rules._ROLE_LABEL.search(text)) == bool(plain.ROLE_LABEL.search(text))
    ends = [found.end() for found in sides._ANSWER.finditer(text)]
    assert ends == [found.end() for found in plain.ANSWER.finditer(text)]
    folded = " ".join(text.split())
    assert bool(_HITS.search(folded)) == bool(plain.HITS.search(folded))


@given(_TEXTS)
def test_denials_are_those_of_the_plain_pattern(text: str) -> None:
    for sentence in folding.fold_sentences(text):
        denials = _Denials(sentence)
        for said in re.finditer(r"\b(kill|myself|suicidal|want|die)\b", sentence):
            assert denials.deny(said) == plain.is_denied(sentence, said)


_HITS = next(
    re.compile(line)
    for line in yaml.safe_load(files(human.__package__).joinpath("crowd_chatter.yaml").read_text())["the_platform"]
    if "which hit" in line
)
_LONG = 20_000
_WORST = ("a", "Aa-", ".!", "\n", "a@a", "hits ", "not kill myself ", "\n ", "iVBORw0KGgo/")
"""What took the square of its length once, and what an image looks like that stands in a text."""
_OTHERS = (
    "@abcd",
    *(letter for letter in "aA1@.-_+'/: \n!?;…é(\0"),
    *("Aa-", "Aa'", "Aa ", "a.", "a@", "a@a", ".!", "1-", "1 ", "12 ", "+1", "@abcd", "ab#1234", "u/abc", "a (at) "),
    *("hits ", "not suicidal ", "i want to kill myself ", "not kill myself ", "my name is ", "Aa,  ", "seeker\n"),
    *("live in ", "555-", "ssn ", "I am Aa ", "www.", "a:", "s*", "a ", "=", "AAAA/", "Aa. ", "John Smith ", "a! "),
    *("call me at ", "my sister ", "he hit me ", "dont ", "x.com/", "a'a", '"a', "&amp;", "iVBORw0KGgo", "a+b/c"),
)


@pytest.mark.parametrize("unit", _WORST, ids=ascii)
def test_no_repeated_word_stops_a_rule(unit: str) -> None:
    """With a square in any of the patterns this would run for minutes."""
    text = (unit * _LONG)[:_LONG] + "\0"
    assert find_pii(mask_pii(text)) == ()
    assert reply_rules.prompt_echo(text, "Answer as the supporter would.") is None
    assert human.chatter_in(text) is None
    assert find_crisis(text, [text]) is None


@pytest.mark.slow
@pytest.mark.parametrize("unit", (*_WORST, *_OTHERS), ids=ascii)
def test_time_grows_with_the_text(unit: str) -> None:
    """Eight times the text may take 8 times as long, and 64 times where there is a square; the bound lies between."""

    def spent(size: int) -> float:
        text = (unit * size)[:size] + "\0"
        start = process_time()
        find_pii(text), find_crisis(text, [text]), reply_rules.prompt_echo(text, "Answer."), human.chatter_in(text)
        return process_time() - start

    small = max(min(spent(4_000) for _ in range(3)), 0.002)
    assert min(spent(32_000) for _ in range(2)) < 24 * small
