"""`maintainers.md`: reads, checks and writes the section that people add to a release's card.

The text is Markdown with paragraphs, lists, tables, code, links and headings from the third level on. Refused is what
acts by itself or reaches beyond the section: raw HTML, pictures, definitions of links, larger headings, an unclosed
code block. This list is our own choice.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import ValidationError

from ..schemas.errors import DataError
from ..schemas.licence import LICENCES
from ..schemas.publishing import MAINTAINERS_FILE, Maintainers

HEADING = "From the maintainers"
"""The heading of the card's section. `publish` finds the section by it on published cards, so it must not change."""
NOTE = (
    f"*People wrote this section, and `{MAINTAINERS_FILE}` holds it; the rest of the card is made from the release's "
    "files.*"
)
"""The first paragraph of the section; must not change, either."""

MOST_BYTES = 64 * 1024
"""The largest size of the file, in bytes."""

_HEAD = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
# Control characters, and characters that reverse the direction of the following text.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Links that run something when they are clicked have no place on a card.
_ACTIVE_LINK = re.compile(r"\b(?:javascript|vbscript|file):|\bdata:[a-z]+/", re.IGNORECASE)
# What PyYAML raises on foreign text; an invalid date is a ValueError.
_YAML_ERRORS = (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError)


def parse_maintainers(data: bytes, where: str = MAINTAINERS_FILE) -> Maintainers:
    """The keys and the text of the file.

    Args:
        data: the bytes of the file.
        where: the name of the file in messages.

    Raises:
        DataError: the file is too large, malformed, or holds something that is refused; the message names the key or
            the line.
    """
    if len(data) > MOST_BYTES:
        raise DataError(f"{where}: {len(data):,} bytes: at most {MOST_BYTES:,} are allowed")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: byte {error.start} is not UTF-8") from error
    found = _HEAD.match(text)
    head = read_mapping(found[1], where) if found else {}
    body = text[found.end() :] if found else text
    return check_maintainers(head, body, where)


def split_card(card: str, where: str = "README.md") -> tuple[dict[str, Any], str]:
    """The YAML of a card, and the Markdown below it.

    Raises:
        DataError: there is no YAML, or it cannot be read.
    """
    text = card.removeprefix("\ufeff").replace("\r\n", "\n")
    found = _HEAD.match(text)
    if found is None:
        raise DataError(f"{where}: it does not begin with YAML between lines of dashes")
    return read_mapping(found[1], where), text[found.end() :]


def check_maintainers(head: dict[str, Any], text: str, where: str) -> Maintainers:
    """The checked keys and text, from YAML and text that are already separate.

    Raises:
        DataError: as `parse_maintainers`.
    """
    if "text" in head:
        raise DataError(f"{where}: text: write the text below the YAML")
    text = text.strip("\n").rstrip()
    try:
        said = Maintainers.model_validate({**head, "text": text})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        allowed = "" if first["type"] != "extra_forbidden" else f"; allowed are {', '.join(Maintainers.model_fields)}"
        place = ".".join(str(part) for part in first["loc"])[:100]
        raise DataError(f"{where}: {_UNSEEN.sub('?', place)}: {first['msg']}{allowed}") from error
    if fault := next(_faults(text), None):
        raise DataError(f"{where}: {fault}")
    return said


def maintainers_md(said: Maintainers) -> str:
    """The text of the file; `parse_maintainers` reads it back unchanged."""
    head = head_of(said)
    yaml_lines = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=120) if head else ""
    return f"---\n{yaml_lines}---\n" + (f"\n{said.text}\n" if said.text else "")


def head_of(said: Maintainers) -> dict[str, Any]:
    """The keys that are set, as plain values."""
    return said.model_dump(mode="json", exclude={"text"}, exclude_defaults=True)


def read_mapping(text: str, where: str) -> dict[str, Any]:
    """The mapping in a piece of YAML; empty if the YAML is empty.

    Raises:
        DataError: it is not YAML, not a mapping with strings as keys, or has a key twice.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        found = None if node is None else loader.construct_document(node)
    except _YAML_ERRORS as error:
        raise DataError(f"{where}: its YAML cannot be read: {_line(error)}") from error
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise DataError(f"{where}: its YAML is not a mapping of keys")
    keys = [key.value for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise DataError(f"{where}: {_UNSEEN.sub('?', sorted(twice)[0])[:100]}: the key occurs twice")
    return found


def other_licences(said: Maintainers, allowed: set[str]) -> list[str]:
    """The ids of all licences, in any usual spelling, that the text names and that are not allowed."""
    words = " \n".join((said.text, *(str(value) for value in head_of(said).values())))
    named = {one.id for one in LICENCES.values() if one.name.lower() in words.lower()}
    for pattern, write in _SPELLINGS:
        named |= {write(found) for found in pattern.finditer(words)}
    return sorted(
        one for one in named if not any(licence == one or licence.startswith(f"{one}-") for licence in allowed)
    )


# Patterns of licences in running text, and the id of each.
_SPELLINGS = (
    (re.compile(r"\bcc[- ]?0(?:[- ]?1\.0)?\b", re.IGNORECASE), lambda found: "cc0-1.0"),
    (
        re.compile(r"\bcc[- ](by(?:[- ](?:nc|sa|nd))*)(?:[- ](\d\.\d))?(?!\w)", re.IGNORECASE),
        lambda found: "-".join(("cc", *re.split("[- ]", found[1].lower()), *filter(None, [found[2]]))),
    ),
    (re.compile(r"\bMIT[- ]licen[cs]ed?\b", re.IGNORECASE), lambda found: "mit"),
    (
        re.compile(r"\bapache[- ](?:licen[cs]e[, -]*)?(?:version )?2(?:\.0)?\b", re.IGNORECASE),
        lambda found: "apache-2.0",
    ),
    (re.compile(r"\bpublic domain\b", re.IGNORECASE), lambda found: "cc0-1.0"),
    (
        re.compile(r"\b(?:a?gpl|lgpl|odbl|odc-by|cdla)(?:[- ]v?[\d.]+)?\b", re.IGNORECASE),
        lambda found: found[0].lower(),
    ),
)


def _faults(text: str) -> Iterator[str]:
    if found := _UNSEEN.search(text):
        yield f"{_place(text, found.start())}: an invisible character (U+{ord(found[0]):04X})"
    if found := _ACTIVE_LINK.search(text):
        yield f"{_place(text, found.start())}: a link may only lead to https:, http: or mailto:"
    reader, kept = MarkdownIt("commonmark").enable("table"), "what comes after"
    definitions: dict[str, Any] = {}
    try:
        tokens = reader.parse(f"{text}\n\n## {kept}\n", definitions)
    except RecursionError:
        yield "it is nested too deeply"
        return
    if len(tokens) < 3 or tokens[-2].content != kept or tokens[-1].level:
        yield "a code block or comment is not closed: it would swallow the rest of the card"
        return
    if definitions.get("references"):
        yield "it defines the target of a link ([name]: https://…): write the target into the link"
    for token in tokens[:-3]:
        yield from _token_faults(token)


def _token_faults(token: Token) -> Iterator[str]:
    where = f"line {token.map[0] + 1} of the text" if token.map else "the text"
    if token.type == "html_block":
        yield f"{where}: HTML: use Markdown"
    if token.type == "heading_open" and token.tag in ("h1", "h2"):
        yield f"{where}: a heading of the first or second level: use ###"
    for child in token.children or ():
        if child.type == "html_inline":
            yield f"{where}: HTML: use Markdown"
        elif child.type == "image":
            yield f"{where}: a picture, which would be loaded from another site: link to it"


def _place(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1} of the text"


def _line(error: Exception) -> str:
    return _UNSEEN.sub("?", " ".join(str(error).split()))[:200] or type(error).__name__
