"""A commit is looked at whole before it is tagged, also where it has no parent to compare with."""

from dataclasses import dataclass
from typing import Any

import pytest

from ipm_prefdial.builders.publishing._commit import check_commit
from ipm_prefdial.builders.publishing._plan import payload_of
from ipm_prefdial.builders.publishing._repo import Entry
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.errors import DataError


@dataclass
class Squashed:
    """A repo whose history is one commit."""

    files: dict[str, Entry]
    name: str = "acme/prefs"

    def tree(self, revision: str) -> dict[str, Entry]:
        """Its files."""
        return self.files

    def commits(self, revision: str) -> list[str]:
        """Its history."""
        return ["only"]


def test_a_squashed_history_hides_no_rows_of_others(first: Release) -> None:
    payload = payload_of(first)
    files = {name: Entry(file.oid, file.size, None) for name, file in payload.files.items()}
    repo: Any = Squashed(files | {"NOTES.md": Entry("0" * 40, 1, None)})
    check_commit(repo, payload, "c" * 40)
    repo.files["data/response/train-more.parquet"] = Entry("0" * 40, 1, None)
    with pytest.raises(DataError, match=r"train-more\.parquet would be read as rows"):
        check_commit(repo, payload, "c" * 40)
    del repo.files["LICENSE"]
    with pytest.raises(DataError, match="LICENSE is not there"):
        check_commit(repo, payload, "c" * 40)
