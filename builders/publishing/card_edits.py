"""Changes that people made to a release's card on the Hub, and how the next publish takes them over.

The card is generated, so a change to it would be lost with the next release. `maintainers.md` holds what people may
add. This module compares the card on `main` with the published one and finds the changes that belong into that file.
It is a three-way merge of the published version, the version on the Hub, and the version in the release.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...cards.front_matter import PRETTY_NAME, TAGS
from ...cards.maintainers import HEADING, NOTE, check_maintainers, head_of, parse_maintainers, split_card
from ...schemas.errors import DataError
from ...schemas.escape import printable
from ...schemas.publishing import HEAD_KEYS, Maintainers
from ..release.layout import CARD, MAINTAINERS
from ._plan import Payload, earlier_release, is_as_listed
from ._repo import Entry, HubRepo, Tree
from .preflight import published_commit

OPTION = "--take-card-edits"
# Lines of a difference.
_SHOWN = 40
_MOST_CARD_BYTES = 1 << 20
_NOTHING = Maintainers()
_ABSENT = object()


@dataclass(frozen=True)
class CardEdits:
    """The changes on the Hub since the last publish."""

    base: Maintainers
    """The maintainers' file as it was published."""
    theirs: tuple[Maintainers, ...]
    """The contents of the card and of `maintainers.md` now; only one of them if the other is unchanged."""
    foreign: tuple[str, ...]
    """Descriptions of changes that have no place in `maintainers.md`."""
    difference: str
    """The unified diff."""
    entries: Mapping[str, Entry | None]
    """The compared files as they are on the Hub: only these versions may be replaced."""

    def lines(self) -> Iterator[str]:
        """Descriptions of what is taken over."""
        for theirs in self.theirs:
            for tag in theirs.tags:
                if tag not in self.base.tags:
                    yield f"tag added: {tag}"
            for tag in self.base.tags:
                if tag not in theirs.tags:
                    yield f"tag removed: {tag}"
            for key in HEAD_KEYS:
                if key != "tags" and getattr(theirs, key) != getattr(self.base, key):
                    yield f"{key} {'changed' if getattr(theirs, key) else 'removed'}"
            if theirs.text != self.base.text:
                yield f"text of {len(theirs.text.splitlines())} lines" if theirs.text else "text removed"


def find_edits(repo: HubRepo, payload: Payload, head: str, tags: Mapping[str, str]) -> CardEdits | None:
    """The changes to the card at the commit `head`.

    None if the card is as the published release left it, or as this release has it.

    Raises:
        DataError: it was changed, and the published version cannot be found.
        HubError: the Hub refuses or fails.
    """
    tree = repo.tree(head)
    earlier = earlier_release(repo, tree, head)
    # No release was published here before, so there is no card of ours to compare with.
    if not earlier:
        return None
    entries = {name: tree.get(name) for name in (CARD, MAINTAINERS)}
    changed = [
        name
        for name, entry in entries.items()
        if not _is_left(repo, name, entry, earlier, head)
        and not (name in payload.files and payload.files[name].is_in(entry))
    ]
    if not changed:
        return None
    published = _published(repo, tree, earlier, tags)
    words = {name: _read(repo, name, published, repo.tree(published)) for name in entries}
    base = _said(words[MAINTAINERS], f"{MAINTAINERS} as published")
    theirs, foreign, difference = [], [], []
    for name in changed:
        now = _read(repo, name, head, tree)
        difference += _difference(name, words[name], now)
        if name == MAINTAINERS:
            theirs.append(_said(now, f"{repo.name}: {MAINTAINERS}"))
        else:
            said, wrong = read_card(now, words[name], base)
            theirs.append(said)
            foreign += wrong
    return CardEdits(base, tuple(theirs), tuple(foreign), _bounded(difference), entries)


def refuse(repo: HubRepo, edits: CardEdits) -> DataError:
    """The error that says why publishing would lose these edits, and what to do."""
    return DataError(
        f"{repo.name}: {CARD} was edited on the Hub since the release there was published, and publishing would undo "
        f"that:\n{edits.difference}\n{_advice(edits)}"
    )


def merge(edits: CardEdits, ours: Maintainers | None, where: str) -> Maintainers:
    """The maintainers' file of the release with the changes on the Hub merged into it; merging again changes nothing.

    Args:
        edits: the changes on the Hub.
        ours: the file of the release; None if there is none yet.
        where: the name of the release in messages.

    Raises:
        DataError: a change has no place in the release, or both sides changed the same field in different ways.
    """
    if edits.foreign:
        raise DataError(f"{where}: not all of it can be taken over:\n{edits.difference}\n{_advice(edits)}")
    said = edits.base if ours is None else ours
    for theirs in edits.theirs:
        said = _merged(edits.base, theirs, said, where)
    return said


def _advice(edits: CardEdits) -> str:
    if not edits.foreign:
        return f"Repeat the command with {OPTION}: it takes this into {MAINTAINERS} of the release. Or undo it there."
    places = "\n".join(f"- {one}" for one in edits.foreign)
    return (
        f"What follows has no place in {MAINTAINERS}, and {OPTION} cannot take it over:\n{places}\nUndo it on the Hub, "
        f'or put the words there into a section "## {HEADING}", and repeat the command with {OPTION}.'
    )


def _is_left(repo: HubRepo, name: str, entry: Entry | None, earlier: Mapping[str, str], head: str) -> bool:
    if entry is None:
        return name not in earlier or name == CARD  # a missing card is reported with the other missing files
    return is_as_listed(repo, name, entry, earlier, head)


# The commit that holds the card as it was published.
def _published(repo: HubRepo, tree: Tree, earlier: Mapping[str, str], tags: Mapping[str, str]) -> str:
    commit = published_commit(repo, tree, tags)
    if commit is not None:
        there = repo.tree(commit)
        if CARD in there and is_as_listed(repo, CARD, there[CARD], earlier, commit):
            return commit
    raise DataError(
        f"{repo.name}: {CARD} was edited on the Hub, and no tag or commit there tells what it was when it was "
        f"published: compare it with the release yourself, put {CARD} back there, and repeat the command"
    )


# The words of a file; none where there is no such file.
def _read(repo: HubRepo, name: str, revision: str, tree: Tree) -> str:
    if name not in tree:
        return ""
    if tree[name].size > _MOST_CARD_BYTES:
        raise DataError(f"{repo.name}: {name}: {tree[name].size:,} bytes are too much for a card: put it back there")
    data = repo.read(name, revision)
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{repo.name}: {name}: byte {error.start} is not UTF-8: put it back there") from error


def _said(words: str, where: str) -> Maintainers:
    return parse_maintainers(words.encode(), where) if words else _NOTHING


# ---- reading a card


def read_card(card: str, published: str, base: Maintainers) -> tuple[Maintainers, list[str]]:
    """The maintainers' words on a card, and the changes that have no place among them.

    Args:
        card: the card as it is now.
        published: the card as it was published.
        base: the maintainers' file as it was published.
    """
    try:
        head, body = split_card(card)
    except DataError as error:
        return base, [str(error)]
    due_head, due_body = split_card(published)
    keys, foreign = _keys(head, due_head, base)
    text, elsewhere = _text(body, due_body, base)
    foreign += elsewhere
    if foreign:
        return base, foreign
    try:
        return check_maintainers(keys, text, f"{CARD} on the Hub"), []
    except DataError as error:
        return base, [str(error)]


def _keys(head: Mapping[str, Any], due: Mapping[str, Any], base: Maintainers) -> tuple[dict[str, Any], list[str]]:
    keys, foreign = head_of(base), []
    for key in dict.fromkeys((*due, *head)):
        now, was = head.get(key, _ABSENT), due.get(key, _ABSENT)
        if now == was:
            continue
        if key == "tags":
            keys[key], wrong = _tags(now, was, base)
            foreign += wrong
        elif key in HEAD_KEYS:
            keys[key] = None if now is _ABSENT or (key, now) == ("pretty_name", PRETTY_NAME) else now
        elif was is not _ABSENT:
            foreign.append(f"{printable(key)}: the release computes it from its files")
        else:
            foreign.append(f"{printable(key)}: people may add only {', '.join(HEAD_KEYS)}")
    return {key: value for key, value in keys.items() if value is not None}, foreign


def _tags(now: object, was: object, base: Maintainers) -> tuple[list[Any], list[str]]:
    found = [now] if isinstance(now, str) else now if isinstance(now, list) else []
    before = was if isinstance(was, list) else []
    lost = [tag for tag in TAGS if tag in before and tag not in found]
    kept = [tag for tag in base.tags if tag in found]
    added = [tag for tag in found if tag not in before]
    return [*kept, *added], [f"tags: {tag} was removed, and every release has it" for tag in lost]


_SECTION = re.compile(rf"^##[ \t]+{HEADING}[ \t]*#*[ \t]*$", re.IGNORECASE)
_LARGE_HEADING = re.compile(r"^##?[ \t]")


# The text that people added to a card, and descriptions of all other changes.
#
# Added text is in the maintainers' section, in a new section anywhere, or below the last line.
def _text(body: str, due: str, base: Maintainers) -> tuple[str, list[str]]:
    (section, rest), (_, due_rest) = _without_section(body), _without_section(due)
    said, foreign = [section] if section is not None else [base.text] if not _has_section(due) else [], []
    # Without `autojunk`, which ignores lines that occur often: a card has many alike.
    matcher = difflib.SequenceMatcher(None, due_rest, rest, autojunk=False)
    for what, first, last, start, end in matcher.get_opcodes():
        added = "\n".join(rest[start:end]).strip("\n")
        if what == "equal" or (not added and not "".join(due_rest[first:last]).strip()):
            continue  # empty lines
        if (what == "insert" and first == len(due_rest)) or (what == "insert" and _LARGE_HEADING.match(added)):
            said.append(_smaller(added))
        else:
            line = next((one for one in (*rest[start:end], *due_rest[first:last]) if one.strip()), "")
            foreign.append(f"the text near {printable(line)[:80]!r}: it is generated")
    return "\n\n".join(part for part in said if part), foreign


def _has_section(body: str) -> bool:
    return any(_SECTION.match(line) for line in body.splitlines())


# The text of the maintainers' section, or None if there is none; and the other lines of a card.
def _without_section(body: str) -> tuple[str | None, list[str]]:
    section: list[str] | None = None
    rest: list[str] = []
    inside = False
    for line, in_code in _lines(body):
        if not in_code and _SECTION.match(line) and section is None:
            section, inside = [], True
            continue
        inside = inside and (in_code or not _LARGE_HEADING.match(line))
        if section is not None and inside:
            section.append(line)
        elif line.strip() or any(one.strip() for one in rest[-2:]):  # a million empty lines would take seconds
            rest.append(line)
    while rest and not rest[-1].strip():
        rest.pop()
    words = None if section is None else "\n".join(line for line in section if line.strip() != NOTE)
    return None if words is None else words.strip("\n").rstrip(), rest


# A piece of a card with its headings at least of the third level.
def _smaller(text: str) -> str:
    return "\n".join(line if in_code else re.sub(r"^##?(?=[ \t])", "###", line) for line, in_code in _lines(text))


# The lines, and whether each is of a block of code.
def _lines(text: str) -> Iterator[tuple[str, bool]]:
    fence = ""
    for line in text.splitlines():
        found = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if found is None:
            yield line, bool(fence)
        elif not fence:
            fence = found[1]
            yield line, True
        else:
            fence = "" if found[1].startswith(fence) else fence
            yield line, True


# ---- merging


def _merged(base: Maintainers, theirs: Maintainers, ours: Maintainers, where: str) -> Maintainers:
    # A tag that people removed on the Hub stays removed, although the release still names it.
    gone = {tag for tag in base.tags if tag not in theirs.tags}
    tags = [tag for tag in dict.fromkeys((*ours.tags, *theirs.tags)) if tag not in gone]
    # A tag that this release took out stays out, unless it was added on the Hub since then.
    tags = [tag for tag in tags if tag in ours.tags or tag not in base.tags]
    values = {key: _one(key, base, theirs, ours, where) for key in (*HEAD_KEYS, "text") if key != "tags"}
    return ours.model_copy(update={"tags": tuple(tags), **values})


def _one(key: str, base: Maintainers, theirs: Maintainers, ours: Maintainers, where: str) -> Any:
    was, now, here = getattr(base, key), getattr(theirs, key), getattr(ours, key)
    # Unchanged there, or changed to what the release says already.
    if now in (was, here) or (key == "text" and now and now in here):
        return here
    if here == was:
        return now
    due = "with the words on the Hub in it" if key == "text" else "that is, what the Hub says"
    raise DataError(
        f"{where}: {key}: both {MAINTAINERS} of the release and the card on the Hub changed it: make {MAINTAINERS} say "
        f"what both are to say ({due}), write the card again with `ipm-prefdial card`, and repeat the command"
    )


# ---- showing


def _difference(name: str, was: str, now: str) -> list[str]:
    lines = difflib.unified_diff(
        was.splitlines(), now.splitlines(), f"{name} as published", f"{name} on the Hub", n=1, lineterm=""
    )
    return [printable(line)[:200] for line in lines]


def _bounded(lines: list[str]) -> str:
    more = len(lines) - _SHOWN
    return "\n".join((*lines[:_SHOWN], *([f"… and {more} more lines"] if more > 0 else ())))
