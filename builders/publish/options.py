"""What a publish is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .repo import Gating


@dataclass(frozen=True)
class PublishOptions:
    """What a publish is asked to do."""

    folder: Path
    """The release."""
    repo: str
    """`ORG/NAME` on the Hub."""
    pull_request: bool = False
    """Whether the release is proposed and not put on `main`."""
    private: bool = False
    """Whether a repo that is made for it is private."""
    gated: Gating | None = None
    """Whether readers must ask for access, and how it is granted."""
    dry_run: bool = False
    """Whether nothing is written, at home or on the Hub."""
    accept: Mapping[str, str] = field(default_factory=dict)
    """Why each closed gate may pass, by its name."""
    take_card_edits: bool = False
    """Whether what people changed of the card on the Hub is taken into the release."""
