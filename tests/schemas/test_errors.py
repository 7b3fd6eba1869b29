"""The command's exit code is decided by the branch of the error tree."""

import pytest

from ipm_prefdial.schemas import errors
from ipm_prefdial.schemas.errors import PrefDialError

_CODES = {
    "UsageError": 2,
    "SourceError": 2,
    "OutputExistsError": 2,
    "PromptError": 2,
    "DataError": 1,
    "LostRowsError": 1,
    "StepError": 1,
    "BudgetError": 1,
    "EndpointError": 3,
    "UnusableAnswersError": 3,
}


def _tree(kind: type[PrefDialError]) -> set[type[PrefDialError]]:
    return {kind}.union(*(_tree(below) for below in kind.__subclasses__()))


@pytest.mark.parametrize(("name", "code"), list(_CODES.items()))
def test_the_exit_code_of_each_branch(name: str, code: int) -> None:
    assert getattr(errors, name)("what happened").exit_code == code


def test_every_error_of_the_tree_is_drawn_and_has_a_documented_code() -> None:
    names = {kind.__name__ for kind in _tree(PrefDialError) if kind.__module__ == errors.__name__}
    assert names == {*_CODES, "PrefDialError"}
    assert [name for name in names if name not in (errors.__doc__ or "")] == []
    assert {kind.exit_code for kind in _tree(PrefDialError)} == {1, 2, 3}
