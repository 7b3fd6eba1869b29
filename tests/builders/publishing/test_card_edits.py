"""What people change of the card on the Hub gets into the release, or stops the publish; it is never lost."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from huggingface_hub import CommitOperationDelete
from support.command import ipm_prefdial
from support.publishing import MALLORY, PROPOSER, HubServer, publishable
from support.releases import copy_release

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.publishing.card_edits import OPTION, TAGS, _tags, read_card
from ipm_prefdial.builders.publishing.run import PublishResult
from ipm_prefdial.builders.release.diff.run import diff_releases
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.refresh import refresh_views
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.cards.maintainers import HEADING, split_card
from ipm_prefdial.schemas.errors import DataError
from ipm_prefdial.schemas.publishing import Maintainers
from ipm_prefdial.schemas.spec import Bump

from .conftest import Publish

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<:DeprecationWarning")


@dataclass(frozen=True)
class Card:
    """The card on the Hub, as a colleague edits it."""

    hub: HubServer
    repo: str

    @property
    def text(self) -> str:
        """What `main` shows."""
        return self.hub.repo(self.repo).bytes_of("README.md", "main").decode()

    def edit(self, *changes: Callable[[str], str], path: str = "README.md") -> None:
        """Somebody else uploads it with changes."""
        text = self.text if path == "README.md" else ""
        for change in changes:
            text = change(text)
        self.hub.api(MALLORY).upload_file(
            path_or_fileobj=text.encode(), path_in_repo=path, repo_id=self.repo, repo_type="dataset"
        )

    def head(self) -> dict[str, object]:
        """Its YAML."""
        return split_card(self.text)[0]


@pytest.fixture
def card(hub: HubServer, repo: str, send: Publish, first: Release) -> Card:
    """The card of the first release, which is published."""
    send(first)
    return Card(hub, repo)


def with_tag(tag: str) -> Callable[[str], str]:
    """Adds a tag as the Hub's own editor does: the list is written anew, with other indentation."""
    return lambda text: text.replace("tags:\n", f"tags:\n- {tag}\n", 1)


def with_end(words: str) -> Callable[[str], str]:
    """Adds words below the card."""
    return lambda text: f"{text}\n{words}\n"


def replaced(old: str, new: str) -> Callable[[str], str]:
    """Puts something else in place of what stands there."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def take(send: Publish, release: Release) -> PublishResult:
    """Publishes with the option."""
    return send(release, take_card_edits=True)


@pytest.mark.slow
def test_there_and_back_again(card: Card, send: Publish, second: Release, tmp_path: Path) -> None:
    words = "### Contact\n\nWrite to us at [our page](https://example.org)."
    card.edit(with_tag("counselling"), with_end(f"## {HEADING}\n\n{words}"))
    before = {path: path.read_bytes() for path in second.root.rglob("*") if path.is_file()}

    for dry_run in (True, False):
        with pytest.raises(DataError, match=r"README\.md was edited on the Hub") as refused:
            send(second, dry_run=dry_run)
        assert OPTION in str(refused.value)
        assert "+- counselling" in str(refused.value)
        assert "+### Contact" in str(refused.value)
    dry = send(second, dry_run=True, take_card_edits=True)
    assert dry.taken == ("tag added: counselling", "text of 3 lines")
    assert sorted(before) == sorted(path for path in second.root.rglob("*") if path.is_file() and path in before)
    assert not (second.root / "maintainers.md").exists()

    done = take(send, second)
    assert (done.state, done.taken) == ("published", dry.taken)
    assert "counselling" in card.head()["tags"]  # type: ignore[operator]
    assert f"## {HEADING}\n" in card.text
    assert words in card.text
    assert card.hub.repo(card.repo).holds(Release(second.root), "v1.1.0")
    assert "maintainers.md" in Release(second.root).manifest.files

    readme = (second.root / "README.md").read_bytes()
    assert refresh_views(second.root, {}).manifest.files == Release(second.root).manifest.files
    assert (second.root / "README.md").read_bytes() == readme
    assert list(validate_release(Release(second.root))) == []
    assert verify_release(second.root).clean

    third = copy_release(tmp_path / "third", publishable("1.1.1", 6))
    assert send(third).state == "published"  # without the option, and without a word of the people lost
    assert words in card.text
    assert "counselling" in card.head()["tags"]  # type: ignore[operator]
    assert list(validate_release(Release(third.root))) == []
    assert diff_releases(Release(second.root), Release(third.root)).needs is Bump.PATCH


@pytest.mark.slow
def test_two_colleagues_and_a_tag_taken_back(card: Card, send: Publish, second: Release, tmp_path: Path) -> None:
    card.edit(with_tag("one"))
    card.edit(with_tag("two"), replaced("pretty_name: IPM-PrefDial", "pretty_name: 'Support: with care'"))
    assert take(send, second).taken == ("tag added: two", "tag added: one", "pretty_name changed")
    assert card.head()["pretty_name"] == "Support: with care"

    card.edit(replaced("- one\n", ""))
    third = copy_release(tmp_path / "third", publishable("1.1.1", 6))
    with pytest.raises(DataError, match="-- one"):
        send(third)
    assert take(send, third).taken == ("tag removed: one",)
    assert "one" not in card.head()["tags"]  # type: ignore[operator]
    assert "two" in card.head()["tags"]  # type: ignore[operator]


@pytest.mark.slow
def test_what_the_release_says_and_what_the_hub_says_come_together(card: Card, send: Publish, second: Release) -> None:
    refresh_views(second.root, {"maintainers.md": "---\ntags: [ours]\n---\n\nOurs.\n"})
    card.edit(with_tag("theirs"), with_end("Theirs."))
    with pytest.raises(DataError, match=r"text: both maintainers\.md of the release and the card on the Hub") as both:
        take(send, second)
    assert "with the words on the Hub in it" in str(both.value)
    refresh_views(second.root, {"maintainers.md": "---\ntags: [ours]\n---\n\nOurs.\n\nTheirs.\n"})
    take(send, second)
    assert card.text.count("Theirs.") == 1
    assert {"ours", "theirs"} <= set(card.head()["tags"])  # type: ignore[call-overload]


def test_people_may_write_the_file_itself_on_the_hub(card: Card, send: Publish, second: Release) -> None:
    card.edit(lambda _: "---\ntags: [by-hand]\n---\n\nBy hand.\n", path="maintainers.md")
    with pytest.raises(DataError, match="By hand"):
        send(second)
    assert take(send, second).taken == ("tag added: by-hand", "text of 1 lines")
    assert "By hand." in card.text
    assert card.hub.repo(card.repo).holds(Release(second.root), "v1.1.0")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (replaced("license: cc-by-4.0", "license: mit"), "license: the release computes it"),
        (replaced("- n<1K", "- 1M<n<10M"), "size_categories: the release computes it"),
        (replaced("language:\n- en\n", ""), "language: the release computes it"),
        (replaced("- dpo\n", ""), "tags: dpo was removed, and every release has it"),
        (replaced("tags:\n", "viewer: false\ntags:\n"), "viewer: people may add only tags, pretty_name"),
        (replaced("## Known limits", "## Known virtues"), "the text near '## Known virtues'"),
        (replaced("## Known limits\n", "Quite good.\n\n## Known limits\n"), "the text near 'Quite good.'"),
        (with_end("<script>alert(1)</script>"), "HTML: use Markdown"),
        (with_end("![x](https://example.org/x.png)"), "a picture"),
        (with_tag("license:mit"), "tags.0"),
        (replaced("tags:\n", "tags: [\n"), "YAML cannot be read"),
        (lambda text: "gone", "does not begin with YAML"),
    ],
)
def test_what_has_no_place_in_the_file_is_named(change: Callable[[str], str], told: str) -> None:
    published = (publishable("1.0.0", 4).root / "README.md").read_text()
    said, foreign = read_card(change(published), published, Maintainers())
    assert said == Maintainers()
    assert told in "; ".join(foreign)


def test_what_only_looks_different_is_no_edit() -> None:
    """The Hub's own editor writes the YAML anew, and may change ends of lines and empty lines."""
    published = (publishable("1.0.0", 4).root / "README.md").read_text()
    head, body = split_card(published)
    again = f"---\n{yaml.safe_dump(head, indent=4)}---\n" + body.replace("\n\n", "\n\n\n")
    assert read_card(again.replace("\n", "\r\n"), published, Maintainers()) == (Maintainers(), [])


def test_a_computed_key_is_shown_and_refused(card: Card, send: Publish, second: Release) -> None:
    published = card.text
    card.edit(replaced("license: cc-by-4.0", "license: mit"), with_tag("counselling"))
    for option in (False, True):
        with pytest.raises(DataError) as refused:
            send(second, take_card_edits=option)
        assert "license: the release computes it" in str(refused.value)
        assert "+license: mit" in str(refused.value)
        assert "Undo it on the Hub" in str(refused.value)
    assert not (second.root / "maintainers.md").exists()
    card.edit(lambda _: published)
    assert send(second).state == "published"


def test_another_licence_in_the_words_is_refused(card: Card, send: Publish, second: Release) -> None:
    card.edit(with_end("You may use it under the MIT License."))
    with pytest.raises(DataError, match=r"it names the licence mit, the release is under cc-by-4\.0: take that out"):
        take(send, second)
    assert not (second.root / "maintainers.md").exists()


def test_sections_of_their_own_become_parts_of_theirs(card: Card, send: Publish, second: Release) -> None:
    made = "## Contact\n\nWrite.\n\n```python\n# a comment\n```\n\n"
    card.edit(replaced("## Known limits", f"{made}## Known limits"))
    take(send, second)
    text = split_card(card.text)[1]
    assert re.search(rf"## {HEADING}\n\n\*People.*\n\n### Contact\n\nWrite\.\n\n```python\n# a comment\n", text)


def test_what_is_published_cannot_say_it_any_more(card: Card, send: Publish, first: Release) -> None:
    card.edit(with_tag("late"))
    assert send(first).state == "already published"
    with pytest.raises(DataError, match="a tag never moves") as refused:
        take(send, first)
    assert "Build the next version" in str(refused.value)


@pytest.mark.slow
def test_a_proposal_takes_them_over_too(card: Card, send: Publish, second: Release) -> None:
    card.edit(with_tag("counselling"))
    proposer = {"api": card.hub.api(PROPOSER), "pull_request": True}
    with pytest.raises(DataError, match=OPTION):
        send(second, **proposer)
    assert send(second, take_card_edits=True, **proposer).pull_request == 1
    assert card.hub.repo(card.repo).holds(Release(second.root), "refs/pr/1")


@pytest.mark.slow
def test_an_edit_between_commit_and_tag_is_no_matter_of_this_release(
    card: Card, send: Publish, second: Release, hub: HubServer
) -> None:
    card.edit(with_tag("counselling"))
    hub.fault({"op": "tag", "nth": 1, "times": 9, "do": "500"})
    with pytest.raises(Exception, match="create the tag"):
        take(send, second)
    hub.fault()
    card.edit(with_tag("later"))
    assert send(second).state == "published"
    assert hub.repo(card.repo).holds(Release(second.root), "v1.1.0")


@pytest.mark.slow
def test_an_empty_file_withdraws_what_was_said(card: Card, send: Publish, second: Release, tmp_path: Path) -> None:
    card.edit(with_tag("counselling"), with_end("Words."))
    take(send, second)
    third = copy_release(tmp_path / "third", publishable("1.1.1", 6))
    refresh_views(third.root, {"maintainers.md": ""})
    send(third)
    assert "Words." not in card.text
    assert "counselling" not in card.head()["tags"]  # type: ignore[operator]


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        pytest.param("manifest.json", marks=pytest.mark.slow),
        pytest.param("data/response/train-00000-of-00001.parquet", marks=pytest.mark.slow),
    ],
)
def test_what_was_removed_on_the_hub_is_not_brought_back(card: Card, send: Publish, second: Release, path: str) -> None:
    """A file that is missing may be one that somebody had to take down."""
    api = card.hub.api(MALLORY)
    api.create_commit(card.repo, [CommitOperationDelete(path)], commit_message="taken down", repo_type="dataset")
    for option in (False, True):
        with pytest.raises(DataError, match=rf"{re.escape(path)} (was removed there|is gone from main).* put it back"):
            send(second, take_card_edits=option)
    assert card.hub.repo(card.repo).tags() == ["v1.0.0"]


def test_a_manifest_that_somebody_wrote_is_not_trusted(card: Card, send: Publish, second: Release) -> None:
    """By it files of ours are told from others': one that lists a changed card would let it be lost."""
    manifest = json.loads(card.hub.repo(card.repo).bytes_of("manifest.json", "main"))
    manifest["files"]["README.md"]["sha256"] = "0" * 64
    card.edit(lambda _: json.dumps(manifest), path="manifest.json")
    with pytest.raises(DataError, match=r"manifest\.json on main is not as a release of ours left it"):
        send(second)


def test_a_terminal_is_shown_nothing_that_acts(card: Card, send: Publish, second: Release) -> None:
    card.edit(with_end("\x1b[31mred\x1b[0m \u202eback"))
    with pytest.raises(DataError) as refused:
        send(second)
    assert "\x1b" not in str(refused.value)
    assert "\u202e" not in str(refused.value)
    assert r"\x1b[31mred" in str(refused.value)


@pytest.mark.slow
def test_a_card_written_by_hand_goes_through_the_command(first: Release) -> None:
    """`maintainers.md` beside the tables, and `card`; what is wrong in it is one message, and nothing is written."""
    path = first.root / "maintainers.md"
    path.write_text("---\ntags: [by-hand]\n---\n\nBy hand.\n")
    assert ipm_prefdial("card", first.root).code == 0
    assert ipm_prefdial("validate", first.root).code == 0
    card = (first.root / "README.md").read_bytes()
    assert b"By hand." in card
    path.write_text("---\nlicense: mit\n---\n")
    done = ipm_prefdial("card", first.root)
    assert done.code == 1
    assert "maintainers.md: license: Extra inputs are not permitted; allowed are tags" in done.err
    assert (first.root / "README.md").read_bytes() == card
    path.unlink()
    assert ipm_prefdial("card", first.root).code == 0
    assert "maintainers.md" not in Release(first.root).manifest.files


@pytest.mark.slow
def test_the_command_names_the_option_and_takes_it(card: Card, second: Release) -> None:
    card.edit(with_tag("counselling"))
    words = ("publish", second.root, "--repo", card.repo)
    done = ipm_prefdial(*words, environ=card.hub.environ())
    assert done.code == 1
    assert OPTION in done.err
    done = ipm_prefdial(*words, OPTION, environ=card.hub.environ())
    assert done.code == 0, done.err
    assert "took over from the card on the Hub: tag added: counselling" in done.out
    assert "counselling" in card.head()["tags"]  # type: ignore[operator]


def test_a_tag_that_stayed_is_kept_and_a_new_one_is_added() -> None:
    base = Maintainers(tags=("ours-too", "gone"))
    tags, wrong = _tags(["ours-too", "new", *TAGS], ["ours-too", "gone", *TAGS], base)
    assert (tags, wrong) == (["ours-too", "new"], [])
