"""Splits go by what was said, whatever stands around it."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha1, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.release.splits import SplitPlan, Splits
from ipm_prefdial.schemas.dialogue import Dialogue, Speaker, Split, Turn
from ipm_prefdial.schemas.spec import SplitRule
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.text import normalise_text

_RULE = SplitRule(salt="a salt", validation=0.1, test=0.1, near_duplicate=0.6)


def _dialogue(*texts: str, own: Split | None = None) -> Dialogue:
    """A dialogue of these texts, seeker and supporter in turn."""
    turns = tuple(
        Turn(speaker=Speaker.SUPPORTER, text=text, strategy=Strategy.OTHERS)
        if number % 2
        else Turn(speaker=Speaker.SEEKER, text=text)
        for number, text in enumerate(texts)
    )
    return Dialogue(source="invented", license="mit", split=own, turns=turns)


def _unlike(seed: int, turns: int = 6, words: int = 12, own: Split | None = None) -> Dialogue:
    """A dialogue that shares no word with that of any other seed."""
    return _dialogue(*(" ".join(f"w{seed}x{turn}x{word}" for word in range(words)) for turn in range(turns)), own=own)


def _texts(dialogue: Dialogue) -> list[str]:
    return [turn.text for turn in dialogue.turns]


def _decide(dialogues: Iterable[Dialogue], rule: SplitRule = _RULE) -> Splits:
    plan = SplitPlan(rule)
    for dialogue in dialogues:
        plan.add(dialogue)
    return plan.decide()


def _by_id(splits: Splits) -> dict[str, Split]:
    return dict(zip(splits.ids, splits.splits, strict=True))


_seeds = st.lists(st.integers(0, 10**6), min_size=1, max_size=12, unique=True)


@given(_seeds)
def test_every_dialogue_is_in_exactly_one_split(seeds: list[int]) -> None:
    dialogues = [_unlike(seed) for seed in seeds]
    listed = _decide(dialogues).as_json(_RULE)["splits"]
    assert isinstance(listed, dict)
    assert set(listed) == {split.value for split in Split}
    assert Counter(one for ids in listed.values() for one in ids) == Counter(one.dialogue_id for one in dialogues)


@given(_seeds, st.randoms(use_true_random=False))
def test_order_does_not_matter(seeds: list[int], shuffler: random.Random) -> None:
    dialogues = [_unlike(seed) for seed in seeds]
    shuffled = dialogues.copy()
    shuffler.shuffle(shuffled)
    assert _by_id(_decide(shuffled)) == _by_id(_decide(dialogues))
    assert _decide(shuffled).as_json(_RULE) == _decide(dialogues).as_json(_RULE)


@given(_seeds, _seeds)
def test_unrelated_dialogues_move_none(seeds: list[int], more: list[int]) -> None:
    before = _by_id(_decide(map(_unlike, seeds)))
    after = _by_id(_decide([*map(_unlike, more), *(_unlike(seed) for seed in seeds if seed not in more)]))
    assert {one: after[one] for one in before} == before


def _template_dialogues(seed: int) -> list[Dialogue]:
    """Sixty dialogues over one template, each with a stretch of it in words of its own."""
    rng = random.Random(seed)
    template = [f"w{rng.randrange(10**9)}" for _ in range(60)]
    dialogues = []
    for _ in range(60):
        words = template.copy()
        start, own = rng.randrange(50), rng.choice([0, 4, 8, 12])
        words[start : start + own] = [f"u{rng.randrange(10**9)}" for _ in range(own)]
        dialogues.append(_dialogue(" ".join(words), "ok"))
    return dialogues


@pytest.mark.parametrize("seed", [4, 9, 18])
def test_order_does_not_matter_among_dialogues_over_one_template(seed: int) -> None:
    dialogues = _template_dialogues(seed)
    due = _decide(dialogues).as_json(_RULE)
    shuffler = random.Random(0)
    for _ in range(5):
        shuffler.shuffle(dialogues)
        assert _decide(dialogues).as_json(_RULE) == due


def test_groups_hold_every_pair_that_is_near() -> None:
    dialogues = _template_dialogues(4)[:20]
    alone = {}
    for a in range(len(dialogues)):
        for b in range(a):
            pair = _decide([dialogues[a], dialogues[b]])
            alone[a, b] = pair.groups[0] == pair.groups[1]
    assert any(alone.values())
    together = _decide(dialogues).groups
    assert [pair for pair, near in alone.items() if near and together[pair[0]] != together[pair[1]]] == []


def _few_words_changed(texts: Sequence[str]) -> list[str]:
    return [texts[0], texts[1].replace("w1x1x3", "instead").replace("w1x1x4", "entirely"), *texts[2:]]


def _turn_added(texts: Sequence[str]) -> list[str]:
    return [*texts, "and one thing more that I forgot to say", "go on then"]


def _turn_in_front(texts: Sequence[str]) -> list[str]:
    return ["hello there is anybody here", "yes I am", *texts]


def _other_case(texts: Sequence[str]) -> list[str]:
    return [text.upper() for text in texts]


def _other_spacing(texts: Sequence[str]) -> list[str]:
    return [text.replace(" ", " \n\t ") for text in texts]


def _other_punctuation(texts: Sequence[str]) -> list[str]:
    return [f"{text}!?" for text in texts]


@pytest.mark.parametrize(
    "change", [_few_words_changed, _turn_added, _turn_in_front, _other_case, _other_spacing, _other_punctuation]
)
def test_near_duplicates_are_in_one_group_and_split(change: object) -> None:
    assert callable(change)
    original = _unlike(1)
    copy = _dialogue(*change(_texts(original)))
    others = [_unlike(seed) for seed in range(2, 40)]
    decided = _decide([original, *others, copy])
    assert decided.groups[0] == decided.groups[-1]
    assert decided.splits[0] is decided.splits[-1]
    assert len(set(decided.groups)) == 39
    if copy.dialogue_id != original.dialogue_id:
        assert decided.as_json(_RULE)["near_duplicates"] == [sorted([original.dialogue_id, copy.dialogue_id])]


def test_dialogues_with_little_in_common_are_no_near_duplicates() -> None:
    original = _unlike(1)
    other = _dialogue(*_texts(original)[:2], *_texts(_unlike(2))[2:])
    assert _decide([original, other]).as_json(_RULE)["near_duplicates"] == []


def test_near_duplicates_stay_where_the_first_was() -> None:
    moved = 0
    for seed in range(60):
        original = _unlike(seed, words=30)
        copy = _dialogue(*_texts(original)[:-1], f"{_texts(original)[-1]} and then it rained")
        moved += _decide([original]).splits[0] is not _decide([original, copy]).splits[0]
    assert moved <= 3, "the few new words hash lowest too often"


def test_a_group_is_where_the_member_with_the_lowest_place_would_be_alone() -> None:
    apart = 0
    for seed in range(60):
        original = _unlike(seed, words=30)
        pair = [original, _dialogue(*_texts(original), *_texts(_unlike(seed + 60, turns=2, words=20)))]
        plan = SplitPlan(_RULE)
        for one in pair:
            plan.add(one)
        alone = [_decide([one]).splits[0] for one in pair]
        due = alone[int(plan._places[1] < plan._places[0])]
        decided = plan.decide()
        assert decided.groups[0] == decided.groups[1]
        assert decided.splits == [due, due]
        apart += len(set(alone)) > 1
    assert apart, "no pair whose members would be in two splits"


def test_short_dialogues_are_told_apart() -> None:
    dialogues = [_dialogue("hi", "hello"), _dialogue("hi", "bye"), _dialogue("a b c d e f g", "h"), _dialogue("a", "b")]
    assert len(set(_decide(dialogues).groups)) == 4


@pytest.mark.parametrize("own", Split)
def test_own_split_is_respected(own: Split) -> None:
    dialogues = [_unlike(seed, own=own if seed % 2 else None) for seed in range(30)]
    decided = _decide(dialogues)
    assert {split for dialogue, split in zip(dialogues, decided.splits, strict=True) if dialogue.split} == {own}
    plain = _decide(_unlike(seed) for seed in range(30))
    assert decided.splits[::2] == plain.splits[::2]


@pytest.mark.parametrize(
    ("first", "second", "due"),
    [
        (Split.TRAIN, Split.TEST, Split.TEST),
        (Split.TRAIN, Split.VALIDATION, Split.VALIDATION),
        (Split.VALIDATION, Split.TEST, Split.TEST),
        (None, Split.TEST, Split.TEST),
        (Split.TRAIN, None, Split.TRAIN),
    ],
)
def test_most_held_out_own_split_wins_in_a_group(first: Split | None, second: Split | None, due: Split) -> None:
    texts = _texts(_unlike(5))
    pair = [_dialogue(*texts, own=first), _dialogue(*texts, "bye", "bye", own=second)]
    assert _decide(pair).splits == [due, due]
    assert _decide(reversed(pair)).splits == [due, due]


def test_shares_are_near_the_rule() -> None:
    counts = Counter(_decide(_unlike(seed, turns=2) for seed in range(3_000)).splits)
    shares = {split: counts[split] / 3_000 for split in Split}
    assert shares[Split.VALIDATION] == pytest.approx(0.1, abs=0.02)
    assert shares[Split.TEST] == pytest.approx(0.1, abs=0.02)
    assert shares[Split.TRAIN] == pytest.approx(0.8, abs=0.03)


def test_shares_of_nothing_and_of_a_half() -> None:
    none = SplitRule(salt="s", validation=0, test=0, near_duplicate=0.6)
    assert set(_decide(map(_unlike, range(50)), none).splits) == {Split.TRAIN}
    half = SplitRule(salt="s", validation=0, test=0.5, near_duplicate=0.6)
    counts = Counter(_decide(map(_unlike, range(400)), half).splits)
    assert counts[Split.VALIDATION] == 0
    assert counts[Split.TEST] == pytest.approx(200, abs=45)


def test_another_salt_shares_out_otherwise() -> None:
    dialogues = [_unlike(seed) for seed in range(100)]
    other = _RULE.model_copy(update={"salt": "another"})
    assert _decide(dialogues).splits != _decide(dialogues, other).splits


def test_no_dialogue_and_one_dialogue() -> None:
    assert _decide([]).splits == []
    assert _decide([]).as_json(_RULE) == {
        "rule": _RULE.model_dump(mode="json"),
        "splits": {"train": [], "validation": [], "test": []},
        "near_duplicates": [],
    }
    assert len(_decide([_unlike(1)]).splits) == 1


def test_similarity_at_which_dialogues_stay_together_is_the_rules() -> None:
    original = _unlike(1)
    copy = _dialogue(*_few_words_changed(_texts(original)))
    strict = _RULE.model_copy(update={"near_duplicate": 1.0})
    assert len(set(_decide([original, copy]).groups)) == 1
    assert len(set(_decide([original, copy], strict).groups)) == 2


# Dialogues that are held out, and dialogues that repeat an earlier one.


@given(_seeds, st.integers(0, 12))
def test_those_held_out_are_listed_apart_and_in_no_split(seeds: list[int], count: int) -> None:
    dialogues = [_unlike(seed) for seed in seeds]
    decided = _decide(dialogues)
    held_out = {one.dialogue_id for one in dialogues[:count]}
    listed, plain = decided.as_json(_RULE, held_out), decided.as_json(_RULE)
    assert list(listed) == ["rule", "splits", "held_out", "near_duplicates"]
    assert listed["held_out"] == sorted(held_out)
    assert isinstance(listed["splits"], dict)
    assert isinstance(plain["splits"], dict)
    for split in Split:
        assert listed["splits"][split] == [one for one in plain["splits"][split] if one not in held_out]


def test_a_release_that_holds_none_out_lists_none_and_one_that_could_lists_an_empty_list() -> None:
    decided = _decide([_unlike(1)])
    assert "held_out" not in decided.as_json(_RULE)
    assert decided.as_json(_RULE, set())["held_out"] == []


def test_a_repetition_names_the_first_of_its_group() -> None:
    words = " ".join(f"word{number}" for number in range(60))
    first, second, third = (_dialogue(words, f"{words} {tail}") for tail in ("a", "b", "c"))
    dialogues = [_unlike(1), first, _unlike(2), second, third]
    assert _decide(dialogues).repeats() == [None, None, None, first.dialogue_id, first.dialogue_id]
    assert _decide([third, *dialogues[:-1]]).repeats() == [
        *(None, None),
        third.dialogue_id,
        *(None, third.dialogue_id),
    ]
    assert _decide([]).repeats() == []


@given(_seeds)
def test_dialogues_that_share_nothing_repeat_nothing(seeds: list[int]) -> None:
    assert set(_decide([_unlike(seed) for seed in seeds]).repeats()) == {None}


def test_a_group_goes_where_the_smallest_hash_of_its_runs_leads() -> None:
    """Computed again here: every bit of this decides released splits."""
    original = _unlike(7, words=30)
    copy = _dialogue(*_texts(original)[:-1], f"{_texts(original)[-1]} and then it rained")
    words = [normalise_text(" ".join(_texts(one))).split() for one in (original, copy)]
    runs = {" ".join(some[at : at + 8]) for some in words for at in range(len(some) - 7)}
    place = min(int.from_bytes(sha1(f"{_RULE.salt}\0{run}".encode()).digest()[:8]) for run in runs)
    share = int.from_bytes(sha256(f"{_RULE.salt}/{place}".encode()).digest()[:8]) / 2**64
    for test in (share * 0.999, share * 1.001):
        rule = _RULE.model_copy(update={"test": test, "validation": 0.0})
        due = Split.TEST if share < test else Split.TRAIN
        assert set(_decide([original, copy], rule).splits) == {due}
