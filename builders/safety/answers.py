"""A yes to a question: a crisis that only the turn before names (`answers.yaml`)."""

import re
from functools import lru_cache

from ...schemas.base import Frozen
from ...schemas.safety import CrisisCategory, CrisisFinding, CrisisForm
from .folding import decode, fold_sentences
from .rule import compile_phrases, read_rules


class _Question(Frozen):
    id: str
    category: CrisisCategory
    asked: str
    answered: str


def find_answer(text: str, asked: str) -> CrisisFinding | None:
    """What a seeker's answer admits to, where the last thing said before was a question about it."""
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
