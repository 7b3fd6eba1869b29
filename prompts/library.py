"""Finds prompts by id, checks them against the lock, and renders them with exactly the variables they state.

A prompt is a text file `templates/<role>/<name>@<n>.txt`: a head of `key: value` lines, `---`, and sections that begin
with `<|system|>` or `<|user|>`. `$names` are variables; every other character, braces included, is just text.

The keys of the head: `about` (one line), `history` (how the dialogue is shown), `reply_schema` (the JSON that the
answer should be), and since the second numbers `fence` (how texts from outside are written, see `context`) and `reader`
(how the answer is read, see `readers`).

How a new number is made: copy the newest file to `@n+1` and change it; where its answer has another form, add a reader
with a new number to `readers` and name it in the head. Add the file's digest to `prompts.lock` (`sha256sum` prints it)
and to `tests/prompts/test_lock.py` when its words are final; from then on the file is never edited. Specs name prompts
by number, so no release changes until a new spec names the new one; the property tests in
`tests/prompts/test_injective.py` cover it without a change.
"""

import hashlib
import json
import string
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, TypeVar

from ..schemas.errors import PromptError
from ..schemas.inference import Ask, Completion, Message, ReplySchema
from ..schemas.verdict import Unparsed
from .context import (
    FENCES,
    HISTORIES,
    chat,
    cued_transcript,
    fence,
    fenced_cued_transcript,
    fenced_numbered_transcript,
    fenced_trace,
    fenced_transcript,
    numbered_transcript,
    transcript,
    wording_of,
)
from .parsers.trace import format_trace
from .readers import FIRST_READERS, READERS, Offered, ReplyReader

_PACKAGE = files(__package__)
_LOCK_NAME = "prompts.lock"
_KEYS = frozenset({"about", "history", "reply_schema", "fence", "reader"})

T = TypeVar("T")


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
    """A prompt: its words, how it shows the history, and the form of its answer."""

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
    fence: str | None = None
    """One of `context.FENCES`; None where words from outside are in the text as they are."""
    reader_id: str | None = None
    """One of `readers.READERS`; None for a draft without one."""

    def messages(self, ask: Ask, *, human: str | None = None) -> tuple[Message, ...]:
        """The messages of a request for `ask`.

        Args:
            ask: the question.
            human: the human supporter's words here, for the prompts of an evaluation that show them.
        """
        values = {name: self._value(name, ask, human) for name in self.variables}
        said: list[Any] = [{"role": part.role, "content": part.render(values)} for part in self.sections]
        if self.history != "transcript":
            with_strategies = self.history == "chat_with_strategies"
            said += chat(ask.history, with_strategies=with_strategies, separate=self.fence is not None)
        return tuple(said)

    @property
    def reader(self) -> ReplyReader:
        """The reader of its answers.

        Raises:
            PromptError: it names none.
        """
        if self.reader_id is None:
            raise PromptError(f"prompt {self.id} names no reader for its answers; add `reader: name@n` to its head")
        return READERS[self.reader_id]

    def read(self, kind: type[T], answer: Completion, offered: Offered | None = None) -> T | Unparsed:
        """The answer as a `kind`, or why it cannot be read.

        Raises:
            PromptError: the reader gives another kind; specs are checked for that when they are loaded.
        """
        found = self.reader.read(answer, offered or Offered())
        if not isinstance(found, (Unparsed, kind)):
            raise PromptError(f"prompt {self.id}: {self.reader_id} reads its answers, and gives no {kind.__name__}")
        return found

    def _value(self, name: str, ask: Ask, human: str | None) -> str:
        if name == "human" and human is not None:
            return human if self.fence is None else fence(human)
        return _value(name, ask) if self.fence is None else _fenced_value(name, ask)

    @property
    def instructions(self) -> str:
        """The prompt's own words without its variables: what a reply must not repeat."""
        return "\n".join(part.template.template for part in self.sections)


# The value of a prompt variable; only these names exist.
def _value(name: str, ask: Ask) -> str:
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


# The same with every text from outside in a fence; strategies, errors and personalities are our own words.
def _fenced_value(name: str, ask: Ask) -> str:
    match name:
        case "transcript":
            return fenced_transcript(ask.history)
        case "numbered_transcript":
            return fenced_numbered_transcript(ask.history)
        case "cued_transcript":
            return fenced_cued_transcript(ask.history)
        case "trace" if ask.trace is not None:
            return fenced_trace(ask.trace)
        case "reply" | "reply_a" | "reply_b":
            return fence(_value(name, ask))
    return _value(name, ask)


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
        PromptError: no head, no section, an unknown key in the head, or an unknown history, fence or reader.
    """
    head, divider, body = text.partition("\n---\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    unknown = fields.keys() - _KEYS
    if not divider or unknown or fields.get("history") not in HISTORIES:
        raise PromptError(f"prompt {prompt_id}: its head needs `about` and `history` (one of {', '.join(HISTORIES)})")
    reader_id = fields.get("reader", FIRST_READERS.get(prompt_id))
    if reader_id is not None and reader_id not in READERS:
        raise PromptError(f"prompt {prompt_id}: there is no reader {reader_id}; there are {', '.join(READERS)}")
    if fields.get("fence", FENCES[0]) not in FENCES:
        raise PromptError(f"prompt {prompt_id}: there is no fence {fields['fence']}; there is {', '.join(FENCES)}")
    sections = _sections(body)
    if not sections:
        raise PromptError(f"prompt {prompt_id}: no <|system|> or <|user|> section")
    reply_schema = _reply_schema(prompt_id, fields.get("reply_schema"))
    variables = tuple(dict.fromkeys(name for part in sections for name in part.template.get_identifiers()))
    return Prompt(
        id=prompt_id,
        sha256=sha256,
        about=fields.get("about", ""),
        history=fields["history"],
        sections=sections,
        reply_schema=reply_schema,
        variables=variables,
        fence=fields.get("fence"),
        reader_id=reader_id,
    )


def _reply_schema(prompt_id: str, text: str | None) -> ReplySchema | None:
    if text is None:
        return None
    try:
        body = json.loads(text)
    except ValueError as error:
        raise PromptError(f"prompt {prompt_id}: `reply_schema` is not JSON: {error}") from error
    return ReplySchema(name=prompt_id.rpartition("/")[2].replace("@", "_v"), body=body)


def _sections(body: str) -> tuple[Section, ...]:
    found: list[Section] = []
    for part in body.split("<|")[1:]:
        role, _, content = part.partition("|>\n")
        if role not in ("system", "user"):
            raise PromptError(f"<|{role}|> is not a section; there are <|system|> and <|user|>")
        template = string.Template(content.strip("\n"))
        if not template.is_valid():
            raise PromptError(f"<|{role}|>: a $ begins a variable's name; write $$ for the sign itself")
        found.append(Section(role, template))
    return tuple(found)


@lru_cache
def locked() -> dict[str, str]:
    """The id and SHA-256 of every released prompt, as the lock file states them."""
    lines = (_PACKAGE / _LOCK_NAME).read_text().splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))
