"""Written rules that overrule the judges on a step of a trace; our own design, meant to be seldom wrong.

A strategy outside the eight needs no rule: such a reply is not a trace. A released rule never changes; a better one
gets the next number.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...schemas.dialogue import Speaker, Turn
from ...schemas.errors import UsageError
from ...schemas.text import words_of
from ...schemas.trace import Modality, NamedCue, Step, Trace
from ..models.baseline.text import content_words

_QUOTED = re.compile(r"[\"“]([^\"“”]+)[\"”]")
# Words from which a quotation has to occur in the conversation; a single one may be a word put in doubt.
_QUOTED_WORDS = 2
# Words that fit the summary of any conversation.
_ABOUT = frozenset(content_words("seeker supporter conversation user asked told says said mentioned described shared"))
# The least share of a summary's content words that has to occur in the conversation.
_SAID = 1 / 3
# Content words from which that share is reliable.
_ENOUGH = 4

History = Sequence[Turn]


@dataclass(frozen=True)
class TraceRule:
    """A rule about one step."""

    step: Step
    find: Callable[[Trace, History], str | None]
    """The contradiction of the step, or None."""


def history_was_said(trace: Trace, history: History) -> str | None:
    """The summary quotes or numbers what nobody said, or is about something else."""
    said = [word for turn in history for word in words_of(turn.text)]
    for quote in _QUOTED.findall(trace.history):
        words = words_of(quote)
        if len(words) >= _QUOTED_WORDS and not _stands_in(words, said):
            return "it quotes what nobody said"
    numbers = {word for word in words_of(trace.history) if word.isdigit() and len(word) > 1}
    if not numbers <= set(said):
        return "it gives a number that nobody said"
    stems = content_words(trace.history).keys() - _ABOUT
    known = content_words(" ".join(turn.text for turn in history)).keys()
    if len(stems) >= _ENOUGH and len(stems & known) < _SAID * len(stems):
        return "most of its words are of another conversation"
    return None


def emotion_has_cues(trace: Trace, history: History) -> str | None:
    """No cue is named, or one of them is not there: not in the seeker's words, or of a kind that the turns do not have.

    A cue of the text may be paraphrased, as long as it shares a word with what the seeker said.
    """
    if not trace.emotion.cues:
        return "no cue is named"
    seeker = [turn for turn in history if turn.speaker is Speaker.SEEKER]
    missing = next((cue for cue in trace.emotion.cues if not _is_there(cue, seeker)), None)
    return f"no such cue of the {missing.modality} is there" if missing else None


def reply_is_new(trace: Trace, history: History) -> str | None:
    """The supporter said the very same before."""
    before = (words_of(turn.text) for turn in history if turn.speaker is Speaker.SUPPORTER)
    return "the supporter said the same before" if words_of(trace.reply) in before else None


RULES: Mapping[str, TraceRule] = {
    "history_was_said@1": TraceRule(Step.HISTORY, history_was_said),
    "emotion_has_cues@1": TraceRule(Step.EMOTION, emotion_has_cues),
    "reply_is_new@1": TraceRule(Step.REPLY, reply_is_new),
}
"""Every released rule by its id."""


def check_rules(ids: Sequence[str]) -> None:
    """Checks that all of `ids` are released rules.

    Raises:
        UsageError: one is not.
    """
    if unknown := [one for one in ids if one not in RULES]:
        raise UsageError(f"there is no rule {unknown[0]}; the released ones are {', '.join(RULES)}")


def contradictions(trace: Trace, history: History, ids: Sequence[str]) -> dict[Step, str]:
    """The first rule of `ids` that contradicts each step, and what it found: `history_was_said@1: it quotes …`."""
    found: dict[Step, str] = {}
    for one in ids:
        rule = RULES[one]
        if rule.step not in found and (detail := rule.find(trace, history)) is not None:
            found[rule.step] = f"{one}: {detail}"
    return found


def _is_there(cue: NamedCue, seeker: History) -> bool:
    known = [one.description for turn in seeker for one in turn.cues if one.modality == cue.modality]
    if cue.modality is Modality.TEXT:
        known += [turn.text for turn in seeker]
    there = " ".join(known)  # a quotation may run over two turns
    if _stands_in(words_of(cue.description), words_of(there)):
        return True
    return bool(content_words(cue.description).keys() & content_words(there).keys())


# Whether `words` occur in `said` in a row.
def _stands_in(words: Sequence[str], said: Sequence[str]) -> bool:
    return f" {' '.join(words)} " in f" {' '.join(said)} "
