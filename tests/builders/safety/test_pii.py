"""What is masked, what is left alone, and what holds for any text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.safety.pii import PLACEHOLDERS, find_pii, find_reaching, mask_pii
from ipm_prefdial.schemas.safety import PiiKind

FOUND = [
    (PiiKind.EMAIL, "write to jo.doe@example.org please", "jo.doe@example.org"),
    (PiiKind.EMAIL, "it is jodoe (at) example dot com", "jodoe (at) example dot com"),
    (PiiKind.PHONE, "call 555-123-4567 after six", "555-123-4567"),
    (PiiKind.PHONE, "call (555) 123-4567", "(555) 123-4567"),
    (PiiKind.PHONE, "from abroad +44 7700 900123", "+44 7700 900123"),
    (PiiKind.PHONE, "call me at 555-1234", "555-1234"),
    (PiiKind.URL, "see https://example.org/me?x=1.", "https://example.org/me?x=1"),
    (PiiKind.URL, "my page www.example.org", "www.example.org"),
    (PiiKind.URL, "it stands on myblog.com/about", "myblog.com/about"),
    (PiiKind.HANDLE, "follow @jo_doe99", "@jo_doe99"),
    (PiiKind.HANDLE, "add me, jodoe#1234", "jodoe#1234"),
    (PiiKind.HANDLE, "my insta is jo.doe_99", "jo.doe_99"),
    (PiiKind.HANDLE, "I am u/jodoe there", "u/jodoe"),
    (PiiKind.NAME, "My name is Sarah Miller and I cry", "Sarah Miller"),
    (PiiKind.NAME, "my name is sarah", "sarah"),
    (PiiKind.NAME, "Dr. Brown said so", "Brown"),
    (PiiKind.NAME, "my sister Annika is ill", "Annika"),
    (PiiKind.NAME, "This is Zora Quill speaking", "Zora Quill"),
    (PiiKind.NAME, "It was John Smith who told me", "John Smith"),
    (PiiKind.NAME, "Hello Rebecca, how are you?", "Rebecca"),
    (PiiKind.PLACE, "I live in Springfield, Illinois now", "Springfield, Illinois"),
    (PiiKind.PLACE, "i live in chicago", "chicago"),
    (PiiKind.PLACE, "we moved to Little Rock", "Little Rock"),
    (PiiKind.PLACE, "I'm from Leeds", "Leeds"),
    (PiiKind.PLACE, "at 12 Elm Street, apt 4", "12 Elm Street, apt 4"),
    (PiiKind.PLACE, "my code is SW1A 1AA", "SW1A 1AA"),
    (PiiKind.PLACE, "zip code 90210", "90210"),
    (PiiKind.ID, "my ssn is 123-45-6789", "123-45-6789"),
    (PiiKind.ID, "card 4111 1111 1111 1111", "4111 1111 1111 1111"),
    (PiiKind.ID, "my account number is 12345678", "12345678"),
    (PiiKind.ID, "from 192.168.10.1", "192.168.10.1"),
]

LEFT_ALONE = [
    "",
    "I feel Sad. My Monday was Bad and Christmas is near.",
    "I AM SO TIRED OF THIS",
    "Hello Everyone, Good Morning",
    "In July I start CBT and take Zoloft.",
    "I live in Fear and in a small town",
    "I'm from the US, he is from Canada",
    "I live in America",
    "My name is not important",
    "call the lifeline at 1-800-273-8255 or 988",
    "I am 25, in 2019-2020 I earned 1,000,000 for 10 - 15 hours",
    "I was there @home and @ 5pm",
    "It ended.Then I left.so sad",
    "My Mom and my Dad argue. My friend I lost.",
    "I'm So Happy and I'm Very Sad",
    "Thanks God, this is Really Hard",
    "I went from Bad to Worse",
    "I had covid in 2020-11-12 at 12.30",
    "my boyfriend And I fight",
    "Call me when you can",
    "the doctor said that I'm fine",
    "I chose [Question] and [Providing Suggestions]",
]


@pytest.mark.parametrize(("kind", "text", "said"), FOUND)
def test_what_tells_who_somebody_is_gets_found(kind: PiiKind, text: str, said: str) -> None:
    assert [(span.kind, text[span.start : span.end]) for span in find_pii(text)] == [(kind, said)]
    assert mask_pii(text) == text.replace(said, PLACEHOLDERS[kind])


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert find_pii(text) == ()
    assert mask_pii(text) == text


def test_several_finds_come_in_the_order_of_the_text() -> None:
    masked = mask_pii("I'm Jane Doe from Leeds, mail jane@example.org or 555-123-4567.")
    assert masked == "I'm <name> from Leeds, mail <email> or <phone>."


def test_apostrophes_may_be_curly() -> None:
    assert mask_pii("I’m from Leeds, my name’s Zora") == "I’m from <place>, my name’s <name>"


def test_placeholders_are_no_strategy_and_no_find() -> None:
    for kind in PiiKind:
        assert "[" not in PLACEHOLDERS[kind]
        assert find_pii(f"my name is {PLACEHOLDERS[kind]}") == ()


_PIECES = st.sampled_from(
    [said for _, text, _ in FOUND for said in text.split(" ")]
    + [text for _, text, _ in FOUND]
    + [*LEFT_ALONE, "@", ".", "’"]
)
_TEXTS = st.one_of(
    st.text(max_size=200), st.lists(_PIECES, max_size=12).map(" ".join), st.lists(_PIECES, max_size=8).map("".join)
)


@given(_TEXTS)
def test_spans_lie_inside_the_text_in_order_and_apart(text: str) -> None:
    spans = find_pii(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@given(_TEXTS)
def test_nothing_is_found_in_masked_text_and_masking_it_changes_nothing(text: str) -> None:
    masked = mask_pii(text)
    assert find_pii(masked) == ()
    assert mask_pii(masked) == masked


@given(_TEXTS)
def test_text_without_a_find_is_not_touched(text: str) -> None:
    if not find_pii(text):
        assert mask_pii(text) == text


@given(_TEXTS)
def test_what_reaches_somebody_is_the_same_whether_places_and_names_are_looked_for_or_not(text: str) -> None:
    told = {PiiKind.PLACE, PiiKind.NAME}
    assert find_reaching(text) == tuple(span for span in find_pii(text) if span.kind not in told)
