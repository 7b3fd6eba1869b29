"""What one endpoint takes of the OpenAI protocol: learnt from its refusals, once for each parameter."""

import json
import logging
import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from ...schemas.inference import Request
from .replies import ApiError

logger = logging.getLogger(__name__)

_OPTIONAL = ("response_format", "seed", "top_p", "temperature", "max_tokens")
_UNKNOWN_WORDS = re.compile(
    r"unsupported|not support|n't support|unrecogni[sz]ed|unknown|unexpected|not permitted|not allowed|extra_forbidden"
    r"|extra (?:input|field)|unavailable|not available|not recogni[sz]ed|deprecated|no longer|cannot both"
    r"|invalid schema|additional propert",
    re.IGNORECASE,
)
_UNKNOWN_CODES = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})


class Body(NamedTuple):
    """A request as it goes out."""

    data: bytes
    """The JSON."""
    names: frozenset[str]
    """The parameters in it."""

    @property
    def structured(self) -> bool:
        """Whether it asks the endpoint to hold the reply to a JSON Schema."""
        return "response_format" in self.names


class Dialect:
    """The parameters that an endpoint takes; begins with all of them.

    Args:
        place: the endpoint, for the log.
        on_change: told the name of each parameter that is no longer sent.
        without: names that it was told of before.
    """

    def __init__(
        self, place: str, on_change: Callable[[str], None] | None = None, without: Collection[str] = ()
    ) -> None:
        self._place = place
        self._on_change = on_change
        self._dropped = {*without} - {"max_tokens"}
        self._limit_name = "max_completion_tokens" if "max_tokens" in without else "max_tokens"

    def body(self, request: Request) -> Body:
        """`request` in this dialect."""
        schema = request.reply_schema
        fields: dict[str, Any] = {
            "model": request.model.name,
            "messages": request.messages,
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
            self._limit_name: request.sampling.max_tokens,
            "seed": request.seed,
        }
        if schema is not None:
            form = {"name": schema.name, "schema": schema.body, "strict": True}
            fields["response_format"] = {"type": "json_schema", "json_schema": form}
        for name in self._dropped:
            fields.pop(name, None)
        return Body(json.dumps(fields, separators=(",", ":")).encode(), frozenset(fields))

    def learn(self, error: ApiError, sent: Body) -> bool:
        """Whether `error` names a parameter of `sent` that the endpoint does not take, so that sending again helps."""
        name = _find_unknown(error, sent)
        if name is None:
            return False
        if name == "max_tokens":
            known, self._limit_name = self._limit_name != name, "max_completion_tokens"
        else:
            known = name in self._dropped
            self._dropped.add(name)
        if not known:  # others in flight are told the same of what they sent
            instead = " (max_completion_tokens instead)" if name == "max_tokens" else ""
            logger.warning("%s does not take %s: no longer sent%s", self._place, name, instead)
            if self._on_change is not None:
                self._on_change(name)
        return True


def _find_unknown(error: ApiError, sent: Body) -> str | None:
    if error.code not in _UNKNOWN_CODES and not _UNKNOWN_WORDS.search(error.message):
        return None
    if error.param:
        named = [name for name in _OPTIONAL if re.match(rf"{name}\b", error.param)]
    else:
        named = [name for name in _OPTIONAL if re.search(rf"\b{name}\b", error.message)]
    return next((name for name in named if name in sent.names), None)
