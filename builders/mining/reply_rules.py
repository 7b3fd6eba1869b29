"""Rules on a reply's text: an unknown marker, a refusal, an echo of the prompt, closeness to the human's reply.

Released steps call these rules, so they are as frozen as the steps are.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.rows.layout_2 import Closeness
from ...schemas.strategy import Strategy, parse_strategy
from ...schemas.text import words_of
from .candidate import Candidate, Drop, Result
from .plan import MiningPlan

# Markers of known makers are taken out when an answer is received, so any marker that is left here is unknown. A word
# in square brackets is a marker where it is in capitals, closes something, or names a part of an answer as models do;
# `[laughs]` is none, and the name of a strategy is another step's matter. The rule is our own.

# Names that models give to parts of an answer.
_PART = (
    r"(?:chain[ -]of[ -]thoughts?|inner (?:monologue|thoughts?)|internal (?:monologue|thoughts?|reasoning)"
    r"|(?:my |the )?(?:final |draft |suggested )?(?:thoughts?|thinking|think|thought process|reasoning|rationale"
    r"|analysis|scratch ?pad|commentary|deliberation|answer|response|reply|output|plan|planning)|final|step \d{1,2}|cot"
    r"|(?:supporter|assistant)(?:'s)? (?:reply|response|turn))"
)
_FORMS = re.compile(
    r"(?P<tag><\s?/?[a-z][\w:.-]{0,40}(?: [^<>\n]{0,80})?/?>)"
    r"|(?P<token><[|｜][^<>\n]{1,60}[|｜]>|◁[^◁▷\n]{1,40}▷|«\|[^\n]{1,40}\|»)"
    r"|(?P<fence>```)"
    rf"|(?P<bracket>[\[【〔]\s?/?(?P<inside>[^\[\]【】〔〕\n]{{1,40}})[\]】〕])"
    rf"|(?P<label>(?:[*_#>-]{{1,6}}\s?)?{_PART}\s?(?:[*_]{{1,3}})?\s?[:：](?:[*_]{{1,3}})?"
    rf"|#{{1,6}} ?{_PART}\s*(?:\n|$))",
    re.IGNORECASE,
)
_MACHINE_WORD = re.compile(rf"{_PART}|system|user|assistant|seeker|supporter", re.IGNORECASE)


def marker_in(reply: str) -> str | None:
    """The marker that a reply begins with, or None; at most 40 characters of it."""
    found = _FORMS.match(reply.lstrip()[:400])
    if found is None:
        return None
    if found["bracket"] and not _is_marker(found["bracket"], found["inside"].strip()):
        return None
    return found[0].strip()[:40]


def _is_marker(bracket: str, inside: str) -> bool:
    if parse_strategy(inside) is not None:
        return False
    closes = bracket[1:].lstrip().startswith("/")
    capitals = len(inside) > 1 and inside.upper() == inside and any(letter.isalpha() for letter in inside)
    return closes or capitals or _MACHINE_WORD.fullmatch(inside) is not None


# A reply is refused where a machine speaks of itself anywhere in it, and where the whole of it declines: every sentence
# refuses, apologises, sends the seeker to somebody else or offers other services, and at least one refuses. So the rule
# spares a supporter who cannot imagine something, or who recommends a therapist beside other words. The lists are our
# own and English. `tests/safety/refusals.jsonl` was written before the rule, `refusals_unseen.jsonl` after it: at first
# contact the rule found 9 of the 20 unseen refusals and hit none of the 20 harmless replies. It misses wordings, which
# is why judges are offered `no_reply` too.

MOST_CHARACTERS = 2_000
"""Characters of a reply that the rule reads; refusals are shorter, and a machine speaks of itself early."""

_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "“": '"', "”": '"', "…": "."})

_KIND = (
    r"(?:ai|a\.i\.|artificial intelligence|(?:large )?language model|llm|chat ?bot|(?:virtual|digital) assistant"
    r"|computer program|software program|machine learning model)"
)
# People who work with machines do not speak as one.
_NO_PERSONS = r"(?![ -](?:engineers?|researchers?|developers?|students?|experts?|specialists?|artists?|company))"
_MACHINE = re.compile(
    rf"\b(?:as|being|i'?m|i am|though i am|since i am)(?: (?:just|only|simply|merely|actually|also|still))* an? "
    rf"(?:[a-z-]+ ){{0,2}}{_KIND}\b{_NO_PERSONS}"
    r"|\bmy (?:training data|knowledge cut-?off|content policy|safety guidelines|programming does)\b"
    r"|\bi was (?:trained|created|developed|programmed|built) by (?:openai|google|meta|anthropic|mistral|alibaba"
    r"|microsoft|a team of|(?:a team of )?researchers|engineers|developers|an? (?:ai|tech(?:nology)?) company)\b"
)

_SORRY = (
    r"(?:(?:(?:i'?m|i am|we are|we're)(?: [a-z]+){0,2} )?sorry\b[^,.!?;]{0,80}"
    r"|(?:i|my)(?: \w+)? apolog(?:ize|ise|ies)\b[^,.!?;]{0,60}"
    r"|unfortunately|no|i regret to inform you|i'?m afraid(?: that)?|regrettably|i understand[^,.!?;]{0,80}"
    r"|thank you for[^,.!?;]{0,60})"
)
_OPENER = rf"(?:{_SORRY}(?:,? but|,| -|;)? ?(?:that )?)"
_BEING = r"(?:as an? [a-z -]{0,40}?(?:assistant|model|ai|system),? )"
_NOT_A = (
    r"(?:i(?:'m| am) not an? (?:[a-z]+ ){0,2}(?:therapist|doctor|professional|counsell?or|lawyer|psychologist)"
    r",? (?:and|so|therefore) )"
)
_CANNOT = (
    r"(?:i|we) (?:(?:really|simply|just|also) )?(?:can'?t|cannot|can not|won'?t|will not|won'?t be able to"
    r"|will not be able to"
    r"|don'?t have the (?:ability|capability) to|do not have the (?:ability|capability) to)"
    r"|i(?:'m| am) (?:unable|not able|not allowed|not permitted|not in a position|not equipped|not designed) to"
)
_NOT_FOR_ME = (
    r"i(?:'m| am) not (?:qualified|trained|licensed|authori[sz]ed) to"
    r"|it(?:'s| is|'s not| would not be)? ?(?:not )?(?:appropriate|right|possible) for me to"
)
_THING = (
    r"(?:(?:this|that|your|the|such|any|an?|these|those) )?(?:(?:kind|type|sort) of )?(?:[a-z]+ ){0,2}"
    r"(?:request|conversation|topic|subject|question|content|response|reply|discussion|task|message"
    r"|scenario|matter|issue|topic)s?"
    r"(?: (?:to|in|about) (?:this|that|the) (?:conversation|message|topic))?"
)
_IT = rf"(?:this|that|{_THING})"
_DECLINED = (
    rf"(?:further )?assist(?: you)?(?: any further| further)?(?: (?:with|in|on) {_IT})?"
    rf"|help(?: you)? (?:with|in|on) {_IT}"
    rf"|(?:comply|engage|respond|reply|continue|proceed|participate|talk|go on)"
    rf"(?: (?:with|to|in|about|on|any further))? {_IT}"
    rf"|(?:fulfill?|answer|discuss|address|generate|create|write|produce|complete|process|continue|provide|offer|give)"
    rf" {_IT}"
    r"|(?:role-?play|pretend to be|act)(?: as)? an? [a-z ]{1,30}"
)
_CARE = (
    r"(?:provide|offer|give|do)(?: you)?(?: with)?(?: (?:the|any|that|this))?(?: (?:kind|type|sort|level) of)?"
    r"(?: [a-z-]+){0,3}? (?:advice|therapy|counsell?ing|support|help|diagnos[ei]s|treatment|assistance|guidance)"
    r"(?: (?:or|and) [a-z]+)?(?: (?:that )?you (?:need|are looking for|deserve)"
    r"| (?:on|about|with|for) (?:this|that|it)| here)?"
)
_TAIL = r"(?:,? (?:as|because|since|due to) [^.!?]{1,120}|, but i can help with [^.!?]{1,80})?"
# People decline like this too, so the rule asks for an apology before it.
_WEAK = r"(?:do|say|write|talk about|discuss) (?:this|that)"
_COMFORTABLE = (
    r"i(?:'m| am| do not feel| don't feel) (?:not )?comfortable"
    rf" (?:(?:with )?(?:continuing|responding to|answering|discussing|engaging (?:in|with)|providing|writing)) {_IT}"
)
_REFUSAL = re.compile(
    rf"(?:{_OPENER}(?:{_CANNOT}) {_WEAK}"
    rf"|{_OPENER}?{_BEING}?{_NOT_A}?(?:"
    rf"(?:{_CANNOT}) (?:{_DECLINED})"
    rf"|(?:{_CANNOT}|{_NOT_FOR_ME}) {_CARE}"
    rf"|i (?:must|have to|will have to|need to|'ll have to)(?: [a-z]+ly)? decline\b(?: to [a-z ]{{1,40}}| {_IT})?"
    rf"|that(?: goes|'s| is) (?:beyond|something|not something) (?:what )?i (?:can'?t|can|cannot) (?:help"
    rf"|assist|discuss)"
    r"(?: with)?(?: you)?"
    rf"|(?:i must decline|that is something i can'?t help with|that'?s something i can'?t help with|{_COMFORTABLE})"
    r"|(?:this|that|your|the) (?:request|content|topic|conversation) (?:may violate|might violate|violates"
    r"|goes against|is against)[^.!?]{1,80}"
    r"|i (?:did not|didn'?t|do not|don'?t) understand your request"
    rf")){_TAIL}"
)
_HELPERS = (
    r"(?:professional|therapist|doctor|counsell?or|psychologist|psychiatrist|physician|helpline|hotline|crisis line"
    r"|lifeline|emergency services|trusted (?:person|friend|adult)|mental health|professional help|family member)"
)
_REFERRAL = re.compile(
    r"(?:please|you should|you may want to|you might want to|consider"
    r"|it(?:'s| is)(?: [a-z]+)? (?:important|best|essential)"
    r"|i (?:would |strongly |highly |'d )*(?:recommend|suggest|encourage|urge|advise)|if you(?:'re| are))\b"
    rf"[^.!?]{{0,200}}\b{_HELPERS}s?\b[^.!?]{{0,120}}"
)
_SERVICE = re.compile(
    r"(?:is there (?:something|anything) else|how else (?:may|can) i|what else can i"
    r"|if you have any (?:other )?questions"
    r"|let'?s (?:talk about|discuss|focus on) something else|feel free to ask|i can only help with"
    rf"|please let me know if|let me know if|i'?m here to help with)\b[^.!?]{{0,120}}|{_SORRY}"
)
_SENTENCE_END = re.compile(r"[.!?]+(?:\s+|$)|\s*\n\s*|[,;] (?=please\b)")


def refusal_in(reply: str) -> str | None:
    """The kind of refusal, `machine talk` or `declined`; None if it is no refusal."""
    folded = _folded(reply)
    if _MACHINE.search(folded):
        return "machine talk"
    if len(folded) > MOST_CHARACTERS:
        return None
    sentences = [said for part in _SENTENCE_END.split(folded) if (said := part.strip(" \"'*"))]
    refused = [bool(_REFUSAL.fullmatch(one)) for one in sentences]
    others = (one for one, declines in zip(sentences, refused, strict=True) if not declines)
    if any(refused) and all(_REFERRAL.fullmatch(one) or _SERVICE.fullmatch(one) for one in others):
        return "declined"
    return None


# The reply in small letters with straight quotes; spaces become one, line breaks stay.
def _folded(reply: str) -> str:
    text = unicodedata.normalize("NFKC", reply[: 2 * MOST_CHARACTERS]).translate(_STRAIGHT).casefold()
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


# Only white space of the same line before a label: over thousands of empty lines the search would take quadratic time.
_ROLE_LABEL = re.compile(r"(?im)^[^\S\n]*+(seeker|supporter|assistant|user|system)\s*:|<\|\w+\|>")
# Words in a row that no reply shares with the instructions by chance (our own choice).
_ECHO_WORDS = 8


def prompt_echo(reply: str, instructions: str) -> str | None:
    """The part of its prompt that a reply repeats, or None."""
    if _ROLE_LABEL.search(reply):
        return "a role label"
    if not _windows(reply).isdisjoint(_instruction_windows(instructions)):
        return f"{_ECHO_WORDS} words of the instructions"
    return None


def _windows(text: str) -> frozenset[tuple[str, ...]]:
    words = words_of(text)
    return frozenset(tuple(words[at : at + _ECHO_WORDS]) for at in range(len(words) - _ECHO_WORDS + 1))


@lru_cache
def _instruction_windows(instructions: str) -> frozenset[tuple[str, ...]]:
    return _windows(instructions)


# How close an inferred reply is to the human's, and the choice of the hardest one at a turn.
#
# A model can tell a negative that differs in length or manner from the human's words without reading what they mean. So
# of the negatives that are clearly worse, the closest stays. The three measures and their mean are our own design.


# Punctuation counts as style: it says who wrote a reply more than what the reply says.
_MARKS = re.compile(r"[^\w\s]")
# Words of style rather than content (our own list, in the form of `words_of`).
_FUNCTION_WORDS = frozenset(
    """a about after all also am an and any are as at be because been but by can could did do does for from get had has
    have he her him his how i if in is it its just like me more my no not of on one or our out really she so some that
    the their them then there they this to up us very was we well were what when which who will with would you your
    s t m re ve ll d don""".split()
)


def closeness_of(chosen: str, rejected: str) -> Closeness:
    """How close two replies are; see the fields of `Closeness`."""
    one, other = words_of(chosen), words_of(rejected)
    return Closeness(
        length=round(min(len(one), len(other)) / max(len(one), len(other), 1), 4),
        style=round(_overlap(_style(one, chosen), _style(other, rejected)), 4),
        meaning=round(_cosine(_content(one), _content(other)), 4),
    )


def keep_hardest(results: Sequence[Result], plan: MiningPlan) -> list[Result]:
    """Keeps the hardest of the remaining candidates of one turn, and drops the others.

    Of replies, the closest to the chosen side. Of strategies, the one that most candidates propose, the mistake that
    planners make most; of equals, the one that the panel is surest of, and then the first.
    """
    left = [_measured(result) for result in results if isinstance(result, Candidate)]
    if not left:
        return list(results)
    proposed = Counter(candidate.strategy for candidate in left)
    best = max(range(len(left)), key=lambda at: (*_hardness(left[at], proposed), -at))
    found = iter(range(len(left)))
    return [result if isinstance(result, Drop) else _settle(left, next(found), best) for result in results]


def _measured(candidate: Candidate) -> Candidate:
    if candidate.config is Config.STRATEGY or candidate.reply is None:
        return candidate
    return candidate.with_(closeness=closeness_of(candidate.chosen, candidate.reply))


def _hardness(candidate: Candidate, proposed: Mapping[Strategy | None, int]) -> tuple[float, float]:
    sure = candidate.panel.confidence if candidate.panel else 0.0
    if candidate.closeness is None:
        return proposed[candidate.strategy], sure
    return sum(candidate.closeness.model_dump().values()), sure


def _settle(left: Sequence[Candidate], at: int, best: int) -> Result:
    return left[at] if at == best else Drop(left[at], DropReason.EASIER_NEGATIVE)


def _style(words: Sequence[str], text: str) -> Counter[str]:
    return Counter([word for word in words if word in _FUNCTION_WORDS] + _MARKS.findall(text))


def _content(words: Sequence[str]) -> Counter[str]:
    return Counter(word for word in words if word not in _FUNCTION_WORDS)


# 1 less half the absolute difference of the shares; 1 where neither has any, 0 where only one has.
def _overlap(one: Counter[str], other: Counter[str]) -> float:
    if not one or not other:
        return float(not one and not other)
    return sum(
        min(one[token] / one.total(), other[token] / other.total()) for token in sorted(one.keys() & other.keys())
    )


# The cosine of two counts; 0 where one has none.
def _cosine(one: Counter[str], other: Counter[str]) -> float:
    if not one or not other:
        return 0.0
    dot = sum(one[word] * other[word] for word in one.keys() & other.keys())
    squares = [sum(count * count for count in counts.values()) for counts in (one, other)]
    return float(dot / (squares[0] * squares[1]) ** 0.5)
