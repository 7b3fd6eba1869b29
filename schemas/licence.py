"""The licences that sources carry, and under which of them a release that is made of several may be.

A release is an adaptation of its sources: it cuts them into turns, masks them, and sets what models and judges say
beside them. So each licence names those under which an adaptation may be released, and a release is under the least
strict one that all of its sources allow. Of two licences in this table the lower one is the stricter:

| a source under                    | a release made of it may be under  | since                             |
|-----------------------------------|------------------------------------|-----------------------------------|
| `cc0-1.0`                         | any from here to `cc-by-nc-sa-4.0` | it asks for nothing               |
| `mit`                             | the same, from `mit`               | its notice goes along             |
| `apache-2.0`                      | the same, from `apache-2.0`        | its notices go along              |
| `cc-by-4.0`                       | the same, from `cc-by-4.0`         | credit is due further on          |
| `cc-by-sa-4.0`                    | `cc-by-sa-4.0`                     | share alike: the same licence     |
| `cc-by-nc-4.0`                    | `cc-by-nc-4.0`, `cc-by-nc-sa-4.0`  | it stays without commercial use   |
| `cc-by-nc-sa-4.0`                 | `cc-by-nc-sa-4.0`                  | share alike: the same licence     |
| `cc-by-nd-4.0`, `cc-by-nc-nd-4.0` | none                               | no adaptation is passed on        |
| `academic-only`                   | none                               | not even the words are passed on  |
| `unknown`                         | none                               | nobody has allowed anything       |

The rows on Creative Commons follow its chart for adapters (https://creativecommons.org/faq, "If I derive or adapt
material offered under a Creative Commons license"); those on `mit` and `apache-2.0` their texts. That a release of
several sources takes the least strict licence that all allow is our reading, and no legal advice.
"""

from collections.abc import Iterable, Iterator

from .base import Frozen

UNKNOWN = "unknown"
"""The licence id of a source that states none; a release with it cannot be published."""

ACADEMIC = "academic-only"
"""The licence id of a source that is for research alone and not to be passed on."""

NOT_RELEASABLE = "not-releasable"
"""The licence id of a release whose sources' licences are known and yet allow no one licence for all of it."""

Origins = Iterable[tuple[str, str]]
"""Names of sources, each with the id of its licence."""


class Licence(Frozen):
    """A licence, with its meaning for releases built from data under it."""

    id: str
    """The id on the Hub's list, or one of ours."""
    name: str
    """The full name, for people."""
    url: str | None
    """Where its text stands."""
    asks: str
    """The duties of whoever uses the data, in a few words."""
    allows: tuple[str, ...]
    """Ids of the licences that a release made of the data may be under, the least strict first; empty where none."""
    may_pass_on: bool = True
    """Whether a release may contain the dialogues; if not, it contains only their hashes."""

    @property
    def is_ours(self) -> bool:
        """Whether the id is one of ours, and so none on the Hub's list."""
        return self.id in (UNKNOWN, ACADEMIC, NOT_RELEASABLE)


_SHARED_ON = ("cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0")
_RELEASABLE = ("cc0-1.0", "mit", "apache-2.0", *_SHARED_ON)


def _cc(terms: str, name: str, asks: str, allows: tuple[str, ...]) -> Licence:
    return Licence(
        id=f"cc-{terms}-4.0",
        name=f"Creative Commons Attribution{name} 4.0",
        url=f"https://creativecommons.org/licenses/{terms}/4.0/",
        asks=asks,
        allows=allows,
    )


_ALL = (
    Licence(
        id="cc0-1.0",
        name="Creative Commons Zero 1.0",
        url="https://creativecommons.org/publicdomain/zero/1.0/",
        asks="nothing",
        allows=_RELEASABLE,
    ),
    Licence(
        id="mit",
        name="MIT License",
        url="https://opensource.org/license/mit",
        asks="its notice stays",
        allows=_RELEASABLE[1:],
    ),
    Licence(
        id="apache-2.0",
        name="Apache License 2.0",
        url="https://www.apache.org/licenses/LICENSE-2.0",
        asks="its notices stay, changes are told",
        allows=_RELEASABLE[2:],
    ),
    _cc("by", "", "credit, changes told", _SHARED_ON),
    _cc("by-sa", "-ShareAlike", "credit, changes told, the same licence", ("cc-by-sa-4.0",)),
    _cc("by-nc", "-NonCommercial", "credit, changes told, no commercial use", ("cc-by-nc-4.0", "cc-by-nc-sa-4.0")),
    _cc(
        "by-nc-sa",
        "-NonCommercial-ShareAlike",
        "credit, changes told, no commercial use, the same licence",
        ("cc-by-nc-sa-4.0",),
    ),
    _cc("by-nd", "-NoDerivatives", "credit, no adaptation is passed on", ()),
    _cc("by-nc-nd", "-NonCommercial-NoDerivatives", "credit, no commercial use, no adaptation is passed on", ()),
    Licence(
        id=ACADEMIC,
        name="Academic use only, not to be passed on",
        url=None,
        asks="research alone, nothing is passed on",
        allows=(),
        may_pass_on=False,
    ),
    Licence(
        id=NOT_RELEASABLE,
        name="None: its sources' licences allow no one licence for all of it",
        url=None,
        asks="nothing is passed on",
        allows=(),
        may_pass_on=False,
    ),
    Licence(id=UNKNOWN, name="Unknown: the source states no licence", url=None, asks="not known", allows=()),
)
LICENCES: dict[str, Licence] = {licence.id: licence for licence in _ALL}
"""Every licence that is known here by its id, the least strict first."""


def licence_of(license_id: str) -> Licence:
    """The licence with an id; one that is not known here is `unknown`."""
    return LICENCES.get(license_id, LICENCES[UNKNOWN])


def release_licence(ids: Iterable[str]) -> str:
    """The id of the licence that a release made of data under `ids` is under.

    Where that is none, the id says why, and `refusals` says it in words: `unknown` (also for no data at all),
    `academic-only`, or `not-releasable`.
    """
    # A set that is empty would allow everything: no data at all is treated as data whose licence is unknown.
    found = {licence_of(one).id for one in ids} or {UNKNOWN}
    if common := _common(found):
        return common[0]
    # The id that says most about the way out: an unknown licence can be looked up, the other two cannot be changed.
    return next((one for one in (UNKNOWN, ACADEMIC) if one in found), NOT_RELEASABLE)


def refusals(origins: Origins) -> list[str]:
    """Why a release of these sources must not be passed on, each reason with the way out; empty where it may be."""
    by_licence: dict[str, list[str]] = {}
    for name, license_id in origins:
        by_licence.setdefault(licence_of(license_id).id, []).append(name)
    return [*_barred(by_licence), *_at_odds({one: names for one, names in by_licence.items() if LICENCES[one].allows})]


# The licences that all of `ids` allow, the least strict first.
def _common(ids: Iterable[str]) -> list[str]:
    allowed = [LICENCES[one].allows for one in ids]
    return [one for one in LICENCES if all(one in some for some in allowed)]


_WAYS_OUT = {
    UNKNOWN: "it states no licence; find out what it is and build with --license ID, or leave it out",
    ACADEMIC: "it is for research alone and must not be passed on; leave it out",
}


# Sources that no release may be made of.
def _barred(by_licence: dict[str, list[str]]) -> Iterator[str]:
    adapted = "it allows no adaptation to be passed on, and a release is one; leave it out"
    for one, names in by_licence.items():
        if not LICENCES[one].allows:
            yield from (f"{name} ({one}): {_WAYS_OUT.get(one, adapted)}" for name in sorted(set(names)))


# Sources that may each be released, but not under one licence.
def _at_odds(by_licence: dict[str, list[str]]) -> Iterator[str]:
    if not by_licence or _common(by_licence):
        return
    parts = _parts(by_licence)
    at_odds = (one for one in by_licence if not all(one in part for part in parts.values()))
    told = " with ".join(f"{_named([one], by_licence)} ({one})" for one in at_odds)
    each = "; ".join(f"{_named(part, by_licence)} under {one}" for one, part in parts.items())
    yield f"{told}: no licence fits all of them; split the release ({each}), or build one of these parts alone"


# The largest parts of `ids` that one licence fits, by the least strict that does.
def _parts(ids: Iterable[str]) -> dict[str, list[str]]:
    fitting = {one: [license_id for license_id in ids if one in LICENCES[license_id].allows] for one in LICENCES}
    parts: dict[str, list[str]] = {}
    for one, part in fitting.items():
        # A part inside a larger one would be superfluous advice.
        if part not in parts.values() and not any(set(part) < set(other) for other in fitting.values()):
            parts[one] = part
    return parts


def _named(ids: Iterable[str], by_licence: dict[str, list[str]]) -> str:
    return ", ".join(sorted({name for one in ids for name in by_licence[one]}))
