"""Which model, where, and with which key: from what the user wrote to what a call needs."""

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from ...schemas.base import Frozen
from ...schemas.errors import UsageError
from ...schemas.inference import ModelRef, Role

_URL_AHEAD = re.compile(r"@(?=https?://)", re.IGNORECASE)
_HOST_WITHOUT_SCHEME = re.compile(r"@(?:[a-z]+://|localhost\b|[\w.-]+:\d+(?:/|$))", re.IGNORECASE)
_NEXT_URL = re.compile(r",(?=https?://)", re.IGNORECASE)
_FORM = "NAME[#REVISION][@BASE_URL[,BASE_URL…]]"


class ModelChoice(Frozen):
    """A model as the user named it."""

    name: str = Field(min_length=1)
    """The name that the endpoint knows it by."""
    revision: str | None = None
    """Commit, digest or date of the weights, where the user gave one."""
    base_url: str | None = None
    """Where it is served, without a slash at the end; None is the default of the `openai` package."""
    more_urls: tuple[str, ...] = ()
    """Where else the same model is served."""

    @property
    def ref(self) -> ModelRef:
        """What goes into requests, rows and the manifest."""
        return ModelRef(name=self.name, revision=self.revision)

    def __str__(self) -> str:
        return f"{self.ref}@{','.join((self.base_url, *self.more_urls))}" if self.base_url else str(self.ref)


class Endpoint(Frozen):
    """A model with where it is served and the key to it; the key shows in no `repr` and no dump."""

    name: str = Field(min_length=1)
    """The name that the endpoint knows it by."""
    revision: str | None = None
    """Commit, digest or date of the weights, where one is known."""
    base_url: str
    """Where it is served, without a slash at the end."""
    more_urls: tuple[str, ...] = ()
    """Where else the same model is served, under the same key; see `places`."""
    key: SecretStr | None = None
    """Sent as `Authorization: Bearer`; None sends no such header."""
    key_variables: tuple[str, ...] = ("OPENAI_API_KEY",)
    """Environment variables that the key may come from, for messages."""

    @property
    def ref(self) -> ModelRef:
        """What goes into requests, rows and the manifest."""
        return ModelRef(name=self.name, revision=self.revision)

    @property
    def places(self) -> tuple["Endpoint", ...]:
        """The same model at each of its places, one by one."""
        urls = (self.base_url, *self.more_urls)
        return tuple(self.model_copy(update={"base_url": url, "more_urls": ()}) for url in urls)

    @property
    def host(self) -> str:
        """Host and port of every place, for messages."""
        return ", ".join(urlsplit(url).netloc for url in (self.base_url, *self.more_urls))

    def same_as(self, other: "Endpoint") -> bool:
        """Whether both are one model with one key at the same places, in any role: these share one `open_model`."""
        mine, others = (frozenset((one.base_url, *one.more_urls)) for one in (self, other))
        return (self.ref, mine, self.key) == (other.ref, others, other.key)


def parse_model(text: str) -> ModelChoice:
    """What `NAME[#REVISION][@BASE_URL[,BASE_URL…]]` says.

    `@` parts name and URL, and a comma two URLs, only where `http://` or `https://` follows.

    Raises:
        UsageError: it is not of that form, or the URL holds what does not belong in it.
    """
    head, *urls = _URL_AHEAD.split(text.strip(), maxsplit=1)
    name, hash_sign, revision = head.partition("#")
    if _HOST_WITHOUT_SCHEME.search(head):
        raise UsageError(f"the base URL of model {head.partition('@')[0]!r} needs http:// or https:// ({_FORM})")
    if not name or (hash_sign and not revision) or not head.isprintable() or any(letter.isspace() for letter in head):
        raise UsageError(f"a model is written {_FORM}, without spaces; this one was not: {head!r}")
    places = [check_base_url(url, f"model {name!r}") for url in _NEXT_URL.split(urls[0])] if urls else [None]
    if len(set(places)) < len(places):
        raise UsageError(f"model {name!r} has one base URL twice; name each place once ({_FORM})")
    more_urls = tuple(url for url in places[1:] if url is not None)
    return ModelChoice(name=name, revision=revision or None, base_url=places[0], more_urls=more_urls)


def check_base_url(url: str, owner: str) -> str:
    """`url` without the slash at its end; `owner` says in messages whose URL it is, since the URL may hold a secret.

    Raises:
        UsageError: it is no http(s) URL, or holds a user, a password, a query or a fragment.
    """
    try:
        parts = urlsplit(url)
        port_fits = parts.port != 0
    except ValueError:
        port_fits = False
    if not port_fits or parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\x00-\x1f]", url):
        raise UsageError(f"the base URL of {owner} is no http:// or https:// URL with a host; compare its spelling")
    if "," in parts.netloc:
        raise UsageError(f"of several base URLs of {owner} each needs http:// or https:// ({_FORM})")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise UsageError(
            f"the base URL of {owner} holds a user, a password, a query or a fragment, which would end up in logs; "
            "write scheme, host, port and path only, and give keys through the environment"
        )
    return url.rstrip("/")


def resolve(choice: ModelChoice, role: Role, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """Where `choice` is served and the key to it, from `environ` and the defaults of the `openai` package.

    Raises:
        UsageError: the default endpoint is meant and there is no key, or a variable holds what it cannot.
    """
    variables = (f"IPM_PREFDIAL_{role.upper()}_API_KEY", "OPENAI_API_KEY")
    key = _find_key(variables, environ)
    base_url = choice.base_url or environ.get("OPENAI_BASE_URL")
    if not base_url:
        base_url = _default_base_url()
        if key is None:
            raise UsageError(
                f"{choice.ref} as {role} needs an API key for {base_url}: set {variables[0]} or {variables[1]}, "
                f"or name another endpoint: {choice.name}@http://HOST:PORT/v1"
            )
    checked = check_base_url(base_url, f"model {choice.name!r}" if choice.base_url else "OPENAI_BASE_URL")
    return Endpoint(
        name=choice.name,
        revision=choice.revision,
        base_url=checked,
        more_urls=choice.more_urls,
        key=key,
        key_variables=variables,
    )


def _find_key(variables: tuple[str, ...], environ: Mapping[str, str]) -> SecretStr | None:
    for variable in variables:
        if key := environ.get(variable, "").strip():
            if not (key.isascii() and key.isprintable()):
                raise UsageError(f"{variable} holds characters that no HTTP header can carry; set it again")
            return SecretStr(key)
    return None


def _default_base_url() -> str:
    from openai import OpenAI  # takes half a second to import, and only this needs it

    with OpenAI(api_key="unused: no call is made with this client") as client:
        return str(client.base_url).rstrip("/") or "https://api.openai.com/v1"
