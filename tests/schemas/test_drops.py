"""Every way out is either no choice of the filter's, or one."""

from ipm_prefdial.schemas.drops import NEVER_A_PAIR, DropReason


def test_these_are_the_choices_among_whole_pairs_and_all_others_are_none() -> None:
    """What stands here counts for the pool from which the filter chose; see `builders.balance` and the audit."""
    assert set(DropReason) - NEVER_A_PAIR == {
        DropReason.JUDGE_FAILED,
        DropReason.UNPARSED_VERDICT,
        DropReason.ORDER_FLIP,
        DropReason.CHOSEN_FLAWED,
        DropReason.REJECTED_SOUND,
        DropReason.NOT_WORSE,
        DropReason.EASIER_NEGATIVE,
        DropReason.STRATEGY_CAP,
        DropReason.STEP_TIE,
        DropReason.STEP_WRONG,
        DropReason.UNCLEAR_DIFFERENCE,
    }


def test_a_reasons_name_is_its_value() -> None:
    assert all(reason.value == reason.name.lower() for reason in DropReason)
