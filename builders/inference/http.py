"""Asking an OpenAI-compatible endpoint: one POST a draw, and every way that it can end as an outcome."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import aiohttp
from yarl import URL

from ...schemas.errors import EndpointError
from ...schemas.inference import Failed, FailureReason, Outcome, Request
from .dialect import Dialect
from .endpoint import Endpoint
from .replies import Answer, ApiError, model_names, read_error, read_failure, read_reply, shorten

_CONNECT_TIMEOUT_S = 20.0
_MODELS_SHOWN = 20


class HttpCompleter:
    """A model behind an OpenAI-compatible `/chat/completions`; sends each request as often as it takes to find out
    which parameters the endpoint knows, and otherwise once.

    Args:
        endpoint: which model, where, with which key.
        session: the connections; its owner closes it, and gives it no cookies, no redirects and no headers of its own.
        timeout_s: seconds for one call in all.
        on_dialect: told the name of each parameter that turns out to be unknown there.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        session: aiohttp.ClientSession,
        timeout_s: float = 120.0,
        on_dialect: Callable[[str], None] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._session = session
        self._url = URL(f"{endpoint.base_url}/chat/completions")
        self._timeout_s = timeout_s
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(timeout_s, _CONNECT_TIMEOUT_S))
        self._dialect = Dialect(f"{endpoint.name} at {endpoint.base_url}", on_dialect)
        self._headers = {"Accept": "application/json"}
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
            if answer.status == 200:
                return self._quote(read_reply(request.key, answer.body, structured=body.structured))
            error = read_error(answer.body)
            if answer.status in (400, 422) and self._dialect.learn(error, body):
                continue
            failed = read_failure(request.key, answer, error)
            if failed is None:
                await self._give_up(answer, error)
            return self._quote(failed)

    async def _post(self, key: str, data: bytes) -> Answer | Failed:
        try:
            async with self._session.post(
                self._url, data=data, headers=self._post_headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                return Answer(response.status, response.headers, await response.read())
        except aiohttp.ConnectionTimeoutError:
            return self._failed(key, FailureReason.CONNECTION, "no connection in time")
        except asyncio.TimeoutError:  # noqa: UP041 - aiohttp's own timeouts derive from this name
            return self._failed(key, FailureReason.TIMEOUT, f"no answer within {self._timeout_s:g} s")
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
            return self._failed(key, FailureReason.MALFORMED, f"the answer was cut or is no HTTP: {error}")
        except (aiohttp.ClientError, OSError) as error:
            return self._failed(key, FailureReason.CONNECTION, str(error) or type(error).__name__)

    def _failed(self, key: str, reason: FailureReason, what: str) -> Failed:
        return Failed(key=key, reason=reason, detail=self._mask(f"{self._endpoint.host}: {what}"))

    async def _give_up(self, answer: Answer, error: ApiError) -> NoReturn:
        place, said = self._endpoint.base_url, self._mask(str(error))
        variables = " or ".join(self._endpoint.key_variables)
        match answer.status:
            case 401 | 403:
                sent = "the key that was sent" if self._endpoint.key is not None else "a call without a key"
                advice = f"refused {sent}: set {variables} to a key that may use it"
            case 404:
                advice = f"does not know it: {await self._list_models()}"
            case 402 | 429:
                advice = f"says that the account is spent: top it up, or set {variables} to another key"
            case _:
                advice = "is no OpenAI-compatible endpoint, as it seems: compare the base URL, which often ends in /v1"
        raise EndpointError(
            f"{place} answered HTTP {answer.status} for model {self._endpoint.name} and {advice}. It said: {said}. "
            "Every answer so far is kept; repeat the same command"
        )

    async def _list_models(self) -> str:
        names: list[str] = []
        with suppress(aiohttp.ClientError, asyncio.TimeoutError, OSError):
            url = URL(f"{self._endpoint.base_url}/models")
            timeout = aiohttp.ClientTimeout(total=min(self._timeout_s, _CONNECT_TIMEOUT_S))
            async with self._session.get(
                url, headers=self._headers, timeout=timeout, allow_redirects=False
            ) as response:
                names = model_names(await response.read())
        if not names:
            return "compare the model's name and the base URL, which often ends in /v1; it lists no models"
        shown = ", ".join(self._mask(name) for name in names[:_MODELS_SHOWN])
        more = f" and {len(names) - _MODELS_SHOWN} more" if len(names) > _MODELS_SHOWN else ""
        return f"it serves {shown}{more}; write one of these names"

    def _quote(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Failed):
            return outcome.model_copy(update={"detail": self._mask(outcome.detail)})
        return outcome

    def _mask(self, text: str) -> str:
        """`text`, shortened, without the key, which some servers repeat in what they say."""
        key = self._endpoint.key
        return shorten(text.replace(key.get_secret_value(), "***") if key else text)
