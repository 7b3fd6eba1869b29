"""The one registry of steps: what it says fits the drop reasons and the steps' functions."""

from ipm_prefdial.builders.mining.steps import STEPS as FUNCTIONS
from ipm_prefdial.builders.mining.steps import CorpusStep, HumanCheck, Unique
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.steps import OUTSIDE_STEPS, STEPS, Stage


def test_every_drop_reason_is_given_by_a_step_or_stands_outside_the_steps() -> None:
    given = {reason for step in STEPS.values() for reason in step.reasons}
    assert given | OUTSIDE_STEPS == set(DropReason)
    assert not given & OUTSIDE_STEPS


def test_stages_and_reasons_are_those_of_the_functions() -> None:
    for name, step in FUNCTIONS.items():
        stage = (
            Stage.CORPUS if isinstance(step, CorpusStep) else Stage.STREAM if isinstance(step, Unique) else Stage.TURN
        )
        assert STEPS[name].stage is stage
        if isinstance(step, HumanCheck):
            assert STEPS[name].reasons == (step.reason,)
