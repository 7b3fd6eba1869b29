"""The card is a view of the files: whatever is missing is an error, and what it says holds of this release."""

from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import DictLoader, Environment, PackageLoader, UndefinedError, meta
from support.cards import full_context, rendered, shared_context, shared_features, table_of
from support.releases import SCRIPTED, shared_release

from ipm_prefdial.builders.mining.steps import IMPLEMENTATIONS
from ipm_prefdial.cards import render
from ipm_prefdial.cards.context import CardContext
from ipm_prefdial.cards.licences import Origin
from ipm_prefdial.cards.render import render_card, values_of
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import Role
from ipm_prefdial.schemas.licence import LICENCES
from ipm_prefdial.schemas.manifest import Manifest, ModelRecord
from ipm_prefdial.schemas.measures import Interval
from ipm_prefdial.schemas.review import CrisisDecision, CrisisReview, Review
from ipm_prefdial.schemas.steps import STEPS

RELEASES = ("1.0.0", "2.0.0", "2.1.0")
TEMPLATES = Environment(loader=PackageLoader("ipm_prefdial.cards", ""))
PARTS = ("dataset_card", "card_configs", "card_making", "card_measures")


@pytest.fixture
def manifest() -> Manifest:
    """Of the shared scripted release."""
    return shared_release().manifest


def told(text: str) -> str:
    """The words of a card, however its lines are broken."""
    return " ".join(text.split())


@pytest.mark.parametrize("release", RELEASES)
def test_card_of_a_release_is_its_manifest_rendered(release: str) -> None:
    assert (shared_release(release).root / "README.md").read_text(encoding="utf-8") == rendered(release=release)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("context", [CardContext(), full_context()], ids=["bare", "full"])
def test_nothing_of_the_template_is_left(release: str, context: CardContext) -> None:
    card = rendered(context=context, release=release)
    for left in ("{{", "{%", "None", "Undefined", "nan", "\n\n\n\n"):
        assert left not in card, left
    assert card.endswith("```\n")


@pytest.mark.parametrize("context", [CardContext(), full_context()], ids=["bare", "full"])
def test_every_table_has_as_many_cells_in_each_line(context: CardContext) -> None:
    for release in RELEASES:
        above = 0
        for line in rendered(context=context, release=release).splitlines():
            cells = line.replace("\\|", "").count("|")
            if line.startswith("|"):
                assert cells == above or not above, line
            above = cells if line.startswith("|") else 0


# Whatever is missing is an error


def _without(manifest: Manifest, field: str) -> Any:
    return SimpleNamespace(**{name: getattr(manifest, name) for name in Manifest.model_fields if name != field})


@pytest.mark.parametrize(
    "field", ["version", "spec", "spec_sha256", "sources", "models", "license", "counts", "usage", "files", "repo"]
)
def test_manifest_whose_field_has_another_name_is_an_error(manifest: Manifest, field: str) -> None:
    assert rendered(_without(manifest, "run")) == rendered(manifest)
    with pytest.raises((UndefinedError, AttributeError), match=field):
        rendered(_without(manifest, field))


def test_variable_that_is_not_given_is_an_error(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = DictLoader({"dataset_card.md.jinja": "{{ pretty_name }} {{ no_such_thing }}"})
    monkeypatch.setattr(render._TEMPLATES, "loader", loader)
    with pytest.raises(UndefinedError, match="no_such_thing"):
        rendered(manifest)


def test_every_variable_of_the_templates_is_given_and_used(manifest: Manifest) -> None:
    """Also of the parts that this release does not show."""
    given = set(values_of(manifest, shared_features(), shared_context()))
    wanted = set()
    for part in PARTS:
        source, _, _ = TEMPLATES.loader.get_source(TEMPLATES, f"{part}.md.jinja")  # type: ignore[union-attr]
        wanted |= meta.find_undeclared_variables(TEMPLATES.parse(source))
    assert wanted == given


def test_a_step_that_nobody_has_described_is_an_error(manifest: Manifest) -> None:
    spec = manifest.spec.model_copy(update={"steps": (*manifest.spec.steps, "new_step@1")})
    with pytest.raises(UsageError, match="there is no step new_step@1"):
        rendered(manifest.model_copy(update={"spec": spec}))


def test_every_released_step_is_described() -> None:
    assert set(STEPS) == set(IMPLEMENTATIONS)
    assert all(step.sentence.endswith(".") and "|" not in step.sentence for step in STEPS.values())


# What the card says in words


@pytest.mark.parametrize("release", RELEASES)
def test_steps_and_errors_are_those_of_the_spec(release: str) -> None:
    spec, card = shared_release(release).manifest.spec, rendered(release=release)
    assert table_of(card, "step") == {f"`{step}`": [STEPS[step].sentence] for step in spec.steps}
    listed = [line for line in card.splitlines() if any(line.startswith(f"- `{error}`: ") for error in ErrorType)]
    assert [line.split("`")[1] for line in listed] == list(spec.errors)


@pytest.mark.parametrize("license_id", [one for one, licence in LICENCES.items() if licence.allows])
def test_licence_is_named(manifest: Manifest, license_id: str) -> None:
    card = rendered(manifest.model_copy(update={"license": license_id}))
    assert f"This release is under **{LICENCES[license_id].name}** ({LICENCES[license_id].url})" in card


def test_a_release_that_must_not_be_passed_on_says_so_at_the_top(manifest: Manifest) -> None:
    mixed = CardContext(origins=(Origin("Talks", "cc-by-sa-4.0", 3), Origin("Chats", "cc-by-nc-4.0", 4)))
    card = rendered(manifest.model_copy(update={"license": "not-releasable"}), mixed)
    assert 0 < card.index("> **Not to be passed on.**") < card.index("## Load it")
    assert "Talks (cc-by-sa-4.0) with Chats (cc-by-nc-4.0): no licence fits all of them" in card
    assert "This release is under" not in card
    assert "passed on" not in rendered().partition("## Sources")[0]


def test_the_licence_chain_is_told_source_by_source(manifest: Manifest) -> None:
    card = rendered(context=full_context())
    assert {name: cells[:2] for name, cells in table_of(card, "dialogues of").items()} == {
        "ESConv": ["40", "cc-by-nc-4.0"],
        "talks": ["10", "mit"],
    }
    assert "@inproceedings{liu2021towards," in card and "@inproceedings{zhang2025decoupledesc," in card
    assert "liu2021towards" not in rendered()


def test_embedded_models_are_told_with_their_roles(manifest: Manifest) -> None:
    corpus = ModelRecord(ref=SCRIPTED, kind="corpus", facts={"accuracy": 0.3121})
    models = {**manifest.models, Role.PLANNER: (corpus,), Role.JUDGE: (corpus,)}
    card = rendered(manifest.model_copy(update={"models": models}))
    note = "> **Made in part without a language model.** The planner and judge came from the embedded `corpus` models."
    assert note in card
    facts = card.partition("### What is measured of the models")[2].partition("\n## ")[0].split("\n")
    assert [line for line in facts if line] == [
        f"- {role} `scripted#r1`, accuracy: 0.312" for role in ("planner", "judge")
    ]
    assert "corpus` models" not in rendered()
    assert "What is measured of the models" not in rendered()


def test_rejected_side_is_warned_of_before_anything_is_loaded() -> None:
    card = rendered()
    assert 0 < card.index("**The rejected side is harmful by design.**") < card.index("load_dataset(")


def test_name_and_version_to_load_are_those_given(manifest: Manifest) -> None:
    card = rendered(manifest.model_copy(update={"repo": "lab/Data"}))
    assert 'load_dataset("lab/Data", "response", split="train", revision="v1.0.0")' in card
    assert "ipm-prefdial verify lab/Data@v1.0.0" in card
    assert "ORG/" not in card
    assert "ipm-prefdial verify DIR" in rendered()


# What lies beside the tables


def test_without_an_audit_the_card_says_so_and_shows_no_picture() -> None:
    card = rendered()
    assert "Not audited yet" in card
    assert "![" not in card and "### The audit's gates" not in card


def test_the_audit_is_shown_with_gates_pictures_and_accepted_ones() -> None:
    context = full_context()
    assert context.audit is not None
    card = rendered(context=context)
    gates = table_of(card, "gate")
    assert list(gates) == list(dict.fromkeys(f"`{gate.name}`" for gate in context.audit.gates))
    assert gates["`faults`"][3].startswith("✗ FAILED (2 of ")
    assert card.count("The maintainer accepts it: It is a test.") == 1
    assert card.count("The maintainer has not accepted it.") == len(context.audit.unpassed) - 1
    assert [line.partition("](")[2].rstrip(")") for line in card.splitlines() if line.startswith("![")] == list(
        context.pictures
    )
    assert "Not audited yet" not in card


def test_the_changelog_is_shown() -> None:
    section = rendered(context=full_context()).partition("## Changelog")[2].partition("\n## ")[0]
    assert section.strip().startswith("All is new.")
    assert shared_release().manifest.spec.notes in told(rendered(context=CardContext()).partition("## Changelog")[2])


def test_what_people_read_of_the_holdout_is_told() -> None:
    unread = told(rendered(release="2.0.0"))
    assert "They wait for a person to look at them: none was signed off here." in unread
    crisis = CrisisReview(
        dialogues=3,
        dialogues_read=2,
        findings=5,
        findings_read=4,
        decisions={CrisisDecision.CRISIS: 3, CrisisDecision.NO_CRISIS: 1},
        readers={"one": 4},
        alpha=Interval(value=None, low=None, high=None, n=0),
        pairwise=(),
        read=(),
    )
    card = told(rendered(context=CardContext(review=Review(replicates=1, configs={}, crisis=crisis)), release="2.0.0"))
    assert (
        "1 person read 4 of 5 findings, and so all findings of 2 of 3 dialogues: a crisis 3 times, no crisis 1 time."
        in card
    )
    assert "nobody has signed them off" not in card
    assert "People in a crisis" not in rendered()


def test_the_card_is_rendered_the_same_twice(manifest: Manifest) -> None:
    one, other = (render_card(manifest, shared_features(), full_context()) for _ in range(2))
    assert one == other
