"""The licences that sources carry, and which of several is the strictest."""

from .base import Frozen

UNKNOWN = "unknown"
"""The licence id of a source that states none; a release with it cannot be published."""


class Licence(Frozen):
    """What a licence means for a release built from data under it."""

    id: str
    """The id on the Hub's list, or one of ours: `unknown`, `academic-only`."""
    name: str
    """The full name, for the card."""
    url: str | None
    """Where its text stands."""
    strictness: int
    """Orders licences: a release carries the largest among its sources."""
    may_pass_on: bool = True
    """Whether the dialogues themselves may stand in a release; where not, only their hashes do."""


_CC = "https://creativecommons.org/licenses"


def _cc(terms: str, name: str, strictness: int) -> Licence:
    """A Creative Commons 4.0 licence."""
    full = f"Creative Commons Attribution{name} 4.0"
    return Licence(id=f"cc-{terms}-4.0", name=full, url=f"{_CC}/{terms}/4.0/", strictness=strictness)


_ALL = (
    Licence(
        id="cc0-1.0",
        name="Creative Commons Zero 1.0",
        url="https://creativecommons.org/publicdomain/zero/1.0/",
        strictness=0,
    ),
    Licence(id="mit", name="MIT License", url="https://opensource.org/license/mit", strictness=10),
    Licence(
        id="apache-2.0", name="Apache License 2.0", url="https://www.apache.org/licenses/LICENSE-2.0", strictness=11
    ),
    _cc("by", "", 20),
    _cc("by-sa", "-ShareAlike", 30),
    _cc("by-nc", "-NonCommercial", 40),
    _cc("by-nc-sa", "-NonCommercial-ShareAlike", 50),
    Licence(
        id="academic-only", name="Academic use only, not to be passed on", url=None, strictness=90, may_pass_on=False
    ),
    Licence(id=UNKNOWN, name="Unknown: the source states no licence", url=None, strictness=100),
)
LICENCES: dict[str, Licence] = {licence.id: licence for licence in _ALL}
"""Every licence that is known here, by its id."""


def _strictness(licence: Licence) -> int:
    return licence.strictness


def strictest(ids: set[str]) -> str:
    """The id of the strictest among `ids`; a release carries it. One that is not known here, or no id, is `unknown`."""
    return max((LICENCES.get(one, LICENCES[UNKNOWN]) for one in ids), key=_strictness, default=LICENCES[UNKNOWN]).id
