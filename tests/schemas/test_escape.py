"""Text from outside is harmless in every place that it is put, and ordinary text stays as it is."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ipm_prefdial.schemas.escape import (
    INVISIBLE,
    SOURCE_NAME,
    Markdown,
    csv_table,
    escape_cell,
    escape_code,
    escape_markdown,
    escape_prose,
    escape_sentence,
    markdown_table,
    one_line,
    printable,
    source_name,
    visible,
    visible_json,
)

HOSTILE = (
    "x\n\n## License\n\nMIT",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "![tracker](https://example.org/p.png)",
    "[here](https://example.org)",
    "see https://example.org or www.example.org",
    "mail jane@example.org",
    "| a | b |",
    "`code` **bold** _it_ ~~no~~",
    "---",
    "===",
    "# Title",
    "1. item",
    "> quoted",
    "```\nfence\n```",
    "[ref]: https://example.org",
    "&lt;b&gt; &#60;",
    "\x1b[2J\x1b]0;title\x07\x00\x9b31m",
    "\u202egnp.exe",
    "trailing \\",
)

outside = st.text(st.sampled_from("ab1 \n\t`*_[]()<>|~#!&\\=+-.:/@w'\"\x1b\x00\u202e\u200b"), max_size=40) | st.text(
    max_size=30
)
markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def tokens_of(text: str) -> list[str]:
    """The types of all tokens, inline ones included, that a Markdown reader makes of a page."""
    found = []
    for token in markdown.parse(text):
        found.append(token.type)
        found += [inner.type for inner in token.children or ()]
    return found


PLAIN = {"text", "softbreak", "paragraph_open", "paragraph_close", "inline"}
PROSE = PLAIN | {"code_inline", "em_open", "em_close", "strong_open", "strong_close", "s_open", "s_close"}
LISTS = {f"{kind}_{end}" for kind in ("bullet_list", "ordered_list", "list_item") for end in ("open", "close")}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_is_words_on_a_card(text: str) -> None:
    assert set(tokens_of(escape_markdown(text))) <= PLAIN
    table = f"| a | b |\n|---|---|\n| {escape_markdown(text)} | end |"
    assert tokens_of(table).count("td_open") == 2
    assert tokens_of(f"- {escape_markdown(text)}").count("list_item_open") == 1


@given(outside)
def test_whatever_the_text_it_is_words(text: str) -> None:
    assert set(tokens_of(escape_markdown(text))) <= PLAIN
    row = f"| a | b |\n|---|---|\n| {escape_markdown(text)} | {escape_code(text)} |"
    assert tokens_of(row).count("td_open") == 2


@given(outside)
def test_prose_keeps_paragraphs_lists_and_code_alone(text: str) -> None:
    assert set(tokens_of(escape_prose(text))) <= PROSE | LISTS
    assert "\n" not in escape_sentence(text)
    assert set(tokens_of(escape_sentence(text))) <= PROSE


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_becomes_a_link_by_itself(text: str) -> None:
    """GitHub and the Hub make links of bare addresses; a backslash inside the address stops them."""
    for escaped in (escape_markdown(text), escape_prose(text), escape_sentence(text)):
        assert not re.search(r"https?://|www\.\w|\w@\w+\.\w", re.sub(r"`[^`]*`", "", escaped))


@pytest.mark.parametrize(
    "text", ["ESConv", "thu-coai/esconv", "my_own data (2).json", "Llama 3.1 8B", "I'm -5 & you", "0.62 on 40 rows"]
)
def test_ordinary_names_stay_as_they_are(text: str) -> None:
    assert escape_markdown(text) == text
    assert one_line(text) == text
    assert escape_prose(text) == text


def test_notes_keep_their_code_and_lists() -> None:
    notes = "Adds `a|b` and *more*:\n\n- `compare_sides@2`\n- 2 of 3 judges"
    assert escape_prose(notes) == notes


@given(outside)
def test_a_terminal_gets_no_control_byte(text: str) -> None:
    shown = visible(text)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert visible(shown) == shown
    assert "\n" not in one_line(text)


def test_a_path_keeps_its_spaces_and_shows_what_is_no_text() -> None:
    assert printable(Path("a  b/\x1b[2J\n\t\udcff\u2028é")) == r"a  b/\x1b[2J\n\t\udcff\u2028é"


def test_emoji_and_scripts_keep_their_joiners() -> None:
    for text in ("👩‍👩‍👧 hello", "می‌خواهم"):
        assert visible(text) == text
    assert visible("a\u200d b") == "a\\u200d b"


@given(st.recursive(outside | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(outside, inner)))
def test_json_reads_back_as_it_was(value: object) -> None:
    text = visible_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert not INVISIBLE.search(text)


@given(outside)
def test_no_cell_is_a_formula(text: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerow([escape_cell(text)])
    (cell,) = next(csv.reader(io.StringIO(out.getvalue(), newline="")), [""])
    assert not re.match(r"""[\s|"'`]*[=+\-@\uff1d\uff0b\uff0d\uff20]""", cell) or cell.startswith("'")
    assert cell in (visible(text), f"'{visible(text)}")


@given(st.text())
def test_every_file_name_gives_a_name_for_a_source(text: str) -> None:
    name = source_name(text)
    assert SOURCE_NAME.fullmatch(name)
    assert source_name(name) == name
    assert escape_markdown(name) == name or isinstance(escape_markdown(name), Markdown)


@given(st.lists(outside, min_size=2, max_size=2))
def test_a_table_has_as_many_cells_as_it_was_given(cells: list[str]) -> None:
    table = markdown_table(("a", "b"), [cells])
    assert len(table.splitlines()) == 3
    assert tokens_of(table).count("td_open") == 2
    assert not {"html_inline", "html_block", "link_open", "image"} & set(tokens_of(table))


@given(st.lists(outside | st.floats(allow_nan=False) | st.none(), min_size=1, max_size=3))
def test_a_csv_table_keeps_numbers_and_holds_no_formula(row: list[object]) -> None:
    (read,) = csv.reader(io.StringIO(csv_table([["x", *row]]), newline=""))
    for cell, said in zip(read[1:], row, strict=True):
        if isinstance(said, float):
            assert float(cell) == said
        elif said is None:
            assert cell == ""
        else:
            assert cell == escape_cell(str(said))
