"""What a completion costs beside aiohttp and openai's client: calls a second and CPU time, in one run. By hand:

python tests/benchmarks/bench_engine.py [--calls 4000] [--rounds 3]

Needs gcc and the mock endpoint in C beside the checkout (`../shared/mockserver`); where one is
absent it says so and stops.
"""

import argparse
import asyncio
import gc
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import aiohttp
from mock_endpoint import MockEndpoint, why_not
from openai import AsyncOpenAI

from ipm_prefdial.builders.models._http import open_model
from ipm_prefdial.builders.models.endpoint import Endpoint
from ipm_prefdial.builders.models.limit import Limits
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.schemas.inference import Ask, Completion, Message, ModelRef, Request, Sampling, Task, derive_seed

LATENCY_MS = 50
CONCURRENCY = 64
WAITING = 2 * CONCURRENCY
"""Requests that wait or are in flight: a slot is never empty for want of the next one."""

Call = Callable[[int], Awaitable[None]]
Contender = Callable[[str, Path], AsyncIterator[Call]]


class Figures(NamedTuple):
    """One round of one contender."""

    calls_per_s: float
    cpu_ms: float
    """CPU of this process per call, all threads."""


def messages_of(number: int) -> tuple[Message, ...]:
    """About 1,500 characters that no other number has."""
    talk = "seeker: I lost my job and do not know how to tell my family. supporter: That sounds heavy. " * 15
    return (
        {"role": "system", "content": "You support people who are in distress. Reply in one or two sentences."},
        {"role": "user", "content": f"[row:{number:06d}] {talk}"},
    )


@asynccontextmanager
async def bare_aiohttp(url: str, _folder: Path) -> AsyncIterator[Call]:
    """What nobody can be cheaper than by much: a post, and the JSON of the answer."""
    slots = asyncio.Semaphore(CONCURRENCY)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call(number: int) -> None:
            body = {"model": "mock", "messages": messages_of(number), "temperature": 0.7, "max_tokens": 256}
            async with slots, session.post(f"{url}/chat/completions", json=body) as response:
                found = await response.json()
                assert found["choices"][0]["message"]["content"]

        yield call


@asynccontextmanager
async def openai_client(url: str, _folder: Path) -> AsyncIterator[Call]:
    """What most people use."""
    slots = asyncio.Semaphore(CONCURRENCY)
    async with AsyncOpenAI(base_url=url, api_key="unused", max_retries=0) as client:

        async def call(number: int) -> None:
            async with slots:
                found = await client.chat.completions.create(
                    model="mock", messages=cast(Any, messages_of(number)), temperature=0.7, max_tokens=256
                )
                assert found.choices[0].message.content

        yield call


@asynccontextmanager
async def whole_stack(url: str, folder: Path) -> AsyncIterator[Call]:
    """Ours: key, records, limits, post, parse, and every outcome durable before the clock stops."""
    endpoint = Endpoint(name="mock", base_url=url)
    ask = Ask(task=Task.RESPONDER, history=())
    sampling = Sampling(temperature=0.7, top_p=0.95, max_tokens=256)
    with Records(folder / f"{time.monotonic_ns()}.sqlite") as records:
        async with open_model(endpoint, records=records, limits=Limits(concurrency=CONCURRENCY)) as model:

            async def call(number: int) -> None:
                messages = messages_of(number)
                request = Request(
                    model=ModelRef(name="mock"),
                    messages=messages,
                    sampling=sampling,
                    draw=0,
                    seed=derive_seed(1, messages, 0),
                    ask=ask,
                )
                assert isinstance(await model.complete(request), Completion)

            yield call
        await records.aflush()


async def run_round(contender: Callable[[str, Path], object], url: str, folder: Path, calls: int) -> Figures:
    """Ask `calls` times and measure, warm-up and import aside."""
    numbers = iter(range(calls))
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    async with contender(url, folder) as call:  # type: ignore[attr-defined]

        async def work() -> None:
            for number in numbers:
                await call(number)

        await asyncio.gather(*(work() for _ in range(WAITING)))
    return Figures(calls / (time.perf_counter() - wall), (time.process_time() - cpu) / calls * 1000)


def main() -> None:
    """Run every contender in turn, `--rounds` times over, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="the name of one contender")
    options = parser.parse_args()
    if reason := why_not():
        print(f"skipped: {reason}")
        return
    contenders = {"bare aiohttp": bare_aiohttp, "openai client": openai_client, "whole stack": whole_stack}
    if options.only:
        contenders = {options.only: contenders[options.only]}
    rounds: dict[str, list[Figures]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as name, MockEndpoint(Path(name)) as mock:
        mock.reset(latency=LATENCY_MS)
        for contender in contenders.values():
            asyncio.run(run_round(contender, mock.url, Path(name), 200))
        for _ in range(options.rounds):
            for title, contender in contenders.items():
                rounds[title].append(asyncio.run(run_round(contender, mock.url, Path(name), options.calls)))
    report(rounds, options.calls)


def report(rounds: dict[str, list[Figures]], calls: int) -> None:
    """Print the table, and the same as one line of JSON."""
    medians = {
        title: Figures(*(statistics.median(values) for values in zip(*figures, strict=True)))
        for title, figures in rounds.items()
    }
    base = medians.get("bare aiohttp") or next(iter(medians.values()))
    print(f"{calls} calls, concurrency {CONCURRENCY}, {LATENCY_MS} ms, medians of {len(next(iter(rounds.values())))}")
    print(f"{'':16}{'calls/s':>10}{'CPU ms':>10}{'of bare':>10}")
    for title, figures in medians.items():
        ratio = figures.calls_per_s / base.calls_per_s
        print(f"{title:16}{figures.calls_per_s:10.0f}{figures.cpu_ms:10.2f}{ratio:10.2f}")
    print(json.dumps({title: figures._asdict() for title, figures in medians.items()}))


if __name__ == "__main__":
    main()
