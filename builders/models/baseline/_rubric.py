"""The embedded judge: a written rubric, applied by rule to a reply and the history that it answers.

It does not know who wrote the reply. It looks at words alone, so it errs on both sides: it knows no irony, no advice
without its usual markers, and takes a repeated word for attention. In the order of their weight, the errors are:

1. **lack_of_empathy**: no answer to the feeling, or another topic.
   - `_changes_topic`: the reply speaks of a part of life (work, a partner …) or of a he or she that nobody has
     mentioned, or it says a good deal, and not one word of it comes from this conversation.
   - `_leaves_feeling`: the seeker has just named a feeling, or did before and the reply is hardly a word; and it
     neither acknowledges anything, nor asks back, nor takes up what was said, nor even advises or cheers.
2. **early_emotion_shift**: advice or cheer before the feeling is acknowledged.
   - `_shifts_early`: the seeker has named a feeling, the reply advises or cheers, and no word of acknowledgement
     stands between the two, neither in the reply nor in what the supporter said since.
3. **template_response**: generic words, nothing of this person.
   - `_says_nothing_specific`: no telling word of the conversation, and no question about what was told.

Else there is **none**. Before the seeker has told anything, and where both say thanks or goodbye, there is nothing yet,
or nothing any more, to be specific about: then only a change of topic counts.
A word is the more telling the fewer of the training dialogues hold it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ....schemas.dialogue import Speaker, Turn
from ....schemas.error_type import ErrorType
from ....schemas.verdict import Verdict
from .text import content_words, plain, quote, tokenise, view_history

_SPECIFIC = 0.25
_ON_TOPIC = 0.6
_MUCH_ELSE = 4
_LITTLE_ELSE = 2
_HARDLY_A_WORD = 2

_FEELING = re.compile(
    r"\b(sad|depress|anxi|worr(y|ie)|afraid|scar(ed|y)|fear|ang(ry|er)|mad\b|upset|hurt|lonel|alone|stress|overwhelm"
    r"|frustrat|hopeless|helpless|guilt|asham|shame|embarrass|cry|cried|tears|heart ?br|broken|miss (him|her|them|my)"
    r"|hate|exhaust|panic|nervous|devastat|disappoint|jealous|betray|worthless|useless|struggl|suicid|pain|miserabl"
    r"|unhappy|terribl|awful|horribl|hard\b|difficult|tough|confus|insecure|bother|grie[fv]"
    r"|feel(ing)? (so |very |really |a bit |kind of )?(bad|down|low|lost|stuck|empty|tired|like))"
)
_ACKNOWLEDGED = re.compile(
    r"\b(sorry|understand(able|ably)?|i (can|could) (see|imagine|hear|tell|feel|relate)|relate|must (be|feel|have been)"
    r"|sounds? (like|so|very|really|as|hard|tough|difficult|awful|terrible|rough|stressful|frustrating)"
    r"|(seems?|looks?) (like|that|as|you)|you('re| are| seem| must be)? (feel|upset|worried|sad|hurt|afraid|scared)"
    r"|makes sense|(ok|okay|normal|natural|alright|valid) to|i hear (you|that)|been (there|through)|your shoes"
    r"|i know (how|that|what|the feeling)|feel (the same|that way|like that|for you)|same (way|thing|situation)"
    r"|can be (very |so |really |quite |extremely )?(hard|tough|difficult|stressful|scary|frustrating|overwhelming)"
    r"|not easy|never easy|i feel (you|your|so|for)|that (really )?(sucks|hurts)|oh no)\b"
)
_ADVISED = re.compile(
    r"\b(you (should|could|need to|have to|must|ought to|(might|may) (want|need|like) to"
    r"|can (try|always|also|talk|do|find|get|start|ask))"
    r"|have you (tried|thought|considered)|try (to|and|not)|try \w+ing|maybe (you|try)|why (don't|not)|how about"
    r"|i('d| would)? ?(suggest|recommend|advise)|(better|best|helpful|good idea|useful|important) (to|if|for you to)"
    r"|if i were you|consider \w+ing|let's try|make sure|(my|some) advice)\b"
    r"|(^|[.!?,] )(just|don't|do not|go|talk|take|find|focus|keep|stop|start|give|look|ask|be|think|please)\b"
)
_CHEERED = re.compile(
    r"\b((don't|no need to|not) worry|no worries|cheer up|everything (will|is going|happens)|(it|things|this|that)"
    r"( will|'ll| is going to)( \w+)? (be|get|pass|work|turn|improve)|you( will|'ll)( \w+)? (be|find|get|do|make|feel)"
    r"|(be|stay|think) (positive|happy|strong)|bright side|at least|be (fine|ok|okay|alright|all right)|calm down"
    r"|you can do (it|this)|you got this|hang in there|good luck|believe in you(rself)?|i('m| am) sure)\b"
)
_THANKED = re.compile(
    r"\b(thank|thanks|bye|goodbye|good ?night|take care|have a (good|great|nice)|welcome|appreciate|you too)\b"
)
_REFERRING = frozenset("this that it they them he him she her".split())
_PRONOUNS = {"he": "he", "him": "he", "his": "he", "she": "she", "her": "she", "hers": "she"}
_MEN = frozenset("boyfriend husband father dad brother son guy man uncle grandfather grandpa bf".split())
_WOMEN = frozenset("girlfriend wife mother mom mum sister daughter girl woman aunt grandmother grandma gf".split())
_ANYBODY = frozenset(
    """friend friends partner ex boss manager coworker colleague teacher professor doctor therapist roommate neighbor
    child kid baby cousin spouse person someone somebody they them dog cat landlord parent supervisor crush""".split()
)
_TOPICS: Mapping[str, str] = {
    "a partner": "boyfriend girlfriend husband wife partner relationship breakup dating marriage married divorce",
    "work": "job boss work workplace coworker colleague interview employer employment unemployed manager hired",
    "study": "school class exam college teacher professor grades degree university student homework semester tutor",
    "family": "mother father mom dad mum sister brother kids child children son daughter baby grandmother grandfather",
    "the pandemic": "covid pandemic virus corona lockdown quarantine vaccine",
    "money": "money rent bills loan debt savings income afford",
    "pets": "dog cat pet puppy",
    "a death": "died death funeral deceased grief",
    "holidays": "christmas thanksgiving holiday vacation",
}
_TOPIC_OF = {stem: topic for topic, words in _TOPICS.items() for stem in content_words(words)}


@dataclass(frozen=True)
class Case:
    """What the rules look at."""

    reply: str
    """The reply in lower case, apostrophes straight, white space single."""
    shared: tuple[str, ...]
    """The reply's content words that the conversation holds, the most telling first."""
    telling: float
    """How telling these are together; about 1 for a word that only this dialogue holds."""
    other: int
    """Content words of the reply that are new to the conversation."""
    foreign: str
    """A topic or person of the reply that nobody has mentioned; empty where there is none."""
    asks_on: bool
    """Whether it is a question that points back (what `this` was, how `he` took it) and brings in little else."""
    felt: bool
    """Whether the seeker has named a feeling so far."""
    felt_now: bool
    """Whether the seeker has named one just now."""
    acknowledged: bool
    """Whether the supporter has acknowledged something since the seeker last named a feeling."""
    small_talk: bool
    """Whether the seeker has told nothing yet, or both say thanks or goodbye."""


def judge(history: Sequence[Turn], reply: str, rarity: Mapping[str, float]) -> Verdict:
    """The most serious error of `reply`, with the rule and the evidence; None where no rule applies."""
    case = _read_case(history, reply, rarity)
    for error, rule in RULES:
        if evidence := rule(case):
            return Verdict(error=error, rationale=evidence)
    taken_up = ", ".join(map(quote, case.shared[:2]))
    sound = f"Takes up what was said here ({taken_up})." if taken_up else "No rule of the rubric applies."
    return Verdict(error=None, rationale=sound)


# Speaks of what nobody has mentioned, or of much else and of nothing from here.
def _changes_topic(case: Case) -> str | None:
    if case.foreign and case.telling < _ON_TOPIC:
        return f"Changes the topic: speaks of {case.foreign}, which nobody has mentioned."
    met = case.shared or case.asks_on or case.small_talk or _ACKNOWLEDGED.search(case.reply)
    if case.other >= _MUCH_ELSE and not met:
        return f"Changes the topic: {case.other} telling words, and none of them comes from this conversation."
    return None


# The seeker has named a feeling, and nothing in the reply meets it.
def _leaves_feeling(case: Case) -> str | None:
    waits = case.felt_now or (case.felt and case.other < _HARDLY_A_WORD)
    named = _ACKNOWLEDGED.search(case.reply) or _FEELING.search(case.reply)
    met = named or case.shared or "?" in case.reply or _shift(case)
    if waits and not met and not case.small_talk:
        return "Leaves the feeling unanswered: the seeker has named one, and no word of the reply meets it."
    return None


# Advises or cheers before any acknowledgement.
def _shifts_early(case: Case) -> str | None:
    if not case.felt or case.acknowledged or case.small_talk:
        return None
    if (shift := _shift(case)) is None:
        return None
    before = case.reply[: shift.start()]
    if _ACKNOWLEDGED.search(before) or _FEELING.search(before):
        return None
    return f"Advice or cheer ({quote(shift.group())}) before any feeling was acknowledged."


# The first words of advice or cheer.
def _shift(case: Case) -> re.Match[str] | None:
    found = [match for marker in (_ADVISED, _CHEERED) if (match := marker.search(case.reply))]
    return min(found, key=re.Match.start, default=None)


# Would fit anybody: no telling word of this conversation, and no question about what was told.
def _says_nothing_specific(case: Case) -> str | None:
    if case.telling >= _SPECIFIC or case.asks_on or case.small_talk:
        return None
    return "Generic: shares no telling word with this conversation and does not ask about what was told."


RULES: tuple[tuple[ErrorType, Callable[[Case], str | None]], ...] = (
    (ErrorType.LACK_OF_EMPATHY, _changes_topic),
    (ErrorType.LACK_OF_EMPATHY, _leaves_feeling),
    (ErrorType.EARLY_EMOTION_SHIFT, _shifts_early),
    (ErrorType.TEMPLATE_RESPONSE, _says_nothing_specific),
)
"""Every rule with the error that it finds, the most serious first."""


# What the rules look at, from the history and the reply alone.
def _read_case(history: Sequence[Turn], reply: str, rarity: Mapping[str, float]) -> Case:
    view = view_history(history)
    said: set[str] = set().union(*(content_words(turn.text) for turn in history))
    own = content_words(reply)
    shared = sorted(own.keys() & said, key=lambda stem: (-rarity.get(stem, 1.0), stem))
    other = len(own) - len(shared)
    seeker = [turn.text for turn in history if turn.speaker is Speaker.SEEKER]
    felt = any(_names_feeling(text) for text in seeker)
    told = set().union(*(content_words(text) for text in seeker))
    last, said_now = plain(view.last_seeker), plain(reply)
    closing = bool(_THANKED.search(last) and _THANKED.search(said_now))
    return Case(
        reply=said_now,
        shared=tuple(own[stem] for stem in shared),
        telling=sum(rarity.get(stem, 1.0) for stem in shared),
        other=other,
        foreign=_foreign(own, reply, said, history),
        asks_on="?" in reply and other <= _LITTLE_ELSE and not _REFERRING.isdisjoint(tokenise(reply)),
        felt=felt,
        felt_now=_names_feeling(view.last_seeker),
        acknowledged=_acknowledged_since(history),
        small_talk=closing or (not felt and len(told) < 3),
    )


def _acknowledged_since(history: Sequence[Turn]) -> bool:
    for turn in reversed(history):
        if turn.speaker is Speaker.SUPPORTER and _acknowledges(turn.text):
            return True
        if turn.speaker is Speaker.SEEKER and _names_feeling(turn.text):
            return False
    return False


def _foreign(own: Mapping[str, str], reply: str, said: set[str], history: Sequence[Turn]) -> str:
    known = {_TOPIC_OF[stem] for stem in said & _TOPIC_OF.keys()}
    for stem in own:
        if stem in _TOPIC_OF and _TOPIC_OF[stem] not in known:
            return _TOPIC_OF[stem]
    words = tokenise(reply)
    meant = {_PRONOUNS[word] for word in words if word in _PRONOUNS} - _persons(reply, pronouns=False)
    for person in sorted(meant):
        if not any(person in _persons(turn.text) for turn in history):
            return f"a {person}"
    return ""


# Whether a text has brought up a he, a she, or both.
@lru_cache(maxsize=8192)
def _persons(text: str, *, pronouns: bool = True) -> frozenset[str]:
    words = set(tokenise(text))
    found = {_PRONOUNS[word] for word in words & _PRONOUNS.keys()} if pronouns else set()
    he = not words.isdisjoint(_MEN) or not words.isdisjoint(_ANYBODY)
    she = not words.isdisjoint(_WOMEN) or not words.isdisjoint(_ANYBODY)
    return frozenset(found | ({"he"} if he else set()) | ({"she"} if she else set()))


@lru_cache(maxsize=8192)
def _names_feeling(text: str) -> bool:
    return bool(_FEELING.search(plain(text)))


@lru_cache(maxsize=8192)
def _acknowledges(text: str) -> bool:
    return bool(_ACKNOWLEDGED.search(plain(text)))
