"""Whom a source is credited to goes by its name, and nobody is credited for what is not known."""

import re

import pytest
from support.releases import shared_release

from ipm_prefdial.cards.licences import METHOD, Origin, citations, corpus_of, notice_text

KNOWN = {
    "ESConv": "ESConv",
    "ESConv_part": "ESConv",
    "thu-coai/esconv": "ESConv",
    "FailedESConv": "FailedESConv",
    "DecoupledESC": "DecoupledESC",
    "ExTES": "ExTES",
    "augesc-train": "AugESC",
    "facebook/empathetic_dialogues": "EmpatheticDialogues",
}


@pytest.mark.parametrize(("source", "name"), KNOWN.items())
def test_a_corpus_is_known_by_the_beginning_of_its_name(source: str, name: str) -> None:
    corpus = corpus_of(source)
    assert corpus is not None and corpus.name == name
    assert corpus.url.startswith("https://")


@pytest.mark.parametrize("source", ["", "sample", "talks", "my-ESConv", "thu-coai", "esconv/talks"])
def test_nobody_is_credited_for_what_is_not_known(source: str) -> None:
    assert corpus_of(source) is None


def test_our_own_sample_is_told_by_the_name_that_its_dialogues_give() -> None:
    corpus = corpus_of("ipm-prefdial/sample")
    assert corpus is not None and "invented" in corpus.credit
    assert citations(["ipm-prefdial/sample"]) == [METHOD.bibtex]


def test_credit_names_people_as_they_are_read_aloud() -> None:
    corpus = corpus_of("ExTES")
    assert corpus is not None
    assert corpus.credit == (
        "Zhonghua Zheng, Lizi Liao, Yang Deng, Liqiang Nie: Building Emotional Support Chatbots in the Era of "
        "LLMs (2023)"
    )


def test_every_citation_stands_once_and_the_method_first() -> None:
    found = citations(["FailedESConv", "ESConv", "talks", "DecoupledESC", "AugESC"])
    keys = [re.match(r"@(\w+)\{(\w+),\n", entry).group(2) for entry in found]  # type: ignore[union-attr]
    assert keys == ["zhang2025decoupledesc", "liu2021towards", "zheng2023augesc"]


@pytest.mark.parametrize("source", KNOWN)
def test_bibtex_is_whole(source: str) -> None:
    (entry,) = set(citations([source])) - {METHOD.bibtex} or {METHOD.bibtex}
    fields = dict(re.findall(r"^  (\w+) = \{(.*)\},$", entry, flags=re.MULTILINE))
    assert {"author", "title", "year"} <= set(fields)
    assert fields["author"].count(" and ") == fields["author"].count(", ") - 1
    assert entry.count("{") == entry.count("}") and entry.endswith("\n}")


@pytest.mark.parametrize(("dialogues", "words"), [(1, "(1 dialogue)"), (2, "(2 dialogues)")])
def test_the_notice_counts_dialogues(dialogues: int, words: str) -> None:
    notice = notice_text(shared_release().manifest, (Origin("ESConv", "cc-by-nc-4.0", dialogues),))
    assert f"ESConv {words}\n" in notice
