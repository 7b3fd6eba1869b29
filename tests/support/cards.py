"""Cards for tests: what a release's card is rendered from, and what stands in a rendered one."""

from functools import lru_cache
from typing import Any

import yaml
from support.audits import shared_audit
from support.releases import shared_release

from ipm_prefdial.builders.release.card_context import card_context_of
from ipm_prefdial.builders.release.refresh import card_features
from ipm_prefdial.cards.context import CardContext
from ipm_prefdial.cards.licences import Origin
from ipm_prefdial.cards.pictures import PICTURES
from ipm_prefdial.cards.render import render_card
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.manifest import Manifest
from ipm_prefdial.schemas.publishing import AcceptedGate


@lru_cache
def shared_features(layout: int = 1) -> dict[Config, Any]:
    """What `dataset_info` says of every config's columns."""
    return card_features(layout)


@lru_cache
def shared_context(release: str = "1.0.0") -> CardContext:
    """What lies beside the tables of a shared release."""
    found = shared_release(release)
    return card_context_of(found.root, found.manifest)


def full_context() -> CardContext:
    """The same with an audit in which gates failed, one of them accepted, and with every picture."""
    audit = shared_audit()
    gates = [gate.model_copy(update={"limit": -1.0, "passed": False, "outcome": "failed"}) for gate in audit.gates[:2]]
    closed = audit.model_copy(update={"gates": (*gates, *audit.gates[2:])})
    why = AcceptedGate(**gates[0].model_dump(include={"name", "measure", "value", "limit"}), why="It is a test.")
    origins = (Origin("ESConv", "cc-by-nc-4.0", 40), Origin("talks", "mit", 10))
    return CardContext(
        origins=origins, audit=closed, accepted=(why,), pictures=tuple(PICTURES), changelog="All is new."
    )


def rendered(manifest: Manifest | None = None, context: CardContext | None = None, release: str = "1.0.0") -> str:
    """The card of a shared release, but for what is given in another form."""
    found = manifest or shared_release(release).manifest
    return render_card(found, shared_features(found.spec.layout), context or shared_context(release))


def head_of(card: str) -> dict[str, Any]:
    """The YAML at the top of a card."""
    first, head, _ = card.split("---\n", 2)
    assert first == ""
    loaded = yaml.safe_load(head)
    assert isinstance(loaded, dict)
    return loaded


def table_of(card: str, first: str) -> dict[str, list[str]]:
    """The cells of the table whose head begins with `first`, by the first cell of each line."""
    lines = card.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        rows[name] = cells
    return rows
