"""Findings in a turn that need care: personal data, or a sign of a crisis."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from pydantic import Field, model_validator

from .base import Frozen
from .config import Config
from .drops import DropReason


class PiiKind(StrEnum):
    """The kind of personal data in a stretch of text."""

    EMAIL = "email"
    """An e-mail address."""
    PHONE = "phone"
    """A telephone number; free public ones (helplines) are not meant."""
    URL = "url"
    """A web address."""
    HANDLE = "handle"
    """A name on a network or messenger."""
    NAME = "name"
    """A person's name, where the words around it or its own form show that it is one."""
    PLACE = "place"
    """A street address, a postal code, or a town or region that somebody lives in or comes from."""
    ID = "id"
    """A number that stands for one person: of a card, an insurance, an account."""


class PiiSpan(Frozen):
    """One find: `text[start:end]` is of this kind."""

    kind: PiiKind
    """Its kind."""
    start: int = Field(ge=0)
    """Where it begins, in characters from 0."""
    end: int
    """Where it ends, exclusive."""

    @model_validator(mode="after")
    def _holds_something(self) -> "PiiSpan":
        if self.end <= self.start:
            raise ValueError("a span ends after it starts")
        return self


class CrisisCategory(StrEnum):
    """The kind of crisis of the seeker, or of somebody whom they speak about."""

    SELF_HARM = "self_harm"
    """Suicide, the wish to be dead, hurting oneself."""
    ABUSE = "abuse"
    """Violence, sexual violence or coercion by a person whom the victim cannot easily get away from."""
    ACUTE_DANGER = "acute_danger"
    """A life at risk now: a weapon, an overdose, an intruder, a threat to kill, an act announced."""


class CrisisForm(StrEnum):
    """How it is said."""

    EXPLICIT = "explicit"
    """By its name."""
    CODED = "coded"
    """In slang, in letters replaced or by a phrase that stands for it."""
    INDIRECT = "indirect"
    """Not said at all: by its circumstances, or as the answer to a question."""
    THIRD_PARTY = "third_party"
    """About somebody other than the seeker, in whatever words."""


class CrisisFinding(Frozen):
    """Why a seeker turn is held out: the first rule, in the order of urgency, that it meets."""

    category: CrisisCategory
    """The kind of crisis."""
    form: CrisisForm
    """How it is said."""
    rule: str = Field(pattern=r"^[a-z_]+$")
    """The id of the rule; its words stand beside it in `builders.safety`."""
    said_to_be_past: bool = False
    """Whether the sentence places it in the past or calls it over; held out all the same."""


class CrisisCounts(Frozen):
    """How many dialogues a release holds out because a crisis was seen, and how many because a judge gave no answer.

    A finding of a judge that names no category is an answer that could not be read. A dialogue with such findings alone
    is unread: that says nothing about its seeker, only about its judge. The rows of layouts 2 and 3 say `crisis` for
    both, because a released layout never changes; every count for people separates them.
    """

    seen: int = Field(ge=0)
    """Dialogues with a sign that a rule or a judge saw."""
    unread: int = Field(ge=0)
    """Dialogues without a sign, where a judge gave no answer that can be read."""
    unread_named_crisis: dict[Config, int] = Field(default_factory=dict)
    """Candidates of unread dialogues whose rows say `crisis`, by config; of layouts 2 and 3 alone."""

    def split_unread(self, config: Config, dropped: Mapping[DropReason, int]) -> dict[DropReason, int]:
        """The drops of a config by reason, with unread dialogues as `crisis_unread` whatever the rows say."""
        found = dict(dropped)
        if unread := self.unread_named_crisis.get(config, 0):
            found[DropReason.CRISIS_UNREAD] = unread
            if seen := found.pop(DropReason.CRISIS, 0) - unread:
                found[DropReason.CRISIS] = seen
        return found

    def lines(self) -> Iterator[str]:
        """Sentences on the dialogues that are held out."""
        if self.seen:
            yield f"{_counted(self.seen)} held out, since a seeker may be in a crisis there."
        if self.unread:
            yield (
                f"{_counted(self.unread)} held out unread: a crisis judge gave no answer that can be read, which says "
                "nothing of the seeker. People have to read them, or a judge that answers."
            )


def _counted(dialogues: int) -> str:
    return f"{dialogues} dialogue is" if dialogues == 1 else f"{dialogues} dialogues are"
