"""Which model, where, and with which key: from what the user wrote to what a call needs."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from ...schemas.base import Frozen
from ...schemas.errors import UsageError
from ...schemas.inference import BASELINE, REWARD, ModelRef, Role, is_reward_model

# The one place that decides which key goes where, and keeps keys out of all that is recorded or shown.
#
# `OPENAI_API_KEY` goes to its provider's own host alone: that of the `openai` package's default base URL, and that of
# `OPENAI_BASE_URL`, which is set together with it. Every other host gets the key that is named for the role,
# `IPM_PREFDIAL_<ROLE>_API_KEY`, or none: a server on the loopback needs none. A key leaves this machine over https
# alone, unless `IPM_PREFDIAL_PLAIN_HTTP` names the host.


_PROVIDER_KEY = "OPENAI_API_KEY"
PROVIDER_URL = "https://api.openai.com/v1"
"""The default base URL of the `openai` package."""
_PLAIN_HTTP = "IPM_PREFDIAL_PLAIN_HTTP"
_MASK = "[key]"
# Letters of a key that is looked for in replies: shorter ones (`none`, `EMPTY`) are words and guard nothing.
_LEAST_SECRET = 8
_PORTS = {"http": 80, "https": 443}


class FoundKey(NamedTuple):
    """A key from the environment."""

    secret: SecretStr
    variable: str

    # Whether it is the provider's, which goes to the provider's hosts alone.
    @property
    def _is_providers(self) -> bool:
        return self.variable == _PROVIDER_KEY


# The variable of the key that goes wherever the role's model is served.
def _role_variable(role: str) -> str:
    return f"IPM_PREFDIAL_{role.upper()}_API_KEY"


def _find_key(role: str, url: str, environ: Mapping[str, str]) -> FoundKey | None:
    """The key that `role` sends to `url`.

    Raises:
        UsageError: it is none that a header can carry.
    """
    variables = [_role_variable(role)]
    if _is_providers(url, environ):
        variables.append(_PROVIDER_KEY)
    for variable in variables:
        if key := environ.get(variable, "").strip():
            if not (key.isascii() and key.isprintable()):
                raise UsageError(f"{variable} holds characters that no HTTP header can carry; set it again")
            return FoundKey(SecretStr(key), variable)
    return None


# Whether `url` is at a host that `OPENAI_API_KEY` is for.
def _is_providers(url: str, environ: Mapping[str, str]) -> bool:
    return _place(url) in {_place(PROVIDER_URL), _place(environ.get("OPENAI_BASE_URL") or PROVIDER_URL)}


def _check_transport(url: str, key: FoundKey, environ: Mapping[str, str]) -> None:
    """Refuses to send a key where anybody on the way can read it.

    Raises:
        UsageError: `url` is plain HTTP to another machine, which `IPM_PREFDIAL_PLAIN_HTTP` does not name.
    """
    parts = urlsplit(url)
    allowed = {one.strip().casefold() for one in environ.get(_PLAIN_HTTP, "").split(",")}
    host = (parts.hostname or "").casefold()
    if parts.scheme == "https" or is_loopback(host) or {host, parts.netloc.casefold()} & allowed:
        return
    raise UsageError(
        f"the key in {key.variable} would go to {parts.netloc} in clear text: use https:// there, or unset the "
        f"variable if that server needs no key; if the network is your own, set {_PLAIN_HTTP}={parts.netloc}"
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
    return text.replace(secret, _MASK) if secret else text


def mask_reply(text: str, key: SecretStr | None) -> str:
    """`text`, that a model wrote, without the key; itself where it does not hold it."""
    secret = key.get_secret_value() if key is not None else ""
    return text.replace(secret, _MASK) if len(secret) >= _LEAST_SECRET and secret in text else text


def _place(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").casefold(), parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None


# A model's name may hold an `@` itself, so only one before a URL divides the two.
_URL_AHEAD = re.compile(r"@(?=https?://)", re.IGNORECASE)
# `model@localhost:8000` was surely meant as a URL, and would otherwise become a strange name.
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
    """Its base URL, without a slash at the end; None for the default of the `openai` package."""
    more_urls: tuple[str, ...] = ()
    """Further base URLs of the same model."""

    @property
    def ref(self) -> ModelRef:
        """The reference for requests, rows and the manifest."""
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
    """Its base URL, without a slash at the end."""
    more_urls: tuple[str, ...] = ()
    """Further base URLs of the same model, see `places`."""
    key: SecretStr | None = None
    """Sent as `Authorization: Bearer`; None sends no such header."""
    keyless_urls: tuple[str, ...] = ()
    """Places that the key is not for."""
    key_variables: tuple[str, ...] = (_PROVIDER_KEY,)
    """Environment variables that the key may come from, for messages."""
    key_note: str = ""
    """The rest of the message about a refused key."""

    @property
    def ref(self) -> ModelRef:
        """The reference for requests, rows and the manifest."""
        return ModelRef(name=self.name, revision=self.revision)

    @property
    def places(self) -> tuple["Endpoint", ...]:
        """The same model at each of its places, one by one."""
        urls = (self.base_url, *self.more_urls)
        return tuple(
            self.model_copy(
                update={
                    "base_url": url,
                    "more_urls": (),
                    "keyless_urls": (),
                    "key": None if url in self.keyless_urls else self.key,
                }
            )
            for url in urls
        )

    @property
    def host(self) -> str:
        """Host and port of every place, for messages."""
        return ", ".join(urlsplit(url).netloc for url in (self.base_url, *self.more_urls))

    def mask(self, text: str) -> str:
        """`text`, that a server wrote about itself, with the key masked."""
        return mask_key(text, self.key)

    def mask_reply(self, text: str) -> str:
        """`text`, that a model wrote, with the key masked."""
        return mask_reply(text, self.key)

    def same_as(self, other: "Endpoint") -> bool:
        """Whether both are one model with one key at the same places, in any role: these share one `open_model`."""
        mine, others = (frozenset((one.base_url, *one.more_urls)) for one in (self, other))
        return (self.ref, mine, self.key) == (other.ref, others, other.key)


@dataclass(frozen=True)
class Baseline:
    """`corpus`: the models that are fitted on the training dialogues."""

    @property
    def ref(self) -> ModelRef:
        """Its reference before it is fitted; the fit then sets the revision."""
        return ModelRef(name=BASELINE)


@dataclass(frozen=True)
class ModelFolder:
    """A model on disk, which is loaded into this process."""

    path: Path
    is_reward: bool = False
    """`reward:DIR`, a run of a reward recipe; otherwise a checkpoint that writes."""


ModelWord = Baseline | ModelFolder | ModelChoice
"""A model as an option names it."""


def parse_word(text: str, *, checkpoints: bool = False) -> ModelWord:
    """The model that an option names: `corpus`, `reward:DIR`, a checkpoint's folder, or what `parse_model` reads.

    Args:
        text: the option's value.
        checkpoints: whether the command loads checkpoints; otherwise a folder's name is a name at an endpoint, since
            servers such as vLLM name a model by its path.

    Raises:
        UsageError: it has none of these forms.
    """
    if text == BASELINE:
        return Baseline()
    if is_reward_model(text):
        return ModelFolder(Path(text.removeprefix(REWARD)), is_reward=True)
    if checkpoints and Path(text).is_dir():
        return ModelFolder(Path(text))
    return parse_model(text)


def parse_model(text: str) -> ModelChoice:
    """Parses `NAME[#REVISION][@BASE_URL[,BASE_URL…]]`.

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
    places = [_check_base_url(url, f"model {name!r}") for url in _NEXT_URL.split(urls[0])] if urls else [None]
    if len(set(places)) < len(places):
        raise UsageError(f"model {name!r} has one base URL twice; name each place once ({_FORM})")
    more_urls = tuple(url for url in places[1:] if url is not None)
    return ModelChoice(name=name, revision=revision or None, base_url=places[0], more_urls=more_urls)


def _check_base_url(url: str, owner: str) -> str:
    """`url` without the slash at its end; `owner` says in messages whose URL it is, since the URL may hold a secret.

    Raises:
        UsageError: it is not an http(s) URL, or holds a user, a password, a query or a fragment.
    """
    try:
        parts = urlsplit(url)
        port_fits = parts.port != 0
    except ValueError:
        port_fits = False
    if not port_fits or parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\x00-\x1f]", url):
        raise UsageError(f"the base URL of {owner} is not an http:// or https:// URL with a host; compare its spelling")
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
        UsageError: the default endpoint is meant and there is no key, a key would go over plain HTTP to another
            machine, or a variable holds what it cannot.
    """
    base_url = choice.base_url or environ.get("OPENAI_BASE_URL") or PROVIDER_URL
    checked = _check_base_url(base_url, f"model {choice.name!r}" if choice.base_url else "OPENAI_BASE_URL")
    keys = {url: _find_key(role, url, environ) for url in (checked, *choice.more_urls)}
    for url, key in keys.items():
        if key is not None:
            _check_transport(url, key, environ)
    found = next((key for key in keys.values() if key is not None), None)
    variables = (_role_variable(role), _PROVIDER_KEY) if _is_providers(checked, environ) else (_role_variable(role),)
    if found is None and base_url == PROVIDER_URL and choice.base_url is None:
        raise UsageError(
            f"{choice.ref} as {role} needs an API key for {base_url}: set {' or '.join(variables)}, "
            f"or name another endpoint: {choice.name}@http://HOST:PORT/v1"
        )
    return Endpoint(
        name=choice.name,
        revision=choice.revision,
        base_url=checked,
        more_urls=choice.more_urls,
        key=found.secret if found is not None else None,
        keyless_urls=tuple(url for url, key in keys.items() if key is None) if found is not None else (),
        key_variables=variables,
        key_note=_key_note(found, variables, environ),
    )


# Says where a key stayed, for who wonders why it was not sent.
def _key_note(found: FoundKey | None, variables: tuple[str, ...], environ: Mapping[str, str]) -> str:
    if found is not None or _PROVIDER_KEY in variables or not environ.get(_PROVIDER_KEY, "").strip():
        return ""
    return f" ({_PROVIDER_KEY} goes only to its provider's own host)"
