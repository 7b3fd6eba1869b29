"""A checkpoint behind the seam that every model stands behind: requests that wait together are answered in a batch."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ...schemas.inference import Failed, Outcome, Request

_QUIET_S = 0.005
"""Seconds without a new request after which a batch is taken to be complete."""


class InTokens(Protocol):
    """A request as a model reads it."""

    @property
    def ids(self) -> list[int]:
        """Its tokens."""
        ...


Q = TypeVar("Q", bound=InTokens)


class Batched(Protocol[Q]):
    """A model that answers several requests at once; see `LoadedModel`."""

    def put(self, request: Request) -> Q | Failed:
        """The request in tokens, or why it cannot be asked."""
        ...

    def answer(self, questions: Sequence[Q]) -> list[Outcome]:
        """The answers to a batch, in order."""
        ...


@dataclass(frozen=True)
class _Waiting(Generic[Q]):
    question: Q
    answer: "asyncio.Future[Outcome]"


class LocalModel(Generic[Q]):
    """Answers requests in this process.

    Args:
        model: what answers.
        turn: taken while a batch is answered, so that models that share a machine answer one after the other.
        batch: requests that are answered at once, at most.
    """

    def __init__(self, model: Batched[Q], turn: asyncio.Lock, batch: int) -> None:
        self._model, self._turn, self._batch = model, turn, batch
        self._waiting: list[_Waiting[Q]] = []
        self._worker: asyncio.Task[None] | None = None

    async def complete(self, request: Request) -> Outcome:
        """The model's answer; a prompt that does not fit into it is `bad_request`.

        Raises:
            UsageError: memory was full.
        """
        question = self._model.put(request)
        if isinstance(question, Failed):
            return question
        waiting = _Waiting(question, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await waiting.answer

    async def _work(self) -> None:
        while self._waiting:
            await self._wait_for_others()
            async with self._turn:
                await self._answer(self._take())

    async def _wait_for_others(self) -> None:
        """Lets everybody ask who is about to: a batch costs little more than one request."""
        before = 0
        while before < len(self._waiting) < self._batch:
            before = len(self._waiting)
            await asyncio.sleep(_QUIET_S)

    def _take(self) -> list[_Waiting[Q]]:
        """The longest that wait, since a batch is as wide as the longest in it; the rest come after."""
        self._waiting = [one for one in self._waiting if not one.answer.done()]
        self._waiting.sort(key=lambda one: len(one.question.ids), reverse=True)
        taken, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
        return taken

    async def _answer(self, taken: list[_Waiting[Q]]) -> None:
        if not taken:
            return
        try:
            answers = await asyncio.to_thread(self._model.answer, [one.question for one in taken])
        except Exception as error:  # noqa: BLE001  # the waiting caller must get any error
            for one in (*taken, *self._waiting):
                if not one.answer.done():
                    one.answer.set_exception(error)
            self._waiting = []
            return
        for one, answer in zip(taken, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)
