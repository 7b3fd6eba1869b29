"""Requests for tests that ask a model, and a run of many of them as a program that can be killed.

python -m servers.asking URL RECORDS CALLS CONCURRENCY
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from ipm_prefdial.builders.models._http import open_model
from ipm_prefdial.builders.models.endpoint import Endpoint
from ipm_prefdial.builders.models.limit import Limits
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.schemas.inference import Ask, ModelRef, ReplySchema, Request, Sampling, Task


def make_request(
    text: str = "I lost my job.",
    *,
    model: str = "mock",
    task: Task = Task.RESPONDER,
    draw: int = 0,
    max_tokens: int = 64,
    schema: dict[str, Any] | None = None,
) -> Request:
    """A request whose last message is `text`."""
    return Request(
        model=ModelRef(name=model),
        messages=({"role": "system", "content": "Support."}, {"role": "user", "content": text}),
        sampling=Sampling(temperature=0.7, top_p=0.95, max_tokens=max_tokens),
        draw=draw,
        seed=7,
        reply_schema=ReplySchema(name="verdict", body=schema) if schema is not None else None,
        ask=Ask(task=task, history=()),
    )


async def ask_many(url: str, path: Path, calls: int, concurrency: int) -> None:
    """Ask `calls` different requests through the whole stack, and return when all are on record."""
    with Records(path) as records:
        async with open_model(
            Endpoint(name="mock", base_url=url), records=records, limits=Limits(concurrency=concurrency)
        ) as model:
            await asyncio.gather(*(model.complete(make_request(f"row {number}")) for number in range(calls)))
        await records.aflush()


if __name__ == "__main__":
    asyncio.run(ask_many(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
