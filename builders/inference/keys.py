"""The one place that decides which key goes where, and keeps keys out of all that is recorded or shown.

`OPENAI_API_KEY` goes to its provider's own host alone: that of the `openai` package's default base URL, and that of
`OPENAI_BASE_URL`, which is set together with it. Every other host gets the key that is named for the role,
`IPM_PREFDIAL_<ROLE>_API_KEY`, or none: a server on the loopback needs none. A key leaves this machine over https alone,
unless `IPM_PREFDIAL_PLAIN_HTTP` names the host.
"""

import ipaddress
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from ...schemas.errors import UsageError

PROVIDER_KEY = "OPENAI_API_KEY"
PROVIDER_URL = "https://api.openai.com/v1"
"""The default base URL of the `openai` package."""
PLAIN_HTTP = "IPM_PREFDIAL_PLAIN_HTTP"
MASK = "[key]"
_LEAST_SECRET = 8
"""Letters of a key that is looked for in replies: shorter ones (`none`, `EMPTY`) are words and guard nothing."""
_PORTS = {"http": 80, "https": 443}


class FoundKey(NamedTuple):
    """A key from the environment."""

    secret: SecretStr
    variable: str

    @property
    def is_providers(self) -> bool:
        """Whether it is the provider's, which goes to the provider's hosts alone."""
        return self.variable == PROVIDER_KEY


def role_variable(role: str) -> str:
    """The variable of the key that goes wherever the role's model is served."""
    return f"IPM_PREFDIAL_{role.upper()}_API_KEY"


def find_key(role: str, url: str, environ: Mapping[str, str]) -> FoundKey | None:
    """The key that `role` sends to `url`.

    Raises:
        UsageError: it is none that a header can carry.
    """
    variables = [role_variable(role)]
    if is_providers(url, environ):
        variables.append(PROVIDER_KEY)
    for variable in variables:
        if key := environ.get(variable, "").strip():
            if not (key.isascii() and key.isprintable()):
                raise UsageError(f"{variable} holds characters that no HTTP header can carry; set it again")
            return FoundKey(SecretStr(key), variable)
    return None


def is_providers(url: str, environ: Mapping[str, str]) -> bool:
    """Whether `url` is at a host that `OPENAI_API_KEY` is for."""
    return _place(url) in {_place(PROVIDER_URL), _place(environ.get("OPENAI_BASE_URL") or PROVIDER_URL)}


def check_transport(url: str, key: FoundKey, environ: Mapping[str, str]) -> None:
    """Refuses to send a key where anybody on the way can read it.

    Raises:
        UsageError: `url` is plain HTTP to another machine, which `IPM_PREFDIAL_PLAIN_HTTP` does not name.
    """
    parts = urlsplit(url)
    allowed = {one.strip().casefold() for one in environ.get(PLAIN_HTTP, "").split(",")}
    host = (parts.hostname or "").casefold()
    if parts.scheme == "https" or is_loopback(host) or {host, parts.netloc.casefold()} & allowed:
        return
    raise UsageError(
        f"the key in {key.variable} would go to {parts.netloc} in clear text: use https:// there, or unset the "
        f"variable if that server needs no key; if the network is your own, set {PLAIN_HTTP}={parts.netloc}"
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name alone: nothing is looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or (mapped or address).is_unspecified


def mask_key(text: str, key: SecretStr | None) -> str:
    """`text`, that a server wrote about itself, without the key."""
    secret = key.get_secret_value() if key is not None else ""
    return text.replace(secret, MASK) if secret else text


def mask_reply(text: str, key: SecretStr | None) -> str:
    """`text`, that a model wrote, without the key; itself where it does not hold it."""
    secret = key.get_secret_value() if key is not None else ""
    return text.replace(secret, MASK) if len(secret) >= _LEAST_SECRET and secret in text else text


def _place(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").casefold(), parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None
