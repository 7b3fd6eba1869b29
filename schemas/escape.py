"""Escapes text from outside for the place where it is written.

Names, notes, file names, cells and error bodies come from sources, releases, endpoints and sheets, so they may hold
anything: markup, control bytes, spreadsheet formulas, line breaks that forge a line of ours. Each function here makes
such a text harmless in one kind of place and leaves ordinary text as it is. HTML pages escape by the autoescape of
Jinja, and YAML and JSON by the libraries that write them.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, DEL, C1: terminals act on them
    "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # zero width, and what turns the direction
    "\ufff9-\ufffb\U000e0000-\U000e007f"  # annotation and tag characters: words that no reader sees
    "\u2028\u2029\ud800-\udfff"
    "]"
)
"""Characters that are invisible, or that a terminal acts on."""

# Zero-width letters that some scripts and emoji need; they are visible in what they join.
_JOINERS = "\u200c\u200d"

SOURCE_NAME = re.compile(r"[^\W_][\w .,+&()/'’:@-]{0,99}")
"""The names that a source may have: letters and digits first, then some marks that mean nothing in Markdown."""

_CODE_SPAN = re.compile(r"(`[^`\n]+`)")
_ENTITY = re.compile(r"&(?=#|\w+;)")
# GitHub and the Hub make links of bare addresses, too, so it is not enough to escape square brackets.
_AUTOLINK = re.compile(r"(?<=http)s?:(?=//)|(?<=ftp):(?=//)|(?<=mailto):|(?<=\bwww)\.|(?<=\w)@(?=\w[\w-]*\.\w)", re.I)
_LINE_MARKER = re.compile(r"^(?=(?:#{1,6}|[-+>]|\d{1,9}[.)])(?:\s|$)|[=-]+\s*$|(?:[-_]\s*){3,}$|~~~)")
_FORMULA_SIGNS = "=+-@"
_BEFORE_A_FORMULA = "|\"'`"


def visible(text: str) -> str:
    """The text with every character that cannot be seen, or acts on a terminal, written out as `\\x1b` or `\\u202e`.

    Tabs and line feeds stay, and so do the joiners inside a word.
    """
    return INVISIBLE.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    letter = found[0]
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    if letter in _JOINERS and before and after and not before.isspace() and not after.isspace():
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: Path | str) -> str:
    """A path or a line as `visible` shows it, with tabs and line feeds written out and every space kept."""
    return visible(str(text)).replace("\t", "\\t").replace("\n", "\\n")


def visible_json(text: str) -> str:
    """JSON text with the same characters as JSON escapes, so that it reads back as it was."""
    # Outside its strings JSON has no such character, and those below U+0020 are escaped already.
    return INVISIBLE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def one_line(text: str, most: int = 500) -> str:
    """The text on one line, with nothing that cannot be seen, cut after `most` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= most else f"{line[:most]}…"


class Markdown(str):
    """Text that is Markdown already: our own words, in which everything from outside was escaped."""

    __slots__ = ()


def escape_markdown(text: str) -> Markdown:
    """The text as words inside a paragraph, list item or table cell: no markup, link, picture, HTML or new line."""
    # White space is joined first: a line break inside a cell or a list item would end it.
    line = re.sub(r"[\\`*\[\]<>|~]", r"\\\g<0>", " ".join(visible(text).split()))
    line = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)  # inside a word an underscore is not markup
    return Markdown(_at_the_start(_no_links(_ENTITY.sub("&amp;", line))))


def escape_code(text: str) -> Markdown:
    """The text as a code span."""
    # A code span cannot escape its own quote, and a table splits cells before it looks for code.
    inside = one_line(text).replace("`", "'").replace("|", "\\|")
    return Markdown(f"`{inside or ' '}`")


def escape_prose(text: str) -> Markdown:
    """Notes that people wrote in Markdown: paragraphs, lists, emphasis and code stay.

    Headings, links, pictures, HTML, tables and thematic breaks become words, so that notes cannot look like a part
    of the page around them.
    """
    return Markdown("\n".join(_prose_line(line) for line in visible(text).split("\n")))


def escape_sentence(text: str) -> Markdown:
    """The same for one sentence or table cell: emphasis and code stay, everything else is words on one line."""
    parts = _CODE_SPAN.split(one_line(text, 2_000))
    inside = (part.replace("|", "\\|") if number % 2 else _words_only(part) for number, part in enumerate(parts))
    return Markdown(_at_the_start("".join(inside)))


def _prose_line(line: str) -> str:
    indent = " " * min(3, len(line) - len(line.lstrip()))  # four, or a tab, would make a code block
    parts = _CODE_SPAN.split(line.strip())
    words = "".join(part if number % 2 else _words_only(part) for number, part in enumerate(parts))
    is_item = re.match(r"[-*+] \S|\d{1,9}[.)] \S", words)
    return indent + (words if is_item else _at_the_start(words))


# Text between code spans, with emphasis but without HTML, links, pictures, tables and fences.
def _words_only(text: str) -> str:
    escaped = re.sub(r"\\|[<|\[\]]", r"\\\g<0>", text.replace("```", "'''"))
    return _no_links(_ENTITY.sub("&amp;", escaped))


# Without what Markdown turns into a link by itself.
def _no_links(text: str) -> str:
    return _AUTOLINK.sub(lambda found: re.sub(r"[:.@]", r"\\\g<0>", found[0]), text)


# The line with a backslash before what would make it a heading, an item, a quotation or a rule.
def _at_the_start(line: str) -> str:
    found = _LINE_MARKER.match(line)
    if found is None:
        return line
    number = re.match(r"\d+", line)
    at = number.end() if number else 0
    return f"{line[:at]}\\{line[at:]}"


def escape_cell(text: str) -> str:
    """The text as a cell of a sheet: a spreadsheet program shows it and never calculates it.

    An apostrophe stands before whatever begins with a formula sign, also behind spaces, line breaks, quotation marks or
    letters of no width, and also in a full-width form.
    """
    # Programs skip spaces and marks of no width before they look for a formula sign, so these are skipped here, too.
    shown = visible(text)
    for letter in shown:
        if letter.isspace() or letter in _BEFORE_A_FORMULA or unicodedata.category(letter) in ("Cf", "Zs"):
            continue
        # Some programs take the full-width forms of the signs for the signs themselves.
        if unicodedata.normalize("NFKC", letter)[:1] in _FORMULA_SIGNS:
            return f"'{shown}"
        break
    return f"'{shown}" if shown.startswith(("\t", "\r", "\n", "|")) else shown


def csv_table(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV; texts are cells that no spreadsheet program calculates, numbers stay numbers, None is empty."""
    out = io.StringIO()
    cells = ([escape_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    csv.writer(out, lineterminator="\n").writerows(cells)
    return out.getvalue()


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are one line each and hold no border, HTML or link; it reads well on a terminal, too."""
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_table_cell, line))} |" for line in lines)


def _table_cell(text: str) -> str:
    cell = re.sub(r"[|<]|\](?=\()", r"\\\g<0>", " ".join(visible(text).split()))
    return _no_links(cell)


def source_name(text: str) -> str:
    """A name for a source out of a file's or folder's: what `SOURCE_NAME` does not allow becomes an underscore."""
    seen = " ".join(INVISIBLE.sub("", unicodedata.normalize("NFC", text)).split())
    name = re.sub(r"[^\w .,+&()/'’:@-]", "_", seen)[:90].strip(" ._/-")
    return name if SOURCE_NAME.fullmatch(name) else f"source {name}".strip()
