"""The paths that the documents name are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md")
_PATH = re.compile(r"`((?:builders|schemas|prompts|cards|recipes|tests)/[\w./@]+)`")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_of_a_document_exist(document: str) -> None:
    named = _PATH.findall((ROOT / document).read_text(encoding="utf-8"))
    placeholders = ("MODEL", "VERSION")
    assert [path for path in named if not (ROOT / path).exists() and not any(one in path for one in placeholders)] == []
    assert named
