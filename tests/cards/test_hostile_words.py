"""Words from a source, a model's name or a file beside the tables never become markup of a card or a line of NOTICE."""

from collections import Counter
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from support.audits import shared_audit
from support.cards import full_context, head_of, rendered
from support.releases import shared_release

from ipm_prefdial.cards.context import CardContext
from ipm_prefdial.cards.licences import Origin, license_text, notice_text
from ipm_prefdial.schemas.inference import ModelRef
from ipm_prefdial.schemas.manifest import BenchmarkRecord, Manifest

WORDS = (
    "x\n\n# Free for all\n\nlicense: mit\n  Licence: MIT License\n---\n| a | b |\n<img src=q onerror=alert(1)> "
    "![p](https://example.org/p.png) [l](https://example.org) `</summary>` https://example.org \x1b[31m\x00"
)
markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def structure_of(card: str) -> Counter[tuple[str, str]]:
    """How often a card has each kind of block, link, picture and HTML, and its headings by their words."""
    found: Counter[tuple[str, str]] = Counter()
    tokens = markdown.parse(card.split("---\n", 2)[2])
    for number, token in enumerate(tokens):
        heading = tokens[number + 1].content if token.type == "heading_open" else ""
        found[token.type, heading] += 1
        found.update((inner.type, "") for inner in token.children or () if inner.type not in ("text", "code_inline"))
    return found


def with_words(manifest: Manifest, words: str) -> Manifest:
    """The manifest with these words wherever people, files or endpoints name something."""
    sources = [one.model_copy(update={"name": words, "uri": words, "revision": words}) for one in manifest.sources]
    models = {
        role: tuple(one.model_copy(update={"ref": ModelRef(name=words), "facts": {words: words}}) for one in records)
        for role, records in manifest.models.items()
    }
    benchmarks = (BenchmarkRecord(name=words, sha256="0" * 64, texts=1, dialogues=0),)
    spec = manifest.spec.model_copy(update={"notes": f"Adds `code` and more. {words}"})
    changes: dict[str, Any] = {"sources": tuple(sources), "models": models, "benchmarks": benchmarks, "spec": spec}
    return manifest.model_copy(update={**changes, "repo": words})


def beside_with(words: str) -> CardContext:
    """What lies beside a release, with these words as its strings."""
    audit = shared_audit()
    gates = [gate.model_copy(update={"why": words, "measure": words}) for gate in audit.gates]
    beside = full_context()
    accepted = tuple(one.model_copy(update={"why": words}) for one in beside.accepted)
    origins = (Origin(words, "cc-by-4.0", 3),)
    audit = audit.model_copy(update={"gates": tuple(gates)})
    return CardContext(origins, audit=audit, accepted=accepted, pictures=beside.pictures, changelog=words)


@pytest.mark.parametrize("release", ["1.0.0", "2.1.0"])
def test_a_card_of_hostile_words_has_the_structure_of_a_card_of_plain_ones(release: str) -> None:
    manifest = shared_release(release).manifest
    plain, hostile = (
        rendered(with_words(manifest, words), beside_with(words), release=release) for words in ("words", WORDS)
    )
    difference = structure_of(hostile) - structure_of(plain)
    # Notes and changelog are Markdown of several paragraphs and soft line breaks; nothing else may be new.
    allowed = {"softbreak", "paragraph_open", "paragraph_close", "inline"}
    assert {kind for kind, _ in difference} <= allowed
    assert "\x1b" not in hostile and "\x00" not in hostile
    assert head_of(hostile)["license"] == head_of(plain)["license"]
    assert "Free for all" not in yaml.safe_dump(list(head_of(hostile)))


def test_a_notice_has_one_licence_line_for_each_source() -> None:
    manifest = with_words(shared_release().manifest, WORDS)
    origins = [Origin(WORDS, "cc-by-4.0", 3), Origin("talks", "mit", 1)]
    notice = notice_text(manifest, origins)
    assert sum(line.startswith("  Licence: ") for line in notice.splitlines()) == len(origins)
    assert "\x1b" not in notice and "\x00" not in notice
    barred = license_text(manifest, [Origin(WORDS, "unknown", 3)])
    assert sum(line.startswith("- ") for line in barred.splitlines()) == 1
