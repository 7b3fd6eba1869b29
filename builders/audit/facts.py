"""What gates know of a dataset besides what was measured: which tables it promises, how it was judged, and by whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...cards.tables import rows_by_split
from ...schemas.config import PAIR_CONFIGS, REASONING_CONFIGS, SFT_CONFIGS, Config
from ...schemas.inference import Role
from ...schemas.manifest import Manifest, ModelRecord


@dataclass(frozen=True)
class Facts:
    """Facts about a release; those of another dataset are empty."""

    is_release: bool = False
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Rows of the promised configs by split: preferences, demonstrations, and traces where there is a reasoner."""
    judged: frozenset[str] = frozenset()
    """The preference configs of which judges are asked."""
    compares: bool = False
    """Whether judges compare both sides, in both orders; in layout 1 they look at one side at a time."""
    models: Mapping[Role, tuple[ModelRecord, ...]] = field(default_factory=dict)


NO_RELEASE = Facts()
"""Of a dataset of somebody else's."""


def facts_of(manifest: Manifest) -> Facts:
    """What a release's manifest says."""
    promised = [*PAIR_CONFIGS, *SFT_CONFIGS, *(one for one in REASONING_CONFIGS if one in manifest.counts)]
    compares = manifest.spec.layout > 1
    # Without a judge of strategies, a pair of these is worse by construction: nothing is asked of it.
    judged = PAIR_CONFIGS if manifest.spec.strategy_judge is not None else (Config.RESPONSE, Config.JOINT)
    return Facts(
        is_release=True,
        rows={config.value: rows_by_split(manifest, config) for config in promised},
        judged=frozenset(config.value for config in judged),
        compares=compares,
        models=manifest.models,
    )
