"""Finds seeker turns that show a crisis, so that their dialogues are kept out of training data.

**What this is for.** A dialogue with such a turn goes to a holdout, away from every training split, until a human has
looked at it and signed. Nothing else. It is not a triage tool, a risk assessment or a safety filter for live
conversations: it knows words and not people, and where it finds nothing, that does not mean that anyone is safe.
`recall.json` says what it finds: most of what is called by its name, about a third of sentences in unforeseen words,
and next to nothing of what is newly coded or only hinted at. Those need a judge model and a human reader besides.

**How it decides.** Named rules (the YAML files in this folder, read by `_rule`), each a list of phrases with
exclusions, are tried on one sentence at a time. The most urgent category goes first, and within it what concerns
other people, then what is named, coded or shown by signs. A rule that holds only after codes and veiled letters are
put in plain words (`folding`) is a coded find. Recall comes before precision, since a find costs a reader one minute.
In doubt:

- *past, resolved, bereaved*: found, with `said_to_be_past`; what is over for the seeker is still no training example;
- *denied* ("I'm not suicidal", "he never hit me"): no find, where the denial stands right before the words; "not
  anymore" is a past one, and a denial beside another sign ("… but I wish I was gone") is found by that sign;
- *hyperbole and idiom* ("killing me", "dying to see", "it hit me hard"): no find, by what the rules ask for or
  exclude;
- *fiction, news, study, a job* ("the film in which he kills himself"): no find for words that such talk shares;
- *grief, sadness, despair about a thing* (a job, a course, a relationship): no find by themselves;
- *somebody else's crisis* is found like the seeker's own.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import resources

from pydantic import Field

from ...schemas.base import Frozen
from ...schemas.safety import CrisisCategory, CrisisFinding, CrisisForm
from ._rule import CrisisRule, compile_phrases, is_past, read_rules, rules_for, written_rules

# The form of a text that the crisis rules are written for.


_APOSTROPHES = re.compile(r"(?<=\w)['’‘`´ʼ](?=\w)")
# Where the first alternative fails at the beginning of a run of marks it fails in all of it: it is tried there alone.
_ENDS = re.compile(r"(?<![.!?;:…\n\r])[.!?;:…\n\r]+(?=\s|$)|[\n\r]+|[!?…]+")
_NOT_SAID = re.compile(r"[^\w*#@$🔪🔫💊⚰]+")
# Letters with spaces between them, as people write a word to hide it from filters.
_SPELLED = re.compile(r"(?<!\w)(?:[a-z] ){3,}[a-z](?!\w)")
_STRETCHED = re.compile(r"([a-km-z])\1{2,}|(ll)l+")
_VEILED = re.compile(r"(?<!\w)[a-z]+[*#@$0-9_]+[a-z]+(?!\w)")
_HIDDEN = "suicide suicidal suicides kill killing killed die dying dead death rape raped rapist abuse abused abusive "
_HIDDEN_WORDS = tuple(
    (
        _HIDDEN + "molest molested assault assaulted murder selfharm self harm cutting cut gun knife overdose pills sex"
    ).split()
)

CODES = (
    (r"unaliv(e|ed|es|ing)", "kill"),
    (r"kms", "kill myself"),
    (r"sewer ?slid(e|es|al)|sui(?= (thoughts?|ideation|attempt|tendenc))|suey ?side|su ?ic ?ide|game ?end", "suicide"),
    (r"s ?h(?= (again|last|urges?|relapse|scars))|(?<=relapsed with )s ?h|(?<=urge to )s ?h|self h", "self harm"),
    (r"grap(?=ed|ist)|gr8p(?=ed|e)|r word(?=ed)", "rap"),
    (r"(?<=sexually )seggs|seggs", "sex"),
    (r"sa_d|(?<=got )sa|(?<=was )sa(?= (by|when|at|in))", "sexually assaulted"),
    (r"sa survivor|csa", "sexual abuse"),
    (r"dv(?= (survivor|victim|situation|relationship|shelter))", "domestic violence"),
    (r"od_d|oded|od ed", "overdosed"),
    (r"pew ?pew|🔫", "gun"),
    (r"🔪", "knife"),
    (r"💊", "pills"),
)
"""Words that stand for others, and the plain words that the rules know."""

_CODES = tuple(
    (re.compile(rf"(?<!\w)(?:{code})" + ("" if plain == "rap" else r"(?!\w)")), plain) for code, plain in CODES
)


def fold_sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text, lower case, without apostrophes and commas, one space between words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = re.sub(r"(?<!\w)(sa|od|o\.d\.)['’‘](d)(?!\w)", r"\1_\2", folded)
    folded = _APOSTROPHES.sub("", folded)
    sentences = (_NOT_SAID.sub(" ", sentence).strip() for sentence in _ENDS.split(folded))
    return tuple(_STRETCHED.sub(r"\1\2", sentence) for sentence in sentences if sentence)


def decode(sentence: str) -> str:
    """A folded sentence with codes and veiled words (`s*icide`) in plain words."""
    sentence = _SPELLED.sub(lambda found: found.group().replace(" ", ""), sentence)
    sentence = _VEILED.sub(lambda found: _plain(found.group()), sentence)
    for code, plain in _CODES:
        sentence = code.sub(plain, sentence)
    return sentence


def _plain(veiled: str) -> str:
    pattern = re.compile(re.sub(r"[^a-z]", "[a-z]", veiled))
    return next((word for word in _HIDDEN_WORDS if pattern.fullmatch(word)), veiled)


# A yes to a question: a crisis that only the turn before names (`answers.yaml`).


class _Question(Frozen):
    id: str
    category: CrisisCategory
    asked: str
    answered: str


# What a seeker's answer admits to, where the last thing said before was a question about it.
def _find_answer(text: str, asked: str) -> CrisisFinding | None:
    if "?" not in asked or not (said := fold_sentences(text)):
        return None
    question = " ".join(map(decode, fold_sentences(asked)))
    for one, about, answer in _questions():
        if about.search(question) and answer.match(said[0]):
            return CrisisFinding(category=one.category, form=CrisisForm.INDIRECT, rule=one.id)
    return None


@lru_cache
def _questions() -> tuple[tuple[_Question, re.Pattern[str], re.Pattern[str]], ...]:
    questions = [_Question.model_validate(row) for row in read_rules("answers")]
    return tuple((one, compile_phrases(one.asked), compile_phrases(one.answered)) for one in questions)


def find_crisis(text: str, previous: Sequence[str] = ()) -> CrisisFinding | None:
    """The most urgent crisis that a seeker turn shows, or None where no rule holds.

    Args:
        text: The seeker turn.
        previous: What was said before it by either side, oldest first; a short answer is read with the last of it.
    """
    found = next(_findings(fold_sentences(text)), None)
    if found is None and previous:
        return _find_answer(text, previous[-1])
    return found


def _findings(sentences: Sequence[str]) -> Iterator[CrisisFinding]:
    read = [(sentence, decode(sentence)) for sentence in sentences]
    whole = [(" ".join(sentences), " ".join(decoded for _, decoded in read))]
    tried = {text: rules_for(text) for text in {text for both in (*read, *whole) for text in both}}
    for rule in written_rules():
        for plain, decoded in whole if rule.whole else read:
            if rule.id in tried[plain] and rule.holds(plain):
                yield _finding(rule, rule.form, plain)
            elif decoded != plain and rule.id in tried[decoded] and rule.holds(decoded):
                coded = CrisisForm.CODED if rule.form is CrisisForm.EXPLICIT else rule.form
                yield _finding(rule, coded, decoded)


def _finding(rule: CrisisRule, form: CrisisForm, sentence: str) -> CrisisFinding:
    return CrisisFinding(category=rule.category, form=form, rule=rule.id, said_to_be_past=is_past(sentence))


# The measured recall and precision of the crisis rules, on written sentences and on real turns; for audit and card.


FILE_NAME = "recall.json"
"""In this folder; `tests/measure_safety.py --write` makes it, and a test checks that it is up to date."""


class RecallShare(Frozen):
    """A share with its 95 % Wilson interval."""

    hits: int = Field(ge=0)
    """How many."""
    n: int = Field(ge=0)
    share: float = Field(ge=0, le=1)
    """`hits / n`; 0 where `n` is 0."""
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class RecallPart(Frozen):
    """The measures of one part of the written sentences."""

    recall: RecallShare
    """Crisis sentences that are found, whatever category and form the rules give them."""
    precision: RecallShare
    """Finds that are crisis sentences; depends on the number of near misses in the part."""
    false_positives: RecallShare
    """Near misses that are found all the same."""
    recall_by_form: dict[CrisisForm, RecallShare]
    recall_by_category: dict[CrisisCategory, RecallShare]
    right_form: RecallShare
    """Found sentences that are given the form that they were written for."""
    right_category: RecallShare
    """Found sentences that are given the category that they were written for."""


class RealTurns(Frozen):
    """The measures of the seeker turns of real corpora, each distinct turn once."""

    turns: int = Field(ge=0)
    found: int = Field(ge=0)
    found_per_1000: float = Field(ge=0)
    judged_no_crisis: int = Field(ge=0)
    """Finds that a reader judged to be no crisis; one reader, no clinician."""
    false_per_1000: float = Field(ge=0)
    unjudged: int = Field(ge=0)
    """Finds that no reader has judged."""


class Recall(Frozen):
    """The figures of the crisis rules; see `tests/measure_safety.py` for how the parts were made."""

    sentences: int = Field(ge=0)
    develop: RecallPart
    """The half that the rules were tuned on."""
    hold: RecallPart
    """The half that no rule was tuned on; but most of it was written by the rules' author before the rules."""
    unseen: RecallPart
    """The part of `hold` that was written after the rules: use it for words that the author did not foresee."""
    real: RealTurns | None
    """Real seeker turns; the rules were tuned on them too, for precision."""


def known_recall() -> Recall:
    """The figures of this version of the package."""
    text = resources.files(__package__).joinpath(FILE_NAME).read_text(encoding="utf-8")
    return Recall.model_validate_json(text)


def format_recall() -> str:
    """The figures for a card; in a build without a judge for crises, they are those of the whole screening."""
    unseen, hold = known_recall().unseen.recall, known_recall().hold.recall
    return (
        f"{unseen.hits} of {unseen.n} written crisis sentences ({unseen.low:.0%} to {unseen.high:.0%}) in words that "
        f"nobody foresaw when they were written, and {hold.hits} of {hold.n} of all that they were not tuned on."
    )
