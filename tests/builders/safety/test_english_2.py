"""Rules 2 for personal data: what they find, what they leave alone, and that the rest of a text stays as it is."""

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.personal_data import measure_finds, read_personal_data

from ipm_prefdial.builders.safety.english_2 import find_pii, find_reaching, mask_pii
from ipm_prefdial.builders.safety.english_2.normalised import normalise
from ipm_prefdial.builders.safety.pii import PLACEHOLDERS
from ipm_prefdial.schemas.safety import PiiKind

_ROWS = read_personal_data()
_WITH = [row for row in _ROWS if row["spans"]]


def test_the_written_sentences_are_what_they_say() -> None:
    ids = [row["id"] for row in _ROWS]
    assert len(set(ids)) == len(ids)
    assert {kind for row in _ROWS for kind, *_ in row["spans"]} == set(PiiKind)
    assert len(_WITH) >= 120 and len(_ROWS) - len(_WITH) >= 80
    spans = [row["text"][start:end] for row in _ROWS for _, start, end in row["spans"]]
    assert all(said and said == said.strip() for said in spans)


def test_of_fixed_shapes_nearly_all_is_found_and_nearly_all_finds_are_right() -> None:
    """Of all sentences; `measure_safety.py` prints the halves and the batches apart, and what was found at first."""
    fixed = measure_finds(_ROWS, find_pii, names=False)
    assert fixed.recall >= 0.95
    assert fixed.precision >= 0.95


def test_names_are_found_by_their_context() -> None:
    names = measure_finds(_ROWS, find_pii, names=True)
    assert (names.hits, names.spans, names.finds - names.right) == (32, 34, 1)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("call ５５５－８６７－５３０９ or jane＠example.org ☺ é", "call <phone> or <email> ☺ é"),
        ("it came from jane.d\u200boe@exam\u200bple.org\u200b, ok", "it came from <email>\u200b, ok"),
        ("ﬁne: jаne.doe@example.org ﬁne", "ﬁne: <email> ﬁne"),
        ("I am Łukasz Nowak, wechat: tessquill88", "I am <name>, wechat: <handle>"),
        ("see data:image/png;base64,iVBORw0KGgo= there", "see <link> there"),
    ],
)
def test_the_original_is_masked_and_the_rest_stays_byte_for_byte(text: str, masked: str) -> None:
    assert mask_pii(text) == masked


@pytest.mark.parametrize("text", ["my therapist Said no", "version 2.1.0 of 10.4.11.2", "call 1-800-273-8255", ""])
def test_what_looks_like_it_is_left_alone(text: str) -> None:
    assert mask_pii(text) == text


_PIECES = st.sampled_from(
    [word for row in _ROWS for word in row["text"].split(" ")]
    + [row["text"] for row in _ROWS]
    + ["@", ".", " dot ", " at ", "\u200b", "＠", "а", "ﬁ", "+44", "0", "-", *PLACEHOLDERS.values()]
)
_TEXTS = st.one_of(
    st.text(max_size=120), st.lists(_PIECES, max_size=10).map(" ".join), st.lists(_PIECES, max_size=8).map("".join)
)


@given(_TEXTS)
def test_spans_lie_in_order_and_nothing_is_found_in_masked_text(text: str) -> None:
    spans = find_pii(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    masked = mask_pii(text)
    assert find_pii(masked) == ()
    if not spans:
        assert masked == text


@given(_TEXTS)
def test_what_reaches_somebody_is_found_among_all(text: str) -> None:
    assert set(find_reaching(text)) <= set(find_pii(text))


@given(st.text(max_size=80))
def test_each_normalised_character_stands_for_one_of_the_original(text: str) -> None:
    read = normalise(text)
    places = range(len(text)) if read.places is None else read.places
    assert len(places) == len(read.text)
    assert list(places) == sorted(places)


_UNITS = (
    *("a", "1", "@", ".", "Aa-", "a.", "a@", "1-", "1 ", "(1", "@abcd", "u/abc", "a (at) ", "a dot ", "one ", "+1"),
    *("0", "id ", "ig ", "snap is ", "my name is ", "Aa Aa ", "A1 ", "1:", "www.", "x.com/", "data:a/", "iVBORw0KGgo/"),
    *("12 a ", "12 Aa ", "p o box ", "number ", "call me ", "Łu", "\u200b", "＠", "-", "a_", "live in ", "AB12", "'"),
)


@pytest.mark.parametrize("unit", ("a", "1", "Aa-", "a.", "@abcd", "iVBORw0KGgo/", "\u200b", "number "), ids=ascii)
def test_no_repeated_word_stops_the_rules(unit: str) -> None:
    """With a square in any of the patterns this would run for minutes."""
    text = (unit * 20_000)[:20_000] + "\0"
    assert find_pii(mask_pii(text)) == ()


@pytest.mark.slow
@pytest.mark.parametrize("unit", _UNITS, ids=ascii)
def test_time_grows_with_the_text(unit: str) -> None:
    """As in `test_growth`."""

    def spent(size: int) -> float:
        text = (unit * size)[:size] + "\0"
        start = process_time()
        find_pii(text)
        return process_time() - start

    small = max(min(spent(4_000) for _ in range(3)), 0.002)
    assert min(spent(32_000) for _ in range(2)) < 24 * small
