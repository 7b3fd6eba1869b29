"""Publishes a release: every step looks at what is there before it acts, so that repeating the command is always safe.

Checks at home, then on the Hub; one commit on top of what was seen; its whole tree compared; the tag; and at last a
reader who has never been here. What is on the Hub is the only state: what a stopped run did is found out from there.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ...schemas.errors import UsageError
from ...schemas.publishing import FILE_NAME as PUBLISHING
from ...schemas.publishing import PublishedTo
from ..published import note_place, read_places
from ..release.changelog import release_notes
from ..release.layout import MANIFEST
from ..release.read import Release
from ..renewing import renew, shows
from ..sources.hub import HUB_ID
from .accepting import accept, publishing_json, read_accepted
from .commit import check_commit, find_commit, make_commit
from .conditions import check_default_config, check_gates_passed, check_licence, check_promises, read_audit
from .numbering import check_number, newest_release
from .options import PublishOptions
from .payload import Payload, payload_of
from .plan import CommitPlan, plan_commit, plan_first
from .preflight import Seen, ensure_repo, look
from .pull_request import propose
from .reader import ReadAs, Reader, read_back
from .repo import HubRepo, RepoInfo
from .tag import is_published, make_tag
from .telling import tell_publish

if TYPE_CHECKING:
    from huggingface_hub import HfApi

log = logging.getLogger(__name__)

State = Literal["published", "already published", "proposed", "on main", "not sent"]


@dataclass(frozen=True)
class Published:
    """How a publish went."""

    state: State
    """`on main`: a proposed release was merged and only lacks its tag; `not sent`: it was a dry run."""
    repo: str
    payload: Payload
    """What was sent, or would be."""
    commit: str | None = None
    """The commit that holds the release; None where there is none yet."""
    pull_request: int | None = None
    """Its number, where the release was proposed."""
    plan: CommitPlan | None = None
    """What a dry run found to do; None where nothing but the tag is left to do."""


def publish(
    options: PublishOptions,
    *,
    api: "HfApi | None" = None,
    reader: Reader = read_back,
    sleep: Callable[[float], None] = time.sleep,
) -> Published:
    """Puts the release on the Hub, tagged and read back; what an earlier run did is not done again.

    Args:
        options: what to publish, where and how.
        api: the Hub's client; the environment's where it is None.
        reader: who reads the tag at the end.
        sleep: waits between attempts.

    Raises:
        UsageError: the command, the token or the repo is the wrong one.
        DataError: the release may not be published so, or something else is where it should go.
        EndpointError: the Hub failed or refused; the same command goes on where it stopped.
    """
    repo = _repo(options.repo, api, sleep)
    release = check_release(options)
    payload = payload_of(release)
    log.info("%s %s: %d files may be published", release.root, payload.version, len(payload.files))
    seen = look(repo, options)
    if seen.info is not None and is_published(repo, payload, seen.tags):
        log.info("%s is there already", payload.tag)
        commit = seen.tags[payload.tag]
        if not options.dry_run:
            _read_and_note(repo, options, payload, commit, ensure_repo(repo, seen.info, options), reader)
        return Published("already published", repo.name, payload, commit)
    newest = newest_release(repo, seen.tags)
    diff = check_number(release, newest) if newest is not None else None
    if options.dry_run:
        return _dry_run(repo, payload, seen)
    release = tell_publish(release, repo.name, newest, diff)
    payload = payload_of(release, release_notes(release.manifest, diff, repo.name))
    if options.pull_request and seen.info is not None:
        return _propose(repo, payload, seen.info)
    info = ensure_repo(repo, seen.info, options)
    commit = _commit(repo, payload, info.head)
    make_tag(repo, payload, commit)
    log.info("%s points at %s", payload.tag, commit)
    _read_and_note(repo, options, payload, commit, info, reader)
    return Published("published", repo.name, payload, commit)


def check_release(options: PublishOptions) -> Release:
    """The release, where it may be shown to anybody; gates that the command accepts are written into it first.

    Raises:
        UsageError: there is no release, or a gate is accepted that passed.
        DataError: the release may not be published.
    """
    release = Release(options.folder)
    check_licence(release)
    check_default_config(release)
    read_places(options.folder)  # notes that cannot be read are better told now than after the publish
    audit = read_audit(release)
    accepted = accept(audit, read_accepted(release), options.accept)
    check_gates_passed(audit, accepted)
    texts = {PUBLISHING: publishing_json(accepted)} if accepted or PUBLISHING in release.manifest.files else {}
    if not options.dry_run and not shows(release, texts):
        release = renew(release.root, texts)
    check_promises(release)
    return release


def _repo(name: str, api: "HfApi | None", sleep: Callable[[float], None]) -> HubRepo:
    from huggingface_hub import HfApi, get_token

    if not HUB_ID.match(name) or "@" in name:
        raise UsageError(f"{name!r} is no name of a dataset on the Hub: give ORG/NAME")
    api = api or HfApi()
    if not (api.token or get_token()):
        raise UsageError("no token for the Hub: set HF_TOKEN, or log in with `hf auth login`")
    return HubRepo(name, api, sleep=sleep)


def _commit(repo: HubRepo, payload: Payload, head: str) -> str:
    """The commit that holds the release, made now or by an earlier run."""
    commit = find_commit(repo, payload)
    if commit is None:
        plan = plan_commit(repo, payload, head)
        if plan.done:  # merged from a pull request, or brought there in another way
            return head
        log.info("sending %d files on top of %s", len(plan.add), head)
        commit = make_commit(repo, payload, plan)
    check_commit(repo, payload, commit)
    return commit


def _dry_run(repo: HubRepo, payload: Payload, seen: Seen) -> Published:
    if seen.info is None:
        return Published("not sent", repo.name, payload, plan=plan_first(payload))
    commit = find_commit(repo, payload)
    plan = None if commit else plan_commit(repo, payload, seen.info.head)
    return Published("not sent", repo.name, payload, commit, plan=plan)


def _propose(repo: HubRepo, payload: Payload, info: RepoInfo) -> Published:
    plan = plan_commit(repo, payload, info.head)
    if plan.done:
        return Published("on main", repo.name, payload, info.head)
    return Published("proposed", repo.name, payload, pull_request=propose(repo, payload, plan))


def _read_and_note(
    repo: HubRepo, options: PublishOptions, payload: Payload, commit: str, info: RepoInfo, reader: Reader
) -> None:
    """The tag was read by a reader, in this run or an earlier one, and that is noted beside the folder."""
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
