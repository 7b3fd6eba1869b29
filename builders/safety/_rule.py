"""What a crisis rule is, and how the written ones (the YAML files beside this one) are read.

A rule names a form and what has to be **said** in one folded sentence: one phrase a line, any of them.
A phrase is written as words; `<name>` is a group of words of `groups.yaml`, `~` stands for up to four words of any kind
and `~~` for up to ten; what else looks like a regular expression is one. **unless** names exclusions of `groups.yaml`,
**unless_said** adds phrases of the rule's own: said anywhere in the sentence, they make it mean something else. With
**deniable**, a plain denial right before the words takes them back.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml
from pydantic import ConfigDict, Field

from ...schemas.base import Frozen
from ...schemas.safety import CrisisCategory, CrisisForm

# Words without which a pattern cannot match: a cheap look before the search itself.
#
# They are read off the pattern's own parse (`re._parser`, for which the library has no public name), so that there is
# no second list to keep. Of what it cannot judge it says nothing, and such a pattern is always tried.


Words = frozenset[str]
"""Pieces of text of which one must stand there; none where nothing is known."""

_UNKNOWN: Words = frozenset()


def needed_words(pattern: re.Pattern[str]) -> Words:
    """Pieces of text of which at least one stands in every text that the pattern matches; none where that is unknown.

    What does not tell small letters from capitals is not judged.
    """
    if pattern.flags & re.IGNORECASE:
        return _UNKNOWN
    words = _of_sequence(re._parser.parse(pattern.pattern, pattern.flags))  # type: ignore[attr-defined]
    return frozenset(word for word in words if not any(other in word for other in words - {word}))


# What must stand one after the other: of it all the words that are likely to be the rarest.
def _of_sequence(parts: Iterable[Any]) -> Words:
    found, run = [_UNKNOWN], ""
    for kind, told in parts:
        if str(kind) == "LITERAL":
            run += chr(told)
        else:
            found += [_run(run), _of_part(str(kind), told)]
            run = ""
    return max((*found, _run(run)), key=lambda words: (min(map(len, words), default=0), -len(words)))


def _run(letters: str) -> Words:
    return frozenset({letters}) if letters else _UNKNOWN


def _of_part(kind: str, told: Any) -> Words:
    if kind == "SUBPATTERN" and not told[1] & re.IGNORECASE:
        return _of_sequence(told[-1])
    if kind == "BRANCH":
        branches = [_of_sequence(branch) for branch in told[1]]
        return _UNKNOWN.union(*branches) if all(branches) else _UNKNOWN
    if kind in ("MAX_REPEAT", "MIN_REPEAT") and told[0] > 0:
        return _of_sequence(told[-1])
    return _UNKNOWN


_GAPS = {" ~~ ": r"(?: \w+){0,10} ", " ~ ": r"(?: \w+){0,4} "}


class CrisisRule(Frozen):
    """A named pattern for one folded sentence; `id` is unique among all rules."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    id: str = Field(pattern=r"^[a-z_]+$")
    category: CrisisCategory
    form: CrisisForm
    said: re.Pattern[str]
    unless: re.Pattern[str] | None
    """What gives the sentence another meaning, anywhere in it."""
    deniable: bool = False
    whole: bool = False
    """Whether it is tried on the turn as a whole, not on each sentence."""
    needed: frozenset[str] = frozenset()
    """One of these words is in every sentence that `said` matches; empty if they are unknown (see `needed_words`)."""

    def holds(self, sentence: str) -> bool:
        found = self.said.search(sentence)
        if found is None or (self.unless is not None and self.unless.search(sentence)):
            return False
        if not self.deniable or _signs()["over"].search(sentence):
            return True
        denials = _Denials(sentence)
        return any(not denials.deny(one) for one in self.said.finditer(sentence))


def is_past(sentence: str) -> bool:
    """Whether a folded sentence describes something that is over, or long ago."""
    signs = _signs()
    return bool(
        signs["past"].search(sentence) or (signs["over"].search(sentence) and signs["negative"].search(sentence))
    )


@lru_cache
def written_rules() -> tuple[CrisisRule, ...]:
    """Every rule, the most urgent category first, in the order in which they are tried."""
    order = (CrisisCategory.ACUTE_DANGER, CrisisCategory.SELF_HARM, CrisisCategory.ABUSE)
    return tuple(_rule(category, **row) for category in order for row in read_rules(category))


def rules_for(sentence: str) -> frozenset[str]:
    """The ids of the rules that may hold for a sentence, because it has a word that they need."""
    there = {word for word in _needed() if word in sentence}
    return frozenset(rule.id for rule in written_rules() if not rule.needed or not rule.needed.isdisjoint(there))


@lru_cache
def _needed() -> tuple[str, ...]:
    return tuple(frozenset[str]().union(*(rule.needed for rule in written_rules())))


def _rule(
    category: CrisisCategory,
    *,
    id: str,
    form: str,
    said: str,
    unless: tuple[str, ...] = (),
    unless_said: str = "",
    deniable: bool = False,
    whole: bool = False,
) -> CrisisRule:
    exclusions = [read_rules("groups")["exclusions"][name] for name in unless]
    others = "\n".join([*exclusions, unless_said]).strip()
    pattern = compile_phrases(said)
    return CrisisRule(
        id=id,
        category=category,
        form=CrisisForm(form),
        said=pattern,
        unless=compile_phrases(others) if others else None,
        deniable=deniable,
        whole=whole,
        needed=needed_words(pattern),
    )


@lru_cache
def _signs() -> dict[str, re.Pattern[str]]:
    signs = read_rules("groups")["signs"]
    return {
        "denial": re.compile(rf"\b(?:{_joined(signs['denial'])})$"),
        "filling": re.compile(rf"(?:{_joined(signs['filling'])})"),
    } | {name: compile_phrases(signs[name]) for name in ("over", "past", "negative", "inner", "taken_back")}


class _Denials:
    """The denials of a sentence, searched for once however often a rule's words occur, so that time stays linear."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._ends: frozenset[int] | None = None
        self._taken_back: tuple[int, int | None] | None = None

    def deny(self, said: re.Match[str]) -> bool:
        """Whether the words are denied, right before them or among them, and the denial is not taken back later."""
        if self._ends is None:
            self._ends = frozenset(_denial_ends(self._sentence))
        before = said.start()
        while before and self._sentence[before - 1] == " ":  # a folded sentence has one between words
            before -= 1
        denied = before in self._ends or _signs()["inner"].search(said.group())
        return bool(denied) and not self._is_taken_back(said.end())

    # Whether the denial is taken back anywhere from `after` on; calls come in order of `after`.
    def _is_taken_back(self, after: int) -> bool:
        if self._taken_back is None or (self._taken_back[1] is not None and self._taken_back[1] < after):
            found = _signs()["taken_back"].search(self._sentence, after)
            self._taken_back = after, found.start() if found else None
        return self._taken_back[1] is not None


# The places at which a denial ends, or the filling words after it do (`not really`, `never even`).
def _denial_ends(sentence: str) -> Iterator[int]:
    signs, end, word, reached = _signs(), -1, "", (False, False)
    for next_word in sentence.split(" "):
        end += 1 + len(next_word)
        # A filling word may be written as two (`my self`): then the chain goes on from the word before.
        filled = (reached[1] and signs["filling"].fullmatch(next_word)) or (
            reached[0] and signs["filling"].fullmatch(f"{word} {next_word}")
        )
        reached = reached[1], bool(filled or signs["denial"].search(next_word))
        word = next_word
        if reached[1]:
            yield end


def compile_phrases(phrases: str) -> re.Pattern[str]:
    """A pattern for any of the phrases, one a line, as whole words."""
    return re.compile(rf"\b(?:{_joined(phrases)})\b")


def _joined(phrases: str) -> str:
    joined = "|".join(line.strip() for line in phrases.splitlines() if line.strip())
    for name, words in read_rules("groups")["words"].items():
        joined = joined.replace(f"<{name}>", f"(?:{'|'.join(words.split(', '))})".replace("\n", " "))
    for gap, pattern in _GAPS.items():
        joined = joined.replace(gap, pattern)
    return joined


@lru_cache
def read_rules(name: str) -> Any:
    """The content of one of the YAML files of this folder."""
    text = resources.files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)
