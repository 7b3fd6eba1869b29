"""Puts a review into a release, and renews what shows it."""

from ...schemas.review import FILE_NAME, Review
from ..finish import write_views
from ..release.read import Release
from .store import write_review


def renew_review(release: Release, review: Review) -> None:
    """Writes `review.json`, the card that shows it and the manifest that knows both; nothing else there changes."""
    record = write_review(release.root, review)
    files = {**release.manifest.files, FILE_NAME: record}
    write_views(release.root, release.manifest.model_copy(update={"files": files}))
