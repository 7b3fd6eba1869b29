"""A checkpoint in memory: answers to several requests at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ...builders.models.thoughts import canonical_thoughts
from ...schemas.errors import UsageError
from ...schemas.inference import Completion, Failed, FailureReason, Message, Outcome, Request
from ..data.fit import shorten, token_ids
from ..runs.start import model_errors
from .options import Checkpoint

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

# Draws an answer of a batch by the seed of its own request, so that neighbours in the batch do not change it.


# Processors for `generate` without sampling, after which the largest value is a draw; none where all are greedy.
#
# The largest of log-probabilities to which Gumbel noise is added is a draw from their distribution (the Gumbel-max
# trick), and noise can come from a generator a request, which `generate` does not offer. A request at temperature 0
# keeps its values, and so its most likely token.
def _seeded_sampling(requests: Sequence[Request]) -> list[Any]:
    if all(request.sampling.temperature == 0 for request in requests):
        return []
    import torch
    from transformers import LogitsProcessor

    generators = [torch.Generator().manual_seed(request.seed) for request in requests]

    class Seeded(LogitsProcessor):  # type: ignore[misc]  # Transformers has no types of its own
        """A draw a row."""

        def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
            """The scores with temperature, nucleus and noise."""
            rows = zip(requests, generators, scores.float(), strict=True)
            return torch.stack([_drawn(*row) for row in rows])

    return [Seeded()]


# One row's scores, whose largest is the token drawn.
def _drawn(request: Request, generator: "torch.Generator", scores: "torch.Tensor") -> "torch.Tensor":
    import torch

    if request.sampling.temperature == 0:
        return scores
    logs = torch.log_softmax(scores / request.sampling.temperature, dim=-1)
    kept = _nucleus(logs, request.sampling.top_p)
    uniform = torch.rand(logs.shape, generator=generator, dtype=torch.float64).clamp(min=1e-300)
    noise = -torch.log((-torch.log(uniform)).clamp(min=1e-300))
    return torch.where(kept, logs + noise.to(logs), -torch.inf)


# Which tokens are in the smallest set of the likeliest that has `top_p` of the mass; the first always is.
def _nucleus(logs: "torch.Tensor", top_p: float) -> "torch.Tensor":
    import torch

    ordered, order = torch.sort(logs, descending=True)
    before = torch.cumsum(ordered.exp(), dim=-1) - ordered.exp()
    kept = torch.empty_like(order, dtype=torch.bool)
    kept[order] = before < top_p
    return kept


# Tokens that are looked back on where neither the training nor the model says how many.
_LONGEST = 8_192
# An answer may take this part (one in so many) of the longest sequence.
_ANSWER_PART = 4


@dataclass(frozen=True)
class TokenizedRequest:
    """A request in tokens."""

    request: Request
    ids: list[int]
    """The prompt's; shortened by the dialogue's oldest turns where it was too long, as rows are in training."""
    room: int
    """Tokens that the answer may have."""


@dataclass(frozen=True)
class LoadedModel:
    """A model with its tokenizer, on the accelerator where there is one."""

    model: Any
    tokenizer: "PreTrainedTokenizerBase"
    context: int
    """Tokens of prompt and answer together, at most."""

    def put(self, request: Request) -> TokenizedRequest | Failed:
        """The request in tokens, or why it cannot be asked."""
        room = max(1, min(request.sampling.max_tokens, self.context // _ANSWER_PART))
        most = self.context - room
        try:
            prompt = shorten(request.messages, lambda messages: len(self._ids(messages)), most)
            if prompt is None:
                return _failed(request, f"longer than {most} tokens, even with its last turn alone")
            return TokenizedRequest(request, self._ids(prompt), room)
        except UsageError as error:
            return _failed(request, str(error))

    def answer(self, questions: Sequence[TokenizedRequest]) -> list[Outcome]:
        """The answers to a batch, in order.

        Raises:
            UsageError: memory was full.
        """
        import torch
        from transformers import GenerationConfig

        width = max(len(one.ids) for one in questions)
        padding = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0
        ids = torch.tensor([[padding] * (width - len(one.ids)) + one.ids for one in questions])
        mask = torch.tensor([[0] * (width - len(one.ids)) + [1] * len(one.ids) for one in questions])
        ends = _ends(self.model, self.tokenizer)
        config = GenerationConfig(
            do_sample=False,
            max_new_tokens=max(one.room for one in questions),
            pad_token_id=padding,
            eos_token_id=sorted(ends),
        )
        try:
            with torch.inference_mode():
                said = self.model.generate(
                    input_ids=ids.to(self.model.device),
                    attention_mask=mask.to(self.model.device),
                    generation_config=config,
                    logits_processor=_seeded_sampling([one.request for one in questions]),
                )
        except torch.OutOfMemoryError as error:
            raise UsageError("out of memory: lower --concurrency, which is the size of a batch") from error
        answers = said[:, width:].tolist()
        return [self._outcome(one, answer, ends) for one, answer in zip(questions, answers, strict=True)]

    def _outcome(self, question: TokenizedRequest, answer: list[int], ends: frozenset[int]) -> Completion:
        stop = next((at for at, token in enumerate(answer) if token in ends), None)
        cut = answer[: question.room] if stop is None or stop >= question.room else answer[:stop]
        ended = stop is not None and stop < question.room
        return Completion(
            key=question.request.key,
            text=canonical_thoughts(str(self.tokenizer.decode(cut, skip_special_tokens=True))),
            finish_reason="stop" if ended else "length",
            prompt_tokens=len(question.ids),
            completion_tokens=len(cut),
        )

    def _ids(self, messages: Sequence[Message]) -> list[int]:
        return token_ids(self.tokenizer, [list(messages)], add_generation_prompt=True)[0]


def load(checkpoint: Checkpoint) -> LoadedModel:
    """The model of a checkpoint; an adapter over its base model.

    Raises:
        UsageError: it cannot be loaded, or its tokenizer has no chat template.
        EndpointError: its base model is on the Hub, which cannot be reached.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    there = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    dtype = torch.float32 if there is None else torch.bfloat16
    folder = str(checkpoint.folder)
    with model_errors(folder):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        if checkpoint.is_adapter:
            from peft import AutoPeftModelForCausalLM

            model = AutoPeftModelForCausalLM.from_pretrained(folder, dtype=dtype)
        else:
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    if tokenizer.chat_template is None:
        raise UsageError(f"{folder}: its tokenizer has no chat template, so a dialogue cannot be put to it")
    model = model.eval() if there is None else model.to(there).eval()
    longest = getattr(model.config, "max_position_embeddings", None) or _LONGEST
    return LoadedModel(model, tokenizer, min(checkpoint.max_length or longest, longest))


# The tokens that end an answer.
def _ends(model: Any, tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    named = model.generation_config.eos_token_id
    found = named if isinstance(named, list) else [named]
    return frozenset(token for token in (*found, tokenizer.eos_token_id) if token is not None)


def _failed(request: Request, detail: str) -> Failed:
    return Failed(key=request.key, reason=FailureReason.BAD_REQUEST, detail=detail)


# A checkpoint behind the seam that every model stands behind: requests that wait together are answered in a batch.


# Seconds without a new request after which a batch is taken to be complete.
_QUIET_S = 0.005


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

    # Lets everybody ask who is about to: a batch costs little more than one request.
    async def _wait_for_others(self) -> None:
        before = 0
        while before < len(self._waiting) < self._batch:
            before = len(self._waiting)
            await asyncio.sleep(_QUIET_S)

    # The longest that wait, since a batch is as wide as the longest in it; the rest come after.
    def _take(self) -> list[_Waiting[Q]]:
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
