"""The form of a text that the crisis rules are written for."""

import re
import unicodedata

_APOSTROPHES = re.compile(r"(?<=\w)['’‘`´ʼ](?=\w)")
# Where the first alternative fails at the beginning of a run of marks it fails in all of it: it is tried there alone.
_ENDS = re.compile(r"(?<![.!?;:…\n\r])[.!?;:…\n\r]+(?=\s|$)|[\n\r]+|[!?…]+")
_NOT_SAID = re.compile(r"[^\w*#@$🔪🔫💊⚰]+")
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
