"""Draws an answer of a batch by the seed of its own request, so that neighbours in the batch do not change it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...schemas.inference import Request

if TYPE_CHECKING:
    import torch


def seeded_sampling(requests: Sequence[Request]) -> list[Any]:
    """Processors for `generate` without sampling, after which the largest value is a draw; none where all are greedy.

    The largest of log-probabilities to which Gumbel noise is added is a draw from their distribution (the Gumbel-max
    trick), and noise can come from a generator a request, which `generate` does not offer. A request at temperature 0
    keeps its values, and so its most likely token.
    """
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


def _drawn(request: Request, generator: "torch.Generator", scores: "torch.Tensor") -> "torch.Tensor":
    """One row's scores, whose largest is the token drawn."""
    import torch

    if request.sampling.temperature == 0:
        return scores
    logs = torch.log_softmax(scores / request.sampling.temperature, dim=-1)
    kept = _nucleus(logs, request.sampling.top_p)
    uniform = torch.rand(logs.shape, generator=generator, dtype=torch.float64).clamp(min=1e-300)
    noise = -torch.log((-torch.log(uniform)).clamp(min=1e-300))
    return torch.where(kept, logs + noise.to(logs), -torch.inf)


def _nucleus(logs: "torch.Tensor", top_p: float) -> "torch.Tensor":
    """Which tokens are in the smallest set of the likeliest that has `top_p` of the mass; the first always is."""
    import torch

    ordered, order = torch.sort(logs, descending=True)
    before = torch.cumsum(ordered.exp(), dim=-1) - ordered.exp()
    kept = torch.empty_like(order, dtype=torch.bool)
    kept[order] = before < top_p
    return kept
