"""The seam: whatever can answer a request is a model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ...schemas.inference import Completion, ModelRef, Outcome, Request, Role


class Completer(Protocol):
    """Answers requests: an endpoint, an embedded model, a script in a test, or a wrapper of another one."""

    async def complete(self, request: Request) -> Outcome:
        """One answer, or why there is none.

        Raises:
            EndpointError: the endpoint as a whole is of no use (wrong key, unknown model, no server).
        """
        ...


Completers = Mapping[tuple[Role, ModelRef], Completer]
"""The completer of each model in each role."""


class AnswerStore(Protocol):
    """A store of outcomes: the records of one build, alone or together with those of published releases."""

    def find(self, key: str, *, include_transient: bool = False) -> Outcome | None:
        """The outcome under a request's key, or None; transient failures only with `include_transient`."""
        ...

    def put(self, request: Request, outcome: Outcome) -> None:
        """Keeps what a request came to."""
        ...


# A model that answers by script: for tests of whatever asks a model, ours and users' own.


Line = Outcome | str
"""An outcome, or the text of a reply."""
Script = Callable[[Request], Line] | Mapping[str, Line] | Sequence[Line]
"""The replies: a function of the request, a mapping, or a sequence."""


class ScriptedCompleter:
    """A completer that answers by `script` and remembers in `requests` what it was asked, in order.

    A mapping is looked up by the request's key, then by the words of its last message, then by its role (`judge`). An
    outcome gets the key of the request that it answers; a text becomes a completion that stopped by itself.

        judge = ScriptedCompleter({"judge": '{"no_empathy": "yes"}'})
        flaky = ScriptedCompleter([Failed(key="", reason="timeout", detail=""), "I hear you."])
        echo = ScriptedCompleter(lambda request: request.messages[-1]["content"])

    Raises:
        LookupError: the script has nothing for a request; a fault of the test.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self.requests: list[Request] = []

    async def complete(self, request: Request) -> Outcome:
        """The scripted outcome of `request`."""
        self.requests.append(request)
        line = self._find(request)
        if isinstance(line, str):
            return Completion(key=request.key, text=line, finish_reason="stop")
        return line.model_copy(update={"key": request.key})

    def _find(self, request: Request) -> Line:
        script = self._script
        if callable(script):
            return script(request)
        if isinstance(script, Mapping):
            names = (request.key, request.messages[-1]["content"], request.ask.role.value)
            for name in names:
                if name in script:
                    return script[name]
            raise LookupError(
                f"the script has nothing for {names[2]} request {names[0]}, which ends {names[1][-80:]!r}"
            )
        if len(self.requests) > len(script):
            raise LookupError(f"the script has {len(script)} lines, and this is request {len(self.requests)}")
        return script[len(self.requests) - 1]
