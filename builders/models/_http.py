"""Asking an OpenAI-compatible endpoint: one POST a draw, and every way that it can end as an outcome."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import NoReturn

import aiohttp
from yarl import URL

from ...schemas.errors import EndpointError
from ...schemas.inference import Failed, FailureReason, Outcome, Request
from ._api_errors import ApiError, HttpAnswer, model_names, read_error, read_failure, shorten
from ._balancer import LoadBalanced
from ._bodies import ACCEPTED, MOST_ERROR_BYTES, CodingError, OverlongError, read_body, read_head
from ._dialect import Dialect, RequestBody
from ._replies import Sent, read_reply
from ._retry import Retrying, RetryPolicy, Sleep
from .budget import Budget, Budgeted, Meter
from .client import AnswerStore, Completer
from .endpoint import Endpoint
from .limit import Limited, Limits
from .record import Recording

# A host that does not accept a connection within this time is down; an answer may take far longer.
_CONNECT_TIMEOUT_S = 20.0
_MODELS_SHOWN = 20
# Bounds on what an endpoint may send before its body.
_MOST_HEADERS = 128
_MOST_HEADER_BYTES = 8_190


class HttpCompleter:
    """A model behind an OpenAI-compatible `/chat/completions`; sends each request as often as it takes to find out
    which parameters and roles the endpoint takes, and otherwise once.

    Args:
        endpoint: which model, where, with which key.
        session: the connections; its owner closes it, and gives it no cookies, no redirects and no headers of its own.
        timeout_s: seconds for one call in all, from the connection to the last byte of the inflated answer.
        meter: where it is noted what the endpoint does not take, and what is odd about its answers.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        session: aiohttp.ClientSession,
        timeout_s: float = 120.0,
        meter: Meter | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._session = session
        self._url = URL(f"{endpoint.base_url}/chat/completions")
        self._timeout_s = timeout_s
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(timeout_s, _CONNECT_TIMEOUT_S))
        self._meter = meter or Meter()
        self._place = f"{endpoint.name} at {endpoint.base_url}"
        self._dialect = Dialect(self._place, self._meter.without.add)
        self._headers = {"Accept": "application/json", "Accept-Encoding": ACCEPTED}
        if endpoint.key is not None:
            self._headers["Authorization"] = f"Bearer {endpoint.key.get_secret_value()}"
        self._post_headers = {**self._headers, "Content-Type": "application/json"}

    async def complete(self, request: Request) -> Outcome:
        """The reply, or why this call gave none.

        Raises:
            EndpointError: no call to this endpoint can succeed: key, model name, quota or address are wrong.
        """
        while True:
            body = self._dialect.body(request)
            answer = await self._post(request.key, body.data)
            if isinstance(answer, Failed):
                return answer
            read = self._read(request, body, answer)
            if not isinstance(read, ApiError):
                return self._quote(read)
            if self._dialect.learn(read, body, answer.status):
                continue
            failed = read_failure(request.key, answer, read)
            if failed is None:
                await self._give_up(answer, read)
            return self._quote(failed)

    # What an answer says; an error whatever status it came under.
    def _read(self, request: Request, body: RequestBody, answer: HttpAnswer) -> Outcome | ApiError:
        if answer.status != 200:
            return read_error(answer.body)
        sent = Sent(request.key, self._endpoint.name, body.structured, len(body.data), request.sampling.max_tokens)
        reply = read_reply(sent, answer.body)
        if reply.served is not None:
            self._meter.note_served(self._place, self._mask(reply.served))
        if reply.odd_usage:
            self._meter.note_odd_usage(self._place)
        return reply.outcome

    async def _post(self, key: str, data: bytes) -> HttpAnswer | Failed:
        try:
            async with (
                asyncio.timeout(self._timeout_s),  # holds while a body is read and inflated
                self._session.post(
                    self._url,
                    data=data,
                    headers=self._post_headers,
                    timeout=self._timeout,
                    allow_redirects=False,
                    auto_decompress=False,
                    max_field_size=_MOST_HEADER_BYTES,
                    max_headers=_MOST_HEADERS,
                ) as response,
            ):
                if response.status == 200:
                    return HttpAnswer(200, response.headers, await read_body(response))
                head = await read_head(response, MOST_ERROR_BYTES)
                return HttpAnswer(response.status, response.headers, head.data)
        except aiohttp.ConnectionTimeoutError:
            return self._failed(key, FailureReason.CONNECTION, "no connection in time")
        except asyncio.TimeoutError:  # noqa: UP041 - aiohttp's own timeouts derive from this name
            return self._failed(key, FailureReason.TIMEOUT, f"no answer within {self._timeout_s:g} s")
        except (OverlongError, CodingError) as error:
            return self._failed(key, FailureReason.MALFORMED, str(error))
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
            return self._failed(key, FailureReason.MALFORMED, f"the answer was cut or is not HTTP: {error}")
        except (aiohttp.ClientError, OSError) as error:
            return self._failed(key, FailureReason.CONNECTION, str(error) or type(error).__name__)

    def _failed(self, key: str, reason: FailureReason, what: str) -> Failed:
        return Failed(key=key, reason=reason, detail=self._mask(f"{self._endpoint.host}: {what}"))

    async def _give_up(self, answer: HttpAnswer, error: ApiError) -> NoReturn:
        place, said = self._endpoint.base_url, self._mask(str(error))
        variables = " or ".join(self._endpoint.key_variables)
        under = f"HTTP {answer.status}" if answer.status != 200 else "an error under HTTP 200"
        match 402 if error.is_spent else answer.status if answer.status != 200 else error.status:
            case 401 | 403:
                sent = "the key that was sent" if self._endpoint.key is not None else "a call without a key"
                advice = f"refused {sent}: set {variables} to a key that may use it{self._endpoint.key_note}"
            case 404:
                advice = f"does not know it: {await self._list_models()}"
            case 402 | 429:
                advice = f"says that the account is spent: top it up, or set {variables} to another key"
            case _:
                advice = (
                    "is not an OpenAI-compatible endpoint, as it seems: compare the base URL, which often ends in /v1"
                )
        raise EndpointError(
            f"{place} answered {under} for model {self._endpoint.name} and {advice}. It said: {said}. "
            "Every answer so far is kept; repeat the same command"
        )

    async def _list_models(self) -> str:
        names: list[str] = []
        url = URL(f"{self._endpoint.base_url}/models")
        with suppress(aiohttp.ClientError, asyncio.TimeoutError, OSError, CodingError):
            async with (
                asyncio.timeout(min(self._timeout_s, _CONNECT_TIMEOUT_S)),
                self._session.get(
                    url,
                    headers=self._headers,
                    timeout=self._timeout,
                    allow_redirects=False,
                    auto_decompress=False,
                ) as response,
            ):
                names = model_names((await read_head(response, MOST_ERROR_BYTES)).data)
        if not names:
            return "compare the model's name and the base URL, which often ends in /v1; it lists no models"
        shown = ", ".join(self._mask(name) for name in names[:_MODELS_SHOWN])
        more = f" and {len(names) - _MODELS_SHOWN} more" if len(names) > _MODELS_SHOWN else ""
        return f"it serves {shown}{more}; write one of these names"

    # `outcome` as it may be recorded: without the key, which some servers repeat in what they say.
    def _quote(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Failed):
            return outcome.model_copy(update={"detail": self._mask(outcome.detail)})
        text = self._endpoint.mask_reply(outcome.text)
        return outcome if text is outcome.text else outcome.model_copy(update={"text": text})

    def _mask(self, text: str) -> str:
        return shorten(self._endpoint.mask(text))


# The one place where a model is put together: Recording(Budgeted(Retrying(Limited(Http)))).
#
# Where it is served at several places, Limited(Spread(Http, Http …)): one limit, one budget and one record over them
# all.


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
