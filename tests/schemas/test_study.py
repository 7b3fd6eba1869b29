"""`validation.json` reads back as what was written, and names the questions that say no."""

import pytest
from pydantic import ValidationError
from support.validations import invented

from ipm_prefdial.schemas.study import StudyOutcome, Validation


def test_it_reads_back_as_it_was_written() -> None:
    validation = invented()
    assert Validation.model_validate_json(validation.model_dump_json()) == validation


def test_refused_are_the_questions_with_a_no() -> None:
    assert [one.verdict for one in invented(StudyOutcome.YES, StudyOutcome.NO, StudyOutcome.CANNOT_TELL).refused] == [
        StudyOutcome.NO
    ]
    assert invented(StudyOutcome.YES, StudyOutcome.CANNOT_TELL).refused == ()


def test_a_validation_without_questions_is_none() -> None:
    with pytest.raises(ValidationError, match="questions"):
        Validation.model_validate({**invented().model_dump(mode="json"), "questions": []})
