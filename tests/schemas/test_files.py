"""Names of files from outside: each fault is named by its own words."""

import pytest

from ipm_prefdial.schemas.files import fault_of_name


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("/etc/passwd", "it is absolute"),
        ("C:/data", "it is absolute"),
        ("a\\b", "it has a backslash"),
        ("a//b", "it is not normal: it has an empty part, `.` or `..`"),
        ("../b", "it is not normal: it has an empty part, `.` or `..`"),
        ("", "it is empty"),
        ("data/response/train-00000-of-00001.parquet", None),
    ],
)
def test_fault_of_a_name(name: str, fault: str | None) -> None:
    assert fault_of_name(name) == fault
