"""Whether held-out dialogues are kept out of training: by their ids, and by their words with the audit's finder."""

from collections import defaultdict

from ...schemas.audit import Audit
from ...schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.measures import Interval
from ..data.release import PinnedRelease
from .tables import rows_of
from .verdicts import exactly, nothing


def leaked(release: PinnedRelease, audit: Audit) -> Interval:
    """How many dialogues, or groups of near-duplicates, lie in more than one split; `n` counts the dialogues.

    Two ways to leak are looked for: rows of a dialogue in a split that `dialogues` does not put it in, which is how a
    copied row shows whatever its words are; and dialogues whose words are nearly the same (MinHash, as splits are made
    by) in two splits, which is how a copy under another name shows.
    """
    home = dict[str, set[Split]]()
    for row in rows_of(release, Config.DIALOGUES, ("dialogue_id",)):
        home.setdefault(row["dialogue_id"], set()).add(row["split"])
    strays = {name for name, splits in home.items() if len(splits) > 1}
    for name, splits in _splits_of_rows(release).items():
        if not splits <= home.get(name, set()):
            strays.add(name)
    near = audit.near_duplicates
    if near is None or near.unit != "dialogue":
        return nothing()
    return exactly(float(max(len(strays), near.across_splits)), len(home))


def _splits_of_rows(release: PinnedRelease) -> dict[str, set[Split]]:
    """The splits that rows of each dialogue lie in."""
    found: dict[str, set[Split]] = defaultdict(set)
    for config in (*SFT_CONFIGS, *PAIR_CONFIGS):
        for row in rows_of(release, config, ("dialogue_id",)):
            found[row["dialogue_id"]].add(row["split"])
    return found
