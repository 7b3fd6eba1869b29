"""How turns are read: negation, past, codes, answers, other people; and what holds for any text."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.safety._rule import _Denials, written_rules
from ipm_prefdial.builders.safety.crisis import decode, find_crisis, fold_sentences
from ipm_prefdial.schemas.safety import CrisisCategory, CrisisFinding, CrisisForm


def _form(text: str, *before: str) -> CrisisForm | None:
    found = find_crisis(text, before)
    return found and found.form


def _past(text: str) -> bool | None:
    found = find_crisis(text)
    return found and found.said_to_be_past


@pytest.mark.parametrize(
    "text", ["I'm suicidal", "I'm not okay. I think about suicide.", "I never wanted this. I want to die."]
)
def test_what_is_said_is_found(text: str) -> None:
    found = find_crisis(text)
    assert found is not None
    assert (found.category, found.form) == (CrisisCategory.SELF_HARM, CrisisForm.EXPLICIT)


@pytest.mark.parametrize(
    "text",
    [
        "I'm not suicidal",
        "I am not suicidal at all",
        "I never thought about suicide",
        "I would never hurt myself",
        "he never hit me",
    ],
)
def test_a_plain_denial_is_no_find(text: str) -> None:
    assert find_crisis(text) is None


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("I'm not suicidal but I wish I had never been born", CrisisForm.INDIRECT),
        ("not gonna lie, I want to die", CrisisForm.EXPLICIT),
        ("I don't know why I want to die", CrisisForm.EXPLICIT),
        ("I swore I would never hurt myself again but yesterday I did", CrisisForm.EXPLICIT),
    ],
)
def test_a_denial_of_something_else_takes_nothing_back(text: str, form: CrisisForm) -> None:
    assert _form(text) is form


@pytest.mark.parametrize("text", ["I'm not suicidal or I'm suicidal", "he never hit me and then he hit me"])
def test_what_is_denied_once_and_then_said_is_found(text: str) -> None:
    assert _form(text) is CrisisForm.EXPLICIT


def test_what_is_over_is_found_and_says_so() -> None:
    assert _past("I used to cut myself when I was young") is True
    assert _past("I'm not suicidal anymore") is True
    assert _past("I lost my brother to suicide five years ago") is True
    assert _past("I want to die") is False


@pytest.mark.parametrize(
    "text", ["I want to unalive myself", "kms", "so s*icidal", "I'm su1cidal", "thinking of s u i c i d e"]
)
def test_codes_and_veiled_letters_are_coded_finds(text: str) -> None:
    assert _form(text) is CrisisForm.CODED


def test_somebody_else_is_third_party() -> None:
    assert _form("My sister wants to kill herself") is CrisisForm.THIRD_PARTY
    assert _form("my friend was raped") is CrisisForm.THIRD_PARTY
    assert _form("My brother overdosed") is CrisisForm.THIRD_PARTY


@pytest.mark.parametrize(
    ("asked", "answer", "category"),
    [
        ("Have you thought about suicide?", "Yes, sometimes.", CrisisCategory.SELF_HARM),
        ("Does he hit you?", "only when he drinks", CrisisCategory.ABUSE),
        ("Are you in danger?", "yes", CrisisCategory.ACUTE_DANGER),
        ("Do you feel safe?", "Not really", CrisisCategory.ACUTE_DANGER),
    ],
)
def test_an_answer_is_read_with_the_question_before_it(asked: str, answer: str, category: CrisisCategory) -> None:
    found = find_crisis(answer, ["Hello.", asked])
    assert found is not None
    assert (found.category, found.form) == (category, CrisisForm.INDIRECT)
    assert find_crisis(answer) is None
    assert find_crisis(answer, [asked, "How was your week?"]) is None


def test_other_answers_and_statements_admit_nothing() -> None:
    assert find_crisis("No, never.", ["Have you thought about suicide?"]) is None
    assert find_crisis("Yes", ["I am glad that you do not hurt yourself."]) is None
    assert find_crisis("", ["Have you thought about suicide?"]) is None


def test_the_most_urgent_find_goes_first() -> None:
    found = find_crisis("My husband hits me. I want to die. He is outside with a gun.")
    assert found is not None
    assert found.category is CrisisCategory.ACUTE_DANGER


@pytest.mark.parametrize(
    "text", ["I don't want to live", "i DONT want to live", "I don’t  want\tto live", "I, don`t want to live!!"]
)
def test_case_spacing_and_apostrophes_do_not_count(text: str) -> None:
    assert _form(text) is CrisisForm.EXPLICIT


def test_folding_keeps_what_the_rules_read() -> None:
    assert fold_sentences("I don’t. WANT, to   liiive?!\nNo…") == ("i dont", "want to live", "no")
    assert decode("su*cide and k!ll") == "suicide and k!ll"
    assert decode("an odd 4th s*ze") == "an odd 4th s*ze"


def test_safety_imports_nothing_of_ours_but_the_schemas() -> None:
    folder = Path(__file__).parents[3] / "builders" / "safety"
    trees = [ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for path in folder.glob("*.py")]
    imports = [node for tree in trees for node in tree if isinstance(node, ast.ImportFrom) and node.level > 1]
    assert imports
    assert all(node.level == 3 and (node.module or "").startswith("schemas.") for node in imports)


def test_rules_have_names_of_their_own_and_cover_every_form_of_every_category() -> None:
    rules = written_rules()
    assert len({rule.id for rule in rules}) == len(rules)
    assert {(rule.category, rule.form) for rule in rules} == {
        (one, form) for one in CrisisCategory for form in CrisisForm
    }


@pytest.mark.parametrize("rule", written_rules(), ids=lambda rule: rule.id)
def test_no_group_or_gap_of_a_rule_is_left_unread(rule: object) -> None:
    patterns = [getattr(rule, name) for name in ("said", "unless")]
    assert all(
        "~" not in one.pattern and "<" not in one.pattern.replace("(?<", "") for one in patterns if one is not None
    )
    assert all(one.search("") is None for one in patterns if one is not None)


_WORDS = st.sampled_from(
    "i my he hit me not want to die kill myself never he's the gun pills hurt . ! ’ \n s*icide kms if".split(" ")
)
_TEXTS = st.one_of(st.text(max_size=200), st.lists(_WORDS, max_size=30).map(" ".join))


@given(_TEXTS, st.lists(_TEXTS, max_size=2))
def test_any_text_gives_a_finding_or_none_and_the_same_again(text: str, before: list[str]) -> None:
    found = find_crisis(text, before)
    assert found is None or isinstance(found, CrisisFinding)
    assert find_crisis(text, before) == found


@given(st.lists(_WORDS.filter(str.strip), max_size=20))
def test_a_capital_or_a_second_space_changes_nothing(words: list[str]) -> None:
    found = find_crisis(" ".join(words))
    assert find_crisis(" ".join(words).upper()) == found
    assert find_crisis("  ".join(words)) == found


def test_what_takes_back_one_denial_does_not_take_back_a_later_one() -> None:
    """Places come in order: what stood before a place is not found again behind it."""
    sentence = "i never planned it until yesterday and i never tried it"
    denials, after = _Denials(sentence), sentence.index(" and")
    assert denials._is_taken_back(0)
    assert not denials._is_taken_back(after)
