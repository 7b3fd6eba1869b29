"""LICENSE and NOTICE of a release, and what its card says of its sources' licences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..schemas.escape import one_line
from ..schemas.licence import LICENCES, licence_of, refusals
from ..schemas.manifest import Manifest, SourceRecord
from .corpora import corpus_of
from .words import ours


@dataclass(frozen=True)
class Origin:
    """Dialogues that come from one source under one licence, as their rows name both."""

    source: str
    license: str
    """Id of the licence."""
    dialogues: int


def license_text(manifest: Manifest, origins: Sequence[Origin]) -> str:
    """The contents of LICENSE: the one licence of the release, or why there is none.

    Args:
        manifest: of the release.
        origins: of its dialogues.
    """
    licence = licence_of(manifest.license)
    parts = [f"The data of this release is under: {licence.name}\n{licence.url or ''}".rstrip()]
    if reasons := refusals_of(origins):
        parts.append("This release must not be passed on:\n" + "\n".join(f"- {one_line(one)}" for one in reasons))
    parts.append("NOTICE names its sources, their licences and whom to credit.")
    return "\n\n".join(parts) + "\n"


def notice_text(manifest: Manifest, origins: Sequence[Origin]) -> str:
    """The contents of NOTICE: every source with its licence, whom to credit and where it is from.

    Args:
        manifest: of the release.
        origins: of its dialogues.
    """
    head = (
        f"IPM-PrefDial {manifest.version}\n\n"
        "This release is made of the sources below. Keep this notice with whatever you pass on of it.\n"
        "What was changed: dialogues are in one form, cut into turns and rows; replies and strategies that models\n"
        "inferred, and verdicts on them, stand beside the words of the sources. README.md tells all of it."
    )
    return "\n\n".join([head, *(_notice(one, manifest) for one in origins)]) + "\n"


def refusals_of(origins: Sequence[Origin]) -> list[str]:
    """Why the release must not be passed on, each reason with the way out; empty where it may be."""
    return refusals((one.source, one.license) for one in origins)


def license_lines(origins: Sequence[Origin]) -> list[dict[str, Any]]:
    """The licence chain, a line for each source and licence."""
    return [
        {
            "source": one.source,
            "dialogues": one.dialogues,
            "license": one.license,
            "asks": ours(licence_of(one.license).asks),
            "credit": ours(_credit(one.source)),
        }
        for one in origins
    ]


def _notice(origin: Origin, manifest: Manifest) -> str:
    licence, corpus, record = licence_of(origin.license), corpus_of(origin.source), _record_of(origin, manifest)
    lines = [
        f"{one_line(origin.source, 100)} ({origin.dialogues} {'dialogue' if origin.dialogues == 1 else 'dialogues'})",
        f"  Licence: {licence.name}{f', {licence.url}' if licence.url else ''}; it asks: {licence.asks}",
        f"  Credit: {_credit(origin.source)}",
    ]
    if corpus is not None and corpus.url:
        lines.append(f"  From: {corpus.url}")
    if record is not None:
        revision = f" at {record.revision}" if record.revision else ""
        lines.append("  " + one_line(f"Read: {record.uri}{revision}, sha256 {record.sha256}"))
    return "\n".join(lines)


def _record_of(origin: Origin, manifest: Manifest) -> SourceRecord | None:
    """What the manifest says of the source; None where dialogues name sources of their own."""
    return next((one for one in manifest.sources if one.name == origin.source), None)


def _credit(source: str) -> str:
    corpus = corpus_of(source)
    return "not known here: ask where the source is from" if corpus is None else corpus.credit


def names_license(text: str) -> set[str]:
    """Ids of the licences that a LICENSE names in full."""
    return {one.id for one in LICENCES.values() if one.name in text}
