"""Judges' answers about single sides, as audits count them."""

import pyarrow as pa

from ipm_prefdial.builders.auditing._flags import verdicts_of

SOUND = {"rationale": "warm", "raw": "{}", "problem": None, "rejected_error": None}
FLAWED = SOUND | {"rejected_error": "template_response"}
UNREAD = {"rationale": None, "raw": "Well …", "problem": "no_json (stop)", "rejected_error": None}
FAILED = UNREAD | {"raw": None, "problem": "failed: timeout: 30 s"}
NO_REPLY = UNREAD | {"raw": "{}", "problem": "no_reply: rejected"}
JUDGE = {"model": "judge", "revision": "r1"}


def judgements(*rows: list[dict[str, object]]) -> pa.Array:
    return pa.array([[{**one, **JUDGE} for one in row] for row in rows])


def test_an_answer_that_a_side_is_no_reply_is_neither_unread_nor_a_word_for_it() -> None:
    found = verdicts_of("inferred", None, judgements([SOUND, NO_REPLY], [NO_REPLY], [FLAWED, UNREAD, FAILED]))
    assert found is not None
    assert found.rows.tolist() == [0, 2, 2, 2]
    assert {name: int(some.sum()) for name, some in found.answers()} == {"parsed": 2, "unparsed": 1, "failed": 1}
    assert found.error.to_pylist() == [None, "template_response", None, None]


def test_where_every_side_is_no_reply_there_is_no_answer_to_count() -> None:
    found = verdicts_of("inferred", None, judgements([NO_REPLY]))
    assert found is not None
    assert not len(found.rows)
