"""ESConv (arXiv 2106.01144) and its relatives: FailedESConv (`speaker`, `listener`), Hub copies (`usr`, `sys`)."""

from collections.abc import Iterator, Mapping

from ...schemas.dialogue import Speaker, Turn
from .base import FaultError, Format, Record, has_list, make_turn, named_strategy

_SPEAKERS = {
    "seeker": Speaker.SEEKER,
    "usr": Speaker.SEEKER,
    "user": Speaker.SEEKER,
    "speaker": Speaker.SEEKER,
    "supporter": Speaker.SUPPORTER,
    "sys": Speaker.SUPPORTER,
    "system": Speaker.SUPPORTER,
    "assistant": Speaker.SUPPORTER,
    "listener": Speaker.SUPPORTER,
}
FIELDS = {"problem": "problem_type", "emotion": "emotion_type", "situation": "situation"}
"""ESConv's own names, which MESC and the chat form have kept."""


def _turns(record: Record) -> Iterator[Turn]:
    for index, (said, speaker, text) in spoken_turns(record):
        annotation = said.get("annotation")
        named = annotation if isinstance(annotation, Mapping) and "strategy" in annotation else said
        supports = speaker is Speaker.SUPPORTER
        strategy = named_strategy(named.get("strategy"), index) if supports else None
        yield make_turn({"speaker": speaker, "text": text, "strategy": strategy}, index)


def spoken_turns(record: Record) -> Iterator[tuple[int, tuple[Record, Speaker, str]]]:
    """The turns that have words: each as it stands, its speaker, its text.

    Raises:
        FaultError: a turn is of another form, or its speaker is unknown.
    """
    for index, said in enumerate(record["dialog"]):
        if not isinstance(said, Mapping):
            raise FaultError("wrong_shape", "a turn is not an object", index)
        speaker = _SPEAKERS.get(str(said.get("speaker", "")).strip().casefold())
        if speaker is None:
            raise FaultError("missing_speaker", f"speaker is {said.get('speaker')!r}", index)
        text = said.get("content", said.get("text"))
        if not isinstance(text, str):
            raise FaultError("wrong_shape", "a turn has neither `content` nor `text`", index)
        if text.strip():
            yield index, (said, speaker, text)


FORMAT = Format(
    "esconv", "an object with `dialog` (ESConv)", lambda record: has_list(record, "dialog"), _turns, FIELDS, order=1
)
