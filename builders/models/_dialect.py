"""The part of the OpenAI protocol that one endpoint accepts, learnt from its refusals of parameters and roles.

Where an endpoint refuses the system role, the system text goes into the first user turn; where it wants roles to
alternate, turns of one speaker in a row become one turn. The request stays what it was, and so does its key: it is the
same question, written as this endpoint takes it. `Snapshot.without` says so in the manifest.
"""

import json
import logging
import re
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ...schemas.inference import Message, Request
from ._api_errors import ApiError

logger = logging.getLogger(__name__)

SYSTEM_ROLE = "system role"
REPEATED_ROLES = "repeated roles"
"""The names of refused roles among those of refused parameters."""

_OPTIONAL = ("response_format", "seed", "top_p", "temperature", "max_tokens")
_UNKNOWN_WORDS = re.compile(
    r"unsupported|not support|n't support|unrecogni[sz]ed|unknown|unexpected|not permitted|not allowed|extra_forbidden"
    r"|extra (?:input|field)|unavailable|not available|not recogni[sz]ed|deprecated|no longer|cannot both"
    r"|invalid schema|additional propert",
    re.IGNORECASE,
)
_UNKNOWN_CODES = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter", "invalid_value"})

# Refusals of the system role as chat templates (Gemma, Mistral, Llama 2) and providers word them.
_NO = (
    r"(?:not support|unsupported|n[o'’]t support|not allowed|not permitted|not accept|n[o'’]t accept|not enabled"
    r"|not available|not recogni|not (?:a )?valid|not in|invalid|unknown|unexpected|unrecogni|disallow|forbidden)"
)
_PROMPT = r"""(?<![a-z])(?:system|developer)['"`’]*[ _-]?(?:role|message|prompt|instruction|turn)s?\b"""
_SYSTEM_REFUSED = re.compile(
    rf"""{_PROMPT}.{{0,60}}{_NO}|{_NO}.{{0,60}}{_PROMPT}"""
    rf"""|\brole\b.{{0,30}}\bsystem\b.{{0,40}}{_NO}|{_NO}.{{0,40}}\brole\b.{{0,30}}\bsystem\b"""
    rf"""|['"`]system['"`].{{0,40}}{_NO}.{{0,40}}\brole""",
    re.IGNORECASE | re.DOTALL,
)
_OTHER_FAULTS = re.compile(
    r"too long|exceed|empty|length|tokens|(?:multiple|more than one|only one) system|at the beginning", re.IGNORECASE
)
# The same without the word: what the endpoint takes in place of it. None of these may name the system role.
_OTHERS_ONLY = re.compile(
    r"""only\b.{0,40}\buser\b.{0,40}\b(?:assistant|model|bot)\b.{0,40}\broles?\b"""
    r"""|should be ['"]user['"](?:(?:,| or|, or) ['"]\w{1,20}['"]){1,4}"""
    r"""|\b(?:first|1st)\b.{0,30}\b(?:message|role|turn|content)\b.{0,60}\buser\b"""
    r"""|\b(?:conversation|messages?|contents?|dialog\w*)\b.{0,20}(?:must|should|has to|needs? to)"""
    r""" (?:start|begin).{0,30}\buser\b""",
    re.IGNORECASE | re.DOTALL,
)
_MUST_ALTERNATE = re.compile(
    r"\b(?:roles?|messages?|turns?|user|assistant|conversations?)\b.{0,60}\balternat"
    r"|\balternat\w*\b.{0,40}\b(?:roles?|messages?|turns?|user)\b"
    r"|\bconsecutive\b.{0,40}\b(?:roles?|messages?|turns?|user|assistant)\b"
    r"|\b(?:messages?|turns?|roles?)\b.{0,60}\b(?:in a row|consecutive)|\bodd index\b",
    re.IGNORECASE | re.DOTALL,
)
_ROLE_PARAMETER = re.compile(r"messages?\W{0,2}\d+\W{0,3}role")


class RequestBody(NamedTuple):
    """A request as it goes out."""

    data: bytes
    """The JSON."""
    names: frozenset[str]
    """The parameters in it, and what it uses of `SYSTEM_ROLE` and `REPEATED_ROLES`."""

    @classmethod
    def of(cls, fields: dict[str, Any], data: bytes | None = None) -> "RequestBody":
        """The body with these fields; `data` where it is written already."""
        roles = [message["role"] for message in fields["messages"]]
        used = [SYSTEM_ROLE] if "system" in roles else []
        if any(one == other for one, other in pairwise(roles)):
            used.append(REPEATED_ROLES)
        if data is None:
            data = json.dumps(fields, separators=(",", ":")).encode()
        return cls(data, frozenset([*fields, *used]))

    @property
    def structured(self) -> bool:
        """Whether it asks the endpoint to hold the reply to a JSON Schema."""
        return "response_format" in self.names


class Dialect:
    """The parameters and roles that an endpoint takes; begins with all of them.

    Args:
        place: the endpoint, for the log.
        on_change: told the name of each parameter or role that is no longer sent.
        without: names that it was told of before.
    """

    def __init__(
        self, place: str, on_change: Callable[[str], None] | None = None, without: Collection[str] = ()
    ) -> None:
        self._place = place
        self._on_change = on_change
        self._dropped = {*without} - {"max_tokens"}
        self._limit_name = "max_completion_tokens" if "max_tokens" in without else "max_tokens"

    def body(self, request: Request) -> RequestBody:
        schema = request.reply_schema
        fields: dict[str, Any] = {
            "model": request.model.name,
            "messages": self._messages(request.messages),
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
        return RequestBody.of(fields)

    def _messages(self, messages: Sequence[Message]) -> Sequence[Message]:
        if SYSTEM_ROLE in self._dropped:
            messages = _without_system(messages)
        if REPEATED_ROLES in self._dropped:
            messages = _joined(messages)
        return messages

    def learn(self, error: ApiError, sent: RequestBody, status: int) -> bool:
        """Whether an error names something of `sent` that the endpoint does not take, so that sending again helps.

        Servers answer 400 or 422 to a parameter, but a template that takes no system role may also be their own 500.
        """
        status = error.status if status == 200 else status
        name = _find_refused_role(error, sent) if status in (400, 422) or status >= 500 else None
        if name is None and status in (400, 422):
            name = _find_unknown(error, sent)
        if name is None:
            return False
        if name == "max_tokens":
            known, self._limit_name = self._limit_name != name, "max_completion_tokens"
        else:
            known = name in self._dropped
            self._dropped.add(name)
        if not known:  # other calls in flight get the same error for what they sent
            instead = _INSTEAD.get(name, "no longer sent")
            logger.warning("%s does not take %s: %s", self._place, name, instead)
            if self._on_change is not None:
                self._on_change(name)
        return True


_INSTEAD = {
    "max_tokens": "no longer sent (max_completion_tokens instead)",
    SYSTEM_ROLE: "its text goes into the first user turn",
    REPEATED_ROLES: "turns of one speaker in a row are sent as one",
}


def _find_unknown(error: ApiError, sent: RequestBody) -> str | None:
    if error.code not in _UNKNOWN_CODES and not _UNKNOWN_WORDS.search(error.message):
        return None
    if error.param:
        named = [name for name in _OPTIONAL if re.match(rf"{name}\b", error.param)]
    else:
        named = [name for name in _OPTIONAL if re.search(rf"\b{name}\b", error.message)]
    return next((name for name in named if name in sent.names), None)


# The role, or the order of roles, that an error refuses and that `sent` has.
def _find_refused_role(error: ApiError, sent: RequestBody) -> str | None:
    if _MUST_ALTERNATE.search(error.message):
        if REPEATED_ROLES in sent.names:
            return REPEATED_ROLES
        # A template without a system role counts it as a turn that is out of order; one that has it says so.
        refuses_system = "system" not in error.message.casefold()
    else:
        refuses_system = _refuses_system(error)
    return SYSTEM_ROLE if refuses_system and SYSTEM_ROLE in sent.names else None


def _refuses_system(error: ApiError) -> bool:
    if _ROLE_PARAMETER.match(error.param) and error.code in _UNKNOWN_CODES:
        return True
    if _OTHER_FAULTS.search(error.message):
        return False
    found = _OTHERS_ONLY.search(error.message)
    if found is not None and "system" not in found[0].casefold():
        return True
    return _SYSTEM_REFUSED.search(error.message) is not None


# The messages with every system text in the first user turn, before its words.
def _without_system(messages: Sequence[Message]) -> list[Message]:
    told = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    rest = [message for message in messages if message["role"] != "system"]
    if not told:
        return rest
    if rest and rest[0]["role"] == "user":
        return [{"role": "user", "content": f"{told}\n\n{rest[0]['content']}"}, *rest[1:]]
    return [{"role": "user", "content": told}, *rest]


# The messages with those of one role in a row as one, a blank line between them.
def _joined(messages: Sequence[Message]) -> list[Message]:
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"]:
            both = f"{joined[-1]['content']}\n\n{message['content']}"
            joined[-1] = {"role": message["role"], "content": both}
        else:
            joined.append(message)
    return joined
