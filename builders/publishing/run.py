"""Publishes a release: every step checks the present state before it acts, so it is always safe to repeat the command.

The order is: local checks, checks on the Hub, one commit, a comparison of its whole tree, the tag, and a load by a
fresh reader. All state is on the Hub: a later run finds out from there what a stopped run did.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ...cards.maintainers import maintainers_md, parse_maintainers
from ...schemas.diff import Diff
from ...schemas.errors import DataError, UsageError
from ...schemas.publishing import PUBLISHING_FILE as PUBLISHING
from ...schemas.publishing import PublishedTo
from ..release.changelog import changelog_of, changelog_text, release_notes
from ..release.layout import CARD, CHANGELOG, MAINTAINERS, MANIFEST
from ..release.parts import note_place, read_maintainers, read_places
from ..release.promises import contradiction
from ..release.read import Release
from ..release.refresh import recover, refresh_views, shows
from ..release.write import check_writable
from ..sources.hub import HUB_ID
from ._commit import check_commit, find_commit, is_published, make_commit, make_tag, propose
from ._plan import CommitPlan, Payload, payload_of, plan_commit, plan_first
from ._repo import Entry, HubRepo, RepoInfo
from .card_edits import OPTION, find_edits, merge, refuse
from .conditions import (
    accept,
    check_default_config,
    check_gates_passed,
    check_licence,
    check_promises,
    publishing_json,
    read_accepted,
    read_audit,
)
from .fresh_load import ReadAs, ReleaseReader, read_back
from .preflight import (
    PublishOptions,
    RemoteState,
    check_number,
    check_standing,
    ensure_repo,
    inspect_repo,
    newest_release,
)

if TYPE_CHECKING:
    from huggingface_hub import HfApi

# Before a release is sent, its card names its repo, its changelog, and the maintainers' words of the last release.


def stamp_repo(release: Release, repo: str, newest: Release | None, diff: Diff | None) -> Release:
    """The release with a card that names its repo, and a changelog that continues the newest published one.

    It takes over `maintainers.md` of that release unless it has such a file itself, which may be empty.

    A release that already has all this stays as it is, so that a repeated publish sends the same bytes.

    Args:
        release: the release to publish.
        repo: the repo, `ORG/NAME`.
        newest: the newest published release; None if there is none.
        diff: the diff from that release.
    """
    text = changelog_text(release.root, release.manifest)
    if newest is not None:
        text = changelog_of(release.manifest, diff, changelog_text(newest.root, newest.manifest))
    texts = {CHANGELOG: text}
    if newest is not None and MAINTAINERS in newest.manifest.files and not (release.root / MAINTAINERS).exists():
        texts[MAINTAINERS] = (newest.root / MAINTAINERS).read_text(encoding="utf-8")
    if release.manifest.repo == repo and shows(release, texts):
        return release
    return refresh_views(release.root, texts, repo=repo)


log = logging.getLogger(__name__)

State = Literal["published", "already published", "proposed", "on main", "not sent"]


@dataclass(frozen=True)
class PublishResult:
    """The result of a publish."""

    state: State
    """`on main`: a proposed release was merged and only lacks its tag; `not sent`: it was a dry run."""
    repo: str
    payload: Payload
    """What was sent, or would have been."""
    commit: str | None = None
    """The commit that holds the release; None if there is none yet."""
    pull_request: int | None = None
    """Its number, if the release was proposed."""
    plan: CommitPlan | None = None
    """The plan of a dry run; None if only the tag is missing."""
    taken: tuple[str, ...] = ()
    """Descriptions of the changes of the card on the Hub that the release took over."""


def publish(
    options: PublishOptions,
    *,
    api: "HfApi | None" = None,
    reader: ReleaseReader = read_back,
    sleep: Callable[[float], None] = time.sleep,
) -> PublishResult:
    """Uploads the release to the Hub, tags it and reads it back; skips what an earlier run has done.

    Args:
        options: the options of the publish.
        api: the Hub's client; None for one with the settings of the environment.
        reader: reads the release back at the end.
        sleep: waits between attempts; tests replace it.

    Raises:
        UsageError: the command, the token or the repo is wrong.
        DataError: the release may not be published, or something on the Hub is in its way.
        EndpointError: the Hub failed or refused; the same command continues.
    """
    repo = _repo(options.repo, api, sleep)
    release = _check_release(options)
    payload = payload_of(release)
    log.info("%s %s: %d files may be published", release.root, payload.version, len(payload.files))
    seen = inspect_repo(repo, options)
    if seen.info is not None and is_published(repo, payload, seen.tags):
        log.info("%s is there already", payload.tag)
        return _published_already(repo, options, payload, seen.info, seen.tags, reader)
    newest = newest_release(repo, seen.tags)
    diff = check_number(release, newest) if newest is not None else None
    if not options.dry_run:
        release = stamp_repo(release, repo.name, newest, diff)
        payload = payload_of(release, release_notes(release.manifest, diff, repo.name))
    commit = find_commit(repo, payload) if seen.info is not None else None
    taken = _Taken()
    if seen.info is not None and commit is None:
        if newest is not None:
            check_standing(repo, payload, seen.info.head, seen.tags)
        release, taken = _take_edits(repo, options, release, payload, seen.info, seen.tags)
        payload = payload_of(release, payload.notes)
    if options.dry_run:
        return _dry_run(repo, payload, seen, commit, taken)
    if options.pull_request and seen.info is not None:
        return _propose(repo, payload, seen.info, taken)
    info = ensure_repo(repo, seen.info, options)
    commit = _commit(repo, payload, info.head, commit, taken)
    make_tag(repo, payload, commit)
    log.info("%s points at %s", payload.tag, commit)
    _read_and_note(repo, options, payload, commit, info, reader)
    return PublishResult("published", repo.name, payload, commit, taken=taken.told)


@dataclass(frozen=True)
class _Taken:
    """The changes of the card on the Hub that the release took over."""

    entries: Mapping[str, Entry | None] = field(default_factory=dict)
    """The changed files as they were on the Hub then."""
    told: tuple[str, ...] = ()


def _take_edits(
    repo: HubRepo,
    options: PublishOptions,
    release: Release,
    payload: Payload,
    info: RepoInfo,
    tags: Mapping[str, str],
) -> tuple[Release, _Taken]:
    """The release with the changes of the card on the Hub, if the command asks for them.

    Raises:
        DataError: the command does not ask for them, or they have no place in the release.
    """
    edits = find_edits(repo, payload, info.head, tags)
    if edits is None:
        return release, _Taken()
    if not options.take_card_edits:
        raise refuse(repo, edits)
    said = merge(edits, read_maintainers(release.root / MAINTAINERS), str(release.root))
    if wrong := contradiction(said, release.manifest):
        raise DataError(f"{repo.name}: {CARD} was edited on the Hub, and {wrong}: take that out there")
    text = maintainers_md(said)
    parse_maintainers(text.encode())  # both together may be too much
    if not options.dry_run and not shows(release, {MAINTAINERS: text}):
        release = refresh_views(release.root, {MAINTAINERS: text})
    for one in edits.lines():
        log.info("taken over from the card on the Hub: %s", one)
    return release, _Taken(edits.entries, tuple(edits.lines()))


def _published_already(
    repo: HubRepo,
    options: PublishOptions,
    payload: Payload,
    info: RepoInfo,
    tags: Mapping[str, str],
    reader: ReleaseReader,
) -> PublishResult:
    """Does what an earlier run left undone.

    Raises:
        DataError: the command asks to take over edits of the card, which a published release cannot.
    """
    commit = tags[payload.tag]
    if options.take_card_edits and (edits := find_edits(repo, payload, info.head, tags)):
        raise DataError(
            f"{repo.name}: {payload.tag} is published, and a tag never moves, so it cannot say what people changed "
            f"since:\n{edits.difference}\nBuild the next version, and publish that with {OPTION}."
        )
    if not options.dry_run:
        _read_and_note(repo, options, payload, commit, ensure_repo(repo, info, options), reader)
    return PublishResult("already published", repo.name, payload, commit)


def _check_release(options: PublishOptions) -> Release:
    """The release, if it may be published; gates that the command accepts are written into it first.

    Raises:
        UsageError: there is no release, or a gate is accepted that passed.
        DataError: the release may not be published.
    """
    if not options.dry_run:
        recover(options.folder)
    release = Release(options.folder)
    check_writable(release.root)
    check_licence(release)
    check_default_config(release)
    read_places(options.folder)  # a log that cannot be read is better reported now than after the publish
    audit = read_audit(release)
    accepted = accept(audit, read_accepted(release), options.accept)
    check_gates_passed(audit, accepted)
    texts = {PUBLISHING: publishing_json(accepted)} if accepted or PUBLISHING in release.manifest.files else {}
    if not options.dry_run and not shows(release, texts):
        release = refresh_views(release.root, texts)
    check_promises(release)
    return release


def _repo(name: str, api: "HfApi | None", sleep: Callable[[float], None]) -> HubRepo:
    from huggingface_hub import HfApi, get_token

    if not HUB_ID.match(name) or "@" in name:
        raise UsageError(f"{name!r} is not a name of a dataset on the Hub: give ORG/NAME")
    api = api or HfApi()
    if not (api.token or get_token()):
        raise UsageError("no token for the Hub: set HF_TOKEN, or log in with `hf auth login`")
    return HubRepo(name, api, sleep=sleep)


# The commit that holds the release, made now or, as `commit`, by an earlier run.
def _commit(repo: HubRepo, payload: Payload, head: str, commit: str | None, taken: _Taken) -> str:
    if commit is None:
        plan = plan_commit(repo, payload, head, taken.entries)
        if plan.done:  # merged from a pull request, or brought there in another way
            return head
        log.info("sending %d files on top of %s", len(plan.add), head)
        commit = make_commit(repo, payload, plan)
    check_commit(repo, payload, commit)
    return commit


def _dry_run(repo: HubRepo, payload: Payload, seen: RemoteState, commit: str | None, taken: _Taken) -> PublishResult:
    if seen.info is None:
        return PublishResult("not sent", repo.name, payload, plan=plan_first(payload))
    plan = None if commit else plan_commit(repo, payload, seen.info.head, taken.entries)
    return PublishResult("not sent", repo.name, payload, commit, plan=plan, taken=taken.told)


def _propose(repo: HubRepo, payload: Payload, info: RepoInfo, taken: _Taken) -> PublishResult:
    plan = plan_commit(repo, payload, info.head, taken.entries)
    if plan.done:
        return PublishResult("on main", repo.name, payload, info.head)
    number = propose(repo, payload, plan)
    return PublishResult("proposed", repo.name, payload, pull_request=number, taken=taken.told)


# The tag was read by a reader, in this run or an earlier one, and that is noted beside the folder.
def _read_and_note(
    repo: HubRepo, options: PublishOptions, payload: Payload, commit: str, info: RepoInfo, reader: ReleaseReader
) -> None:
    from huggingface_hub import get_token

    place = PublishedTo(
        repo=repo.name,
        endpoint=repo.api.endpoint,
        version=payload.version,
        tag=payload.tag,
        commit=commit,
        manifest_sha256=payload.manifest_sha256,
        verified=True,
    )
    if place in read_places(options.folder):
        return
    # From here on readers have it, whatever comes of reading it back.
    note_place(options.folder, place.model_copy(update={"verified": False}))
    log.info("reading %s back", payload.tag)
    token = None if info.public else str(repo.api.token or get_token())
    reader(ReadAs(repo.api.endpoint, repo.name, payload.tag, token), payload.files[MANIFEST].path)
    note_place(options.folder, place)
