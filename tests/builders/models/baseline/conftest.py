"""Small invented dialogues, and the models fitted on them."""

from itertools import cycle, islice

import pytest

from ipm_prefdial.builders.models.baseline.models import BaselineModels, fit_baseline
from ipm_prefdial.schemas.dialogue import Dialogue, Speaker, Turn
from ipm_prefdial.schemas.strategy import Strategy

_TROUBLES = (
    ("my landlord raised the rent", "rent", "landlord"),
    ("my violin teacher is moving away", "violin", "lessons"),
    ("the bakery cut my hours", "bakery", "hours"),
    ("our choir has been dissolved", "choir", "singing"),
    ("my brother forgot the anniversary", "brother", "anniversary"),
    ("the swimming club rejected me", "swimming", "club"),
)
_REPLIES = {
    Strategy.QUESTION: "How long has the {0} been on your mind?",
    Strategy.RESTATEMENT: "So the {0} and the {1} are behind all of this.",
    Strategy.REFLECTION: "It sounds like the {0} leaves you really worried.",
    Strategy.SELF_DISCLOSURE: "I went through a bad time with a {0} myself once.",
    Strategy.AFFIRMATION: "You have handled the {1} with so much patience already.",
    Strategy.SUGGESTIONS: "You could write down what you want to say about the {0}.",
    Strategy.INFORMATION: "Most towns have an office that knows about {1} and {0} matters.",
    Strategy.OTHERS: "Let us keep the {1} in view while we go on.",
}


def _invent(number: int) -> Dialogue:
    trouble, *words = _TROUBLES[number % len(_TROUBLES)]
    turns = [
        Turn(
            speaker=Speaker.SEEKER, text=f"Case {number}: I feel so stressed because {trouble} for the {number}th time."
        )
    ]
    for step, strategy in enumerate(islice(cycle(Strategy), number, number + 6)):
        reply = f"{_REPLIES[strategy].format(*words)} ({number})"
        turns.append(Turn(speaker=Speaker.SUPPORTER, text=reply, strategy=strategy))
        turns.append(
            Turn(speaker=Speaker.SEEKER, text=f"Step {step}, yes, the {words[step % 2]} worries me, number {number}.")
        )
    return Dialogue(source="invented", license="cc0-1.0", turns=tuple(turns))


@pytest.fixture(scope="session")
def dialogues() -> list[Dialogue]:
    """Thirty invented dialogues with every strategy."""
    return [_invent(number) for number in range(30)]


@pytest.fixture(scope="session")
def models(dialogues: list[Dialogue]) -> BaselineModels:
    """The models that the invented dialogues teach."""
    return fit_baseline(dialogues)
