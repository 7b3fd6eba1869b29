"""What a crisis rule is, and how the written ones (the YAML files beside this one) are read.

A rule names a form and what has to be **said** in one folded sentence (see `folding`): one phrase a line, any of them.
A phrase is written as words; `<name>` is a group of words of `groups.yaml`, `~` stands for up to four words of any kind
and `~~` for up to ten; what else looks like a regular expression is one. **unless** names exclusions of `groups.yaml`,
**unless_said** adds phrases of the rule's own: said anywhere in the sentence, they make it mean something else. With
**deniable**, a plain denial right before the words takes them back.
"""

import re
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml
from pydantic import ConfigDict, Field

from ...schemas.base import Frozen
from ...schemas.safety import CrisisCategory, CrisisForm
from .needed import needed_words

_GAPS = {" ~~ ": r"(?: \w+){0,10} ", " ~ ": r"(?: \w+){0,4} "}


class Rule(Frozen):
    """A named pattern for one folded sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    id: str = Field(pattern=r"^[a-z_]+$")
    """Its name, unique among all rules."""
    category: CrisisCategory
    """The category of what it finds."""
    form: CrisisForm
    """The form of what it finds."""
    said: re.Pattern[str]
    """What has to be said."""
    unless: re.Pattern[str] | None
    """What, said in the same sentence, makes it mean something else."""
    deniable: bool = False
    """Whether a plain denial right before the words takes them back."""

    whole: bool = False
    """Whether it is tried on the turn as a whole, not on each sentence."""

    needed: frozenset[str] = frozenset()
    """Words of which one stands in every sentence that says it; none where that is unknown (see `needed_words`)."""

    def holds(self, sentence: str) -> bool:
        """Whether the sentence says it, and neither excludes nor denies it."""
        found = self.said.search(sentence)
        if found is None or (self.unless is not None and self.unless.search(sentence)):
            return False
        if not self.deniable or _signs()["over"].search(sentence):
            return True
        return any(not _is_denied(sentence, one) for one in self.said.finditer(sentence))


def is_past(sentence: str) -> bool:
    """Whether a folded sentence says that what it tells is over, or long ago."""
    signs = _signs()
    return bool(
        signs["past"].search(sentence) or (signs["over"].search(sentence) and signs["negative"].search(sentence))
    )


@lru_cache
def written_rules() -> tuple[Rule, ...]:
    """Every rule, the most urgent category first, in the order in which they are tried."""
    order = (CrisisCategory.ACUTE_DANGER, CrisisCategory.SELF_HARM, CrisisCategory.ABUSE)
    return tuple(_rule(category, **row) for category in order for row in read_rules(category))


def rules_for(sentence: str) -> frozenset[str]:
    """The ids of the rules that may hold for a sentence: it has a word that they need. Most need none of its words."""
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
) -> Rule:
    exclusions = [read_rules("groups")["exclusions"][name] for name in unless]
    others = "\n".join([*exclusions, unless_said]).strip()
    pattern = compile_phrases(said)
    return Rule(
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
    # A denial reaches to its end: only filling words may stand between it and what it denies.
    denial = re.compile(rf"\b(?:{_joined(signs['denial'])})(?: (?:{_joined(signs['filling'])}))*$")
    return {"denial": denial} | {
        name: compile_phrases(signs[name]) for name in ("over", "past", "negative", "inner", "taken_back")
    }


def _is_denied(sentence: str, said: re.Match[str]) -> bool:
    signs, before, after = _signs(), sentence[: said.start()].rstrip(), sentence[said.end() :]
    denied = signs["denial"].search(before) or signs["inner"].search(said.group())
    return bool(denied) and not signs["taken_back"].search(after)


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
    """What one of the YAML files beside this one holds."""
    text = resources.files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)
