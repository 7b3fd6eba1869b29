"""`maintainers.md`: what people may say on a card, and what they may not; nothing reaches beyond its section."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.cards import head_of, rendered, shared_context

from ipm_prefdial.cards.context import CardContext
from ipm_prefdial.cards.front_matter import TAGS
from ipm_prefdial.cards.maintainers import (
    HEADING,
    MOST_BYTES,
    maintainers_md,
    other_licences,
    parse_maintainers,
    split_card,
)
from ipm_prefdial.schemas.errors import DataError
from ipm_prefdial.schemas.publishing import Maintainers

FULL = """---
tags: [counselling, arxiv:2401.12345]
pretty_name: Support, with care
language_details: en-GB and en-US
doi: 10.57967/hf/1234
homepage: https://example.org/project
---

### How we read it

Two of us read **every** held-out dialogue; see [our notes](https://example.org/notes).

| who | pairs |
|---|--:|
| A | 20 |

```python
a < b
```
"""


def test_a_full_file_is_read_and_shown() -> None:
    said = parse_maintainers(FULL.encode())
    assert said.tags == ("counselling", "arxiv:2401.12345")
    card = rendered(context=_context(said))
    head = head_of(card)
    assert head["tags"] == [*TAGS, "counselling", "arxiv:2401.12345"]
    assert (head["pretty_name"], head["doi"]) == ("Support, with care", "10.57967/hf/1234")
    assert head["license"] == head_of(rendered())["license"]
    assert f"## {HEADING}\n" in card
    assert said.text in card


def test_without_words_the_card_is_what_it_was() -> None:
    assert rendered(context=_context(None)) == rendered()
    assert rendered(context=_context(Maintainers())) == rendered()
    assert HEADING not in rendered(context=_context(Maintainers(tags=("a",))))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("---\nlicense: mit\n---\n", "license: Extra inputs are not permitted; allowed are tags, pretty_name"),
        ("---\nconfigs: []\n---\n", "configs: Extra"),
        ("---\ntext: x\n---\n", "text: write the text below"),
        ("---\ntags: [license:mit]\n---\n", r"tags\.0"),
        ("---\ntags: [no]\n---\n", r"tags\.0: Input should be a valid string"),
        ("---\ntags: 2024-13-45\n---\n", "YAML cannot be read"),
        ("---\ntags: [a]\ntags: [b]\n---\n", "tags: the key occurs twice"),
        ("---\nhomepage: javascript:alert(1)\n---\n", "homepage"),
        ("---\npretty_name: <b>x</b>\n---\n", "pretty_name"),
        ("---\n- a\n---\n", "not a mapping"),
        ("---\n" + "[" * 5000 + "\n---\n", "YAML cannot be read"),
        ("---\n&a [*a]\n---\n", "not a mapping"),
        ("<script>alert(1)</script>", "line 1 of the text: HTML"),
        ("fine\n\nso <b>bold</b>", "line 3 of the text: HTML"),
        ("<!-- open", "not closed"),
        ("```\nopen", "not closed"),
        ("> ~~~\n> a\n\n~~~~", "not closed"),
        ("![x](https://example.org/x.png)", "a picture"),
        ("[0.90, 0.95]: https://example.org", "defines the target"),
        ("[x](javascript:alert(1))", "a link may only lead to"),
        ("[x](DATA:text/html,x)", "a link may only lead to"),
        ("# Large", "use ###"),
        ("also large\n---", "use ###"),
        ("a\u202eb", "U[+]202E"),
        ("a\x1b[31mb", "U[+]001B"),
        ("x" * 20_001, "text: String should have at most 20000"),
    ],
)
def test_what_people_may_not_say_is_named(text: str, told: str) -> None:
    with pytest.raises(DataError, match=f"maintainers.md: .*{told}"):
        parse_maintainers(text.encode())


def test_bytes_have_a_bound_and_are_utf_8() -> None:
    with pytest.raises(DataError, match="at most 65,536"):
        parse_maintainers(b"x" * (MOST_BYTES + 1))
    with pytest.raises(DataError, match="byte 1 is not UTF-8"):
        parse_maintainers(b"a\xff")


@given(st.text(max_size=200))
def test_any_text_is_refused_or_stays_in_its_section(text: str) -> None:
    """What is accepted is shown whole, and every section around it is still there for a reader of Markdown."""
    from markdown_it import MarkdownIt

    try:
        said = parse_maintainers(text.encode("utf-8", "surrogatepass"))
    except DataError:
        return
    assert parse_maintainers(maintainers_md(said).encode()) == said
    around = f"## Before\n\n{said.text}\n\n## After\n"
    tokens = MarkdownIt("commonmark").enable("table").parse(around)
    large = [tokens[at + 1].content for at, one in enumerate(tokens) if one.tag == "h2" and one.nesting == 1]
    assert large == ["Before", "After"]


@given(
    st.builds(
        Maintainers,
        tags=st.lists(st.sampled_from(["no", "2024", "a b", "on-line", "doi:10.1000/x(1)"]), max_size=3).map(tuple),
        pretty_name=st.sampled_from([None, "yes", "1.0", "a: b # c", "'quoted'"]),
        text=st.sampled_from(["", "one", "two\n\n- three"]),
    )
)
def test_what_is_written_is_read_as_the_same(said: Maintainers) -> None:
    assert parse_maintainers(maintainers_md(said).encode()) == said


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("Under CC BY 4.0, as the card says.", []),
        ("Use it under the MIT License.", ["mit"]),
        ("Use it under cc-by-nc-sa-4.0.", ["cc-by-nc-sa-4.0"]),
        ("CC0!", ["cc0-1.0"]),
        ("It is in the public domain.", ["cc0-1.0"]),
        ("Apache License, Version 2.0", ["apache-2.0"]),
        ("GPL-3.0", ["gpl-3.0"]),
        ("A study at MIT.", []),
        ("Nothing on rights.", []),
    ],
)
def test_other_licences_are_found_in_their_usual_spellings(text: str, others: list[str]) -> None:
    assert other_licences(Maintainers(text=text), {"cc-by-4.0"}) == others


def test_a_card_is_split_into_its_yaml_and_the_rest() -> None:
    head, body = split_card("\ufeff---\r\na: 1\r\n---\r\n# Title\r\n")
    assert (head, body) == ({"a": 1}, "# Title\n")
    assert split_card(rendered())[0] == head_of(rendered())
    with pytest.raises(DataError, match="does not begin with YAML"):
        split_card("# Title")
    assert yaml.safe_load(maintainers_md(Maintainers(tags=("a",))).split("---")[1]) == {"tags": ["a"]}


def _context(said: Maintainers | None) -> CardContext:
    from dataclasses import replace

    return replace(shared_context(), maintainers=said)
