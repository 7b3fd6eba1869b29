"""The scripted model says what its script says."""

import pytest
from servers.asking import make_request

from ipm_prefdial.builders.models.client import ScriptedCompleter
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, Task


async def test_function_is_called_with_the_request() -> None:
    model = ScriptedCompleter(lambda request: request.messages[-1]["content"].upper())
    request = make_request("hello")
    assert await model.complete(request) == Completion(key=request.key, text="HELLO", finish_reason="stop")
    assert model.requests == [request]


async def test_mapping_goes_by_key_then_words_then_role() -> None:
    special = make_request("three", task=Task.JUDGE)
    model = ScriptedCompleter({special.key: "by key", "two": "by words", "judge": "by role"})
    for text, reply in (("one", "by role"), ("two", "by words"), ("three", "by key")):
        outcome = await model.complete(make_request(text, task=Task.JUDGE))
        assert isinstance(outcome, Completion) and outcome.text == reply
    with pytest.raises(LookupError, match="planner"):
        await model.complete(make_request("one", task=Task.PLANNER))


async def test_sequence_goes_in_order_and_outcomes_get_their_key() -> None:
    model = ScriptedCompleter([Failed(key="", reason=FailureReason.TIMEOUT, detail=""), "then this"])
    request = make_request()
    first, second = [await model.complete(request) for _ in range(2)]
    assert isinstance(first, Failed) and isinstance(second, Completion)
    assert first.key == second.key == request.key
    with pytest.raises(LookupError, match="2 lines"):
        await model.complete(request)
