"""Which tables of a release can be loaded, so that every line of code that is printed for it works.

`datasets` refuses a split without rows, and a whole config for the sake of one; so the card's `configs` leave empty
splits out (see `tables.filled`), and a config without any rows cannot be loaded at all.
"""

from ..schemas.config import DEFAULT_CONFIG, Config
from ..schemas.dialogue import Split
from ..schemas.manifest import Manifest
from ..schemas.rows import rows_of
from .tables import rows_by_split


def loadable(manifest: Manifest) -> dict[Config, tuple[Split, ...]]:
    """The configs that have rows, the default first, with the splits that have some."""
    found = {}
    for config in sorted(rows_of(manifest.spec.layout), key=lambda config: config is not DEFAULT_CONFIG):
        splits = tuple(Split(name) for name, rows in rows_by_split(manifest, config).items() if rows)
        if splits:
            found[config] = splits
    return found


def load_line(place: str, manifest: Manifest, *, revision: str | None = None) -> str | None:
    """`load_dataset(…)` of the default config, or else of the first that has rows; None where none has any.

    Args:
        place: the repo, or a folder.
        manifest: the release's.
        revision: its tag, where the place is a repo.
    """
    config = next(iter(loadable(manifest)), None)
    if config is None:
        return None
    tag = f', revision="{revision}"' if revision else ""
    return f'load_dataset("{place}", "{config.value}"{tag})'
