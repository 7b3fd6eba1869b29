"""Finds prompts by id, checks them against the lock, and renders them with exactly the variables they state.

A prompt is a text file `templates/<role>/<name>@<n>.txt`: a head of `key: value` lines, `---`, and sections that begin
with `<|system|>` or `<|user|>`. `$names` are variables; every other character, braces included, is just text.
"""

import hashlib
import json
import string
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from ..schemas.errors import PromptError
from ..schemas.inference import Ask, Message, ReplySchema
from .context import HISTORIES, chat, cued_transcript, numbered_transcript, transcript
from .parsers.trace import format_trace
from .personality import wording_of

_PACKAGE = files(__package__)
LOCK_NAME = "prompts.lock"


@dataclass(frozen=True)
class Section:
    """One message of a prompt, before its variables are filled in."""

    role: str
    template: string.Template

    def render(self, values: dict[str, str]) -> str:
        """The text with `values` filled in; what the values contain is left as it is."""
        return self.template.substitute(values)


@dataclass(frozen=True)
class Prompt:
    """A released prompt: its words, how it shows the history, and what its answer should look like."""

    id: str
    """`role/name@n`."""
    sha256: str
    """Digest of the file."""
    about: str
    """One line on what it asks."""
    history: str
    """One of `context.HISTORIES`."""
    sections: tuple[Section, ...]
    reply_schema: ReplySchema | None
    variables: tuple[str, ...]
    """The names that the prompt's text states, in order of appearance."""

    def messages(self, ask: Ask) -> tuple[Message, ...]:
        """The messages that put `ask` into words, ready to be sent."""
        values = {name: _value(name, ask) for name in self.variables}
        said: list[Any] = [{"role": part.role, "content": part.render(values)} for part in self.sections]
        if self.history != "transcript":
            said += chat(ask.history, with_strategies=self.history == "chat_with_strategies")
        return tuple(said)

    @property
    def instructions(self) -> str:
        """The prompt's own words without its variables: what a reply must not repeat."""
        return "\n".join(part.template.template for part in self.sections)


def _value(name: str, ask: Ask) -> str:
    """The value of a prompt variable; only these names exist."""
    match name:
        case "transcript":
            return transcript(ask.history)
        case "numbered_transcript":
            return numbered_transcript(ask.history)
        case "cued_transcript":
            return cued_transcript(ask.history)
        case "trace" if ask.trace is not None:
            return format_trace(ask.trace)
        case "wording" if ask.profile is not None:
            return wording_of(ask.profile)
    wanted = {
        "strategy": ask.strategy,
        "strategy_a": ask.strategy,
        "strategy_b": ask.other_strategy,
        "reply": ask.reply,
        "reply_a": ask.reply,
        "reply_b": ask.other_reply,
        "error": ask.error,
    }
    value = wanted.get(name)
    if value is None:
        raise PromptError(f"a prompt for the {ask.role} wants ${name}, which this request does not have")
    return str(value)


@lru_cache
def load_prompt(prompt_id: str) -> Prompt:
    """The prompt with this id.

    Raises:
        PromptError: there is none, its file is malformed, or it is not what the lock says was released.
    """
    role, _, name = prompt_id.partition("/")
    path = _PACKAGE / "templates" / role / f"{name}.txt"
    if not path.is_file():
        raise PromptError(f"there is no prompt {prompt_id}; the released ones are {', '.join(sorted(locked()))}")
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    if locked().get(prompt_id, sha256) != sha256:
        raise PromptError(f"prompt {prompt_id} was edited after its release; restore it and write a new @n instead")
    return parse_prompt(prompt_id, data.decode(), sha256)


def parse_prompt(prompt_id: str, text: str, sha256: str = "") -> Prompt:
    """The prompt that `text` describes.

    Raises:
        PromptError: no head, no section, an unknown key in the head, or an unknown kind of history.
    """
    head, divider, body = text.partition("\n---\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    unknown = fields.keys() - {"about", "history", "reply_schema"}
    if not divider or unknown or fields.get("history") not in HISTORIES:
        raise PromptError(f"prompt {prompt_id}: its head needs `about` and `history` (one of {', '.join(HISTORIES)})")
    sections = _sections(body)
    if not sections:
        raise PromptError(f"prompt {prompt_id}: no <|system|> or <|user|> section")
    reply_schema = _reply_schema(prompt_id, fields.get("reply_schema"))
    variables = tuple(dict.fromkeys(name for part in sections for name in part.template.get_identifiers()))
    return Prompt(prompt_id, sha256, fields.get("about", ""), fields["history"], sections, reply_schema, variables)


def _reply_schema(prompt_id: str, text: str | None) -> ReplySchema | None:
    if text is None:
        return None
    try:
        body = json.loads(text)
    except ValueError as error:
        raise PromptError(f"prompt {prompt_id}: `reply_schema` is no JSON: {error}") from error
    return ReplySchema(name=prompt_id.rpartition("/")[2].replace("@", "_v"), body=body)


def _sections(body: str) -> tuple[Section, ...]:
    found: list[Section] = []
    for part in body.split("<|")[1:]:
        role, _, content = part.partition("|>\n")
        if role not in ("system", "user"):
            raise PromptError(f"<|{role}|> is no section; there are <|system|> and <|user|>")
        template = string.Template(content.strip("\n"))
        if not template.is_valid():
            raise PromptError(f"<|{role}|>: a $ begins a variable's name; write $$ for the sign itself")
        found.append(Section(role, template))
    return tuple(found)


@lru_cache
def locked() -> dict[str, str]:
    """The id and SHA-256 of every released prompt, as the lock file states them."""
    lines = (_PACKAGE / LOCK_NAME).read_text().splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))
