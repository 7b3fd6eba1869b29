"""What is found in a turn that needs care: a trace of a person, or a sign of a crisis."""

from enum import StrEnum

from pydantic import Field, model_validator

from .base import Frozen


class PiiKind(StrEnum):
    """What a stretch of text would tell about a person."""

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
    """What it is."""
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
    """What a seeker, or somebody whom they tell of, may be going through."""

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
    """Of somebody else than the seeker, however it is said."""


class CrisisFinding(Frozen):
    """Why a seeker turn is held out: the first rule, in the order of urgency, that it meets."""

    category: CrisisCategory
    """What it is about."""
    form: CrisisForm
    """How it is said."""
    rule: str = Field(pattern=r"^[a-z_]+$")
    """The id of the rule; its words stand beside it in `builders.safety`."""
    said_to_be_past: bool = False
    """Whether the sentence places it in the past or calls it over; held out all the same."""
