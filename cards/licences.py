"""LICENSE and NOTICE of a release, the card's lines on licences, and the corpora that are known by name.

Authors and addresses of corpora are copied from their publications; an unknown corpus gets no credit line made up.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..schemas.escape import one_line
from ..schemas.licence import LICENCES, licence_of, refusals
from ..schemas.manifest import Manifest, SourceRecord
from ._words import ours


@dataclass(frozen=True)
class Corpus:
    """A known corpus."""

    name: str
    url: str
    """The address of the corpus or its paper."""
    key: str
    """The key of its BibTeX entry."""
    entry: dict[str, str] = field(default_factory=dict)
    """The fields of that entry, with at least `author`, `title` and `year`; empty if there is no publication."""

    @property
    def credit(self) -> str:
        """The authors, title and year, in one line."""
        if not self.entry:
            return self.name
        return f"{_in_words(self.entry['author'])}: {self.entry['title']} ({self.entry['year']})"

    @property
    def bibtex(self) -> str:
        lines = [f"  {name} = {{{value}}}," for name, value in self.entry.items()]
        kind = "inproceedings" if "booktitle" in self.entry else "misc"
        return "\n".join([f"@{kind}{{{self.key},", *lines, "}"])


METHOD = Corpus(
    name="DecoupledESC",
    url="https://github.com/Zc0812/DecoupledESC",
    key="zhang2025decoupledesc",
    entry={
        "author": "Zhang, Chao and Shi, Xin and Zhang, Xueqiao and Zhu, Yifan and Yang, Yi and Luo, Yawei",
        "title": "DecoupledESC: Enhancing Emotional Support Generation via Strategy-Response Decoupled Preference "
        "Optimization",
        "booktitle": "Findings of the Association for Computational Linguistics: EMNLP 2025",
        "year": "2025",
        "url": "https://aclanthology.org/2025.findings-emnlp.1209/",
    },
)
"""The paper whose method a release follows."""

_ESCONV = {
    "author": "Liu, Siyang and Zheng, Chujie and Demasi, Orianna and Sabour, Sahand and Li, Yu and Yu, Zhou and Jiang, "
    "Yong and Huang, Minlie",
    "title": "Towards Emotional Support Dialog Systems",
    "booktitle": "Proceedings of the 59th Annual Meeting of the Association for Computational Linguistics and the 11th "
    "International Joint Conference on Natural Language Processing",
    "year": "2021",
    "url": "https://aclanthology.org/2021.acl-long.269/",
}
_ESCONV_PLACE = "https://github.com/thu-coai/Emotional-Support-Conversation"

_KNOWN = {
    "esconv": Corpus("ESConv", _ESCONV_PLACE, "liu2021towards", _ESCONV),
    "failedesconv": Corpus("FailedESConv", _ESCONV_PLACE, "liu2021towards", _ESCONV),
    "decoupledesc": METHOD,
    "extes": Corpus(
        "ExTES",
        "https://arxiv.org/abs/2308.11584",
        "zheng2023building",
        {
            "author": "Zheng, Zhonghua and Liao, Lizi and Deng, Yang and Nie, Liqiang",
            "title": "Building Emotional Support Chatbots in the Era of LLMs",
            "year": "2023",
            "eprint": "2308.11584",
            "archivePrefix": "arXiv",
        },
    ),
    "augesc": Corpus(
        "AugESC",
        "https://aclanthology.org/2023.findings-acl.99/",
        "zheng2023augesc",
        {
            "author": "Zheng, Chujie and Sabour, Sahand and Wen, Jiaxin and Zhang, Zheng and Huang, Minlie",
            "title": "AugESC: Dialogue Augmentation with Large Language Models for Emotional Support Conversation",
            "booktitle": "Findings of the Association for Computational Linguistics: ACL 2023",
            "year": "2023",
            "url": "https://aclanthology.org/2023.findings-acl.99/",
        },
    ),
    "empatheticdialogues": Corpus(
        "EmpatheticDialogues",
        "https://github.com/facebookresearch/EmpatheticDialogues",
        "rashkin2019towards",
        {
            "author": "Rashkin, Hannah and Smith, Eric Michael and Li, Margaret and Boureau, Y-Lan",
            "title": "Towards Empathetic Open-domain Conversation Models: A New Benchmark and Dataset",
            "booktitle": "Proceedings of the 57th Annual Meeting of the Association for Computational Linguistics",
            "year": "2019",
            "url": "https://aclanthology.org/P19-1534/",
        },
    ),
}
_SAMPLE = {"ipm-prefdial/sample": Corpus("the sample corpus of ipm-prefdial: original, invented dialogues", "", "")}


def corpus_of(source: str) -> Corpus | None:
    """The known corpus of a source, recognised by the beginning of the name of its file or repo; None if unknown."""
    if source in _SAMPLE:
        return _SAMPLE[source]
    name = re.sub(r"[\W_]+", "", source.rpartition("/")[2].casefold())
    return next((corpus for key, corpus in _KNOWN.items() if name.startswith(key)), None)


def citations(sources: list[str]) -> list[str]:
    """The BibTeX entries of the method and of every known corpus among the sources, without repetitions."""
    found = [METHOD, *(corpus for source in sources if (corpus := corpus_of(source)) is not None)]
    return list(dict.fromkeys(corpus.bibtex for corpus in found if corpus.entry))


# BibTeX's list of authors, with first names first.
def _in_words(authors: str) -> str:
    names = [" ".join(reversed(name.split(", "))) for name in authors.split(" and ")]
    return ", ".join(names)


@dataclass(frozen=True)
class Origin:
    """The dialogues from one source under one licence."""

    source: str
    license: str
    """The id of the licence."""
    dialogues: int
    """The number of dialogues."""


def license_text(manifest: Manifest, origins: Sequence[Origin]) -> str:
    """The text of LICENSE: the licence of the release, or why it must not be passed on.

    `validate` recognises the licence by its full name, so the text may name no other.
    """
    licence = licence_of(manifest.license)
    parts = [f"The data of this release is under: {licence.name}\n{licence.url or ''}".rstrip()]
    if reasons := refusals_of(origins):
        parts.append("This release must not be passed on:\n" + "\n".join(f"- {one_line(one)}" for one in reasons))
    parts.append("NOTICE names the sources, their licences and the credit that they ask for.")
    return "\n\n".join(parts) + "\n"


def notice_text(manifest: Manifest, origins: Sequence[Origin]) -> str:
    """The text of NOTICE: a paragraph for each source with its licence, credit and origin.

    `validate` expects every paragraph to begin with `SOURCE (` and to contain the full name of the licence.
    """
    head = (
        f"IPM-PrefDial {manifest.version}\n\n"
        "This release is made from the sources below. Keep this notice with every copy of it or of a part of it.\n"
        "Changes: dialogues are in one format, split into turns and rows; models added replies, strategies and\n"
        "verdicts to the words of the sources. README.md describes all changes."
    )
    return "\n\n".join([head, *(_notice(one, manifest) for one in origins)]) + "\n"


def refusals_of(origins: Sequence[Origin]) -> list[str]:
    """Why the release must not be passed on, each reason with its remedy; empty if it may be."""
    return refusals((one.source, one.license) for one in origins)


def license_lines(origins: Sequence[Origin]) -> list[dict[str, Any]]:
    """The card's line for each source and licence."""
    return [
        {
            "source": one.source,
            "dialogues": one.dialogues,
            "license": one.license,
            "asks": ours(licence_of(one.license).asks),
            "credit": ours(_credit(one.source)),
        }
        for one in origins
    ]


def _notice(origin: Origin, manifest: Manifest) -> str:
    licence, corpus, record = licence_of(origin.license), corpus_of(origin.source), _record_of(origin, manifest)
    lines = [
        f"{one_line(origin.source, 100)} ({origin.dialogues} {'dialogue' if origin.dialogues == 1 else 'dialogues'})",
        f"  Licence: {licence.name}{f', {licence.url}' if licence.url else ''}; it asks: {licence.asks}",
        f"  Credit: {_credit(origin.source)}",
    ]
    if corpus is not None and corpus.url:
        lines.append(f"  From: {corpus.url}")
    if record is not None:
        revision = f" at {record.revision}" if record.revision else ""
        lines.append("  " + one_line(f"Read: {record.uri}{revision}, sha256 {record.sha256}"))
    return "\n".join(lines)


# The manifest's record of the source; None if the dialogues name a source that the manifest does not list.
def _record_of(origin: Origin, manifest: Manifest) -> SourceRecord | None:
    return next((one for one in manifest.sources if one.name == origin.source), None)


def _credit(source: str) -> str:
    corpus = corpus_of(source)
    return "not known: ask the provider of the source" if corpus is None else corpus.credit


def names_license(text: str) -> set[str]:
    """Ids of the licences that a LICENSE names in full."""
    return {one.id for one in LICENCES.values() if one.name in text}
