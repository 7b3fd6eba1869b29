"""The one place where a model is put together: Recording(Budgeted(Retrying(Limited(Http)))).

Where it is served at several places, Limited(Spread(Http, Http …)): one limit, one budget and one record over them all.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp

from .balancer import LoadBalanced
from .budget import Budget, Budgeted
from .client import AnswerStore, Completer
from .endpoint import Endpoint
from .http import HttpCompleter
from .limit import Limited, Limits
from .meter import Meter
from .record import Recording
from .retry import Retrying, RetryPolicy, Sleep


@asynccontextmanager
async def open_model(
    endpoint: Endpoint,
    *,
    records: AnswerStore,
    limits: Limits | None = None,
    budget: Budget | None = None,
    meter: Meter | None = None,
    policy: RetryPolicy | None = None,
    timeout_s: float = 120.0,
    replay: bool = False,
    attempt: Callable[[Completer], Completer] | None = None,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[Completer]:
    """A model ready to be asked, for as long as the context lasts; `records` stays open after it.

    One such model may answer in several roles, and shares its limits among them: open one for each endpoint that is
    not the `same_as` another. It does well with more requests waiting than `limits.concurrency`, since a request that
    waits to be retried holds no slot.

    Args:
        endpoint: which model, at which places, with which key.
        records: where outcomes are found and kept.
        limits: what the endpoint is asked at most.
        budget: the money of the whole run; None spends without counting.
        meter: where everything is counted.
        policy: how often a failed call is repeated.
        timeout_s: seconds for one call in all.
        replay: answer recorded transient failures as they were instead of asking again.
        attempt: what more is put around every single attempt, below limits and retries.
        sleep: waits between retries; a test passes its own.

    Raises:
        UsageError: the budget has a limit and the model no price.
    """
    meter = meter or Meter(budget.prices.find(endpoint.name) if budget is not None else None)
    # The gate bounds the connections; a second bound here would only cost time.
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=30)
    session = aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "ipm-prefdial"}
    )
    async with session:
        places = endpoint.places
        asked = [HttpCompleter(place, session, timeout_s, meter) for place in places]
        model: Completer = asked[0] if len(asked) == 1 else LoadBalanced(asked, [place.host for place in places])
        model = model if attempt is None else attempt(model)
        model = Limited(model, limits or Limits(), meter)
        model = Retrying(model, policy, meter, sleep=sleep, place=endpoint.host)
        if budget is not None:
            model = Budgeted(model, budget, endpoint.name)
        yield Recording(model, records, meter, replay=replay)
