"""The responder: a real reply of the strategy, from another dialogue, another one each draw."""

import numpy as np
import pytest

from ipm_prefdial.builders.models.baseline.models import BaselineModels, fit_baseline, supporter_samples
from ipm_prefdial.schemas.dialogue import Dialogue, Speaker, Turn
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.text import normalise_text


def _seeker(text: str) -> Turn:
    return Turn(speaker=Speaker.SEEKER, text=text)


def _supporter(text: str, strategy: Strategy = Strategy.AFFIRMATION) -> Turn:
    return Turn(speaker=Speaker.SUPPORTER, text=text, strategy=strategy)


def _dialogue(*turns: Turn) -> Dialogue:
    return Dialogue(source="invented", license="cc0-1.0", turns=turns)


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_never_a_reply_of_the_same_dialogue(models: BaselineModels, dialogues: list[Dialogue]) -> None:
    for dialogue in dialogues:
        own = {normalise_text(turn.text) for turn in dialogue.turns if turn.speaker is Speaker.SUPPORTER}
        for sample in supporter_samples([dialogue]):
            for draw in range(5):
                reply = models.responder.reply(sample.history, sample.strategy, draw, _rng(draw))
                assert reply
                assert normalise_text(reply) not in own


def test_a_reply_has_the_strategy_asked_for(models: BaselineModels, dialogues: list[Dialogue]) -> None:
    texts = {
        strategy: {turn.text for dialogue in dialogues for turn in dialogue.turns if turn.strategy is strategy}
        for strategy in Strategy
    }
    for strategy in Strategy:
        assert models.responder.reply([_seeker("the rent went up")], strategy, 0, _rng()) in texts[strategy]


def test_five_draws_differ(models: BaselineModels) -> None:
    history = [_seeker("I am worried about the rent.")]
    for strategy in Strategy:
        replies = {models.responder.reply(history, strategy, draw, _rng(draw)) for draw in range(5)}
        assert len(replies) == 5


def test_the_nearest_context_comes_first(models: BaselineModels) -> None:
    history = [_seeker("They dissolved the choir, our choir!")]
    assert "choir" in models.responder.reply(history, Strategy.QUESTION, 0, None)


@pytest.mark.parametrize(
    "opening",
    ["Hello  there, the ferry was late.", "Nobody has asked me to play cards with them in years."],
    ids=["begins alike", "shares a sentence"],
)
def test_a_dialogue_that_may_be_the_same_is_left_out(opening: str) -> None:
    own = _dialogue(
        _seeker("hello there, the ferry was late."),
        _supporter("That ferry again, and you kept calm."),
        _seeker("Well. Nobody has asked me to play cards with them in years."),
        _supporter("You would be a welcome guest at any table of cards."),
    )
    other = _dialogue(_seeker("The garden is dry."), _supporter("Your garden has survived worse than a dry May."))
    responder = fit_baseline([own, other]).responder
    for draw in range(3):
        assert "garden" in responder.reply([_seeker(opening)], Strategy.AFFIRMATION, draw, _rng())


def test_what_the_supporter_has_said_is_not_said_again() -> None:
    fitted = fit_baseline([_dialogue(_seeker("The garden is dry."), _supporter("Your garden has survived worse."))])
    history = [_seeker("my garden"), _supporter("your  garden has survived WORSE."), _seeker("no")]
    assert fitted.responder.reply(history, Strategy.AFFIRMATION, 0, _rng()) == ""


def test_greetings_come_last() -> None:
    bare = [_dialogue(_seeker(f"The garden is dry {n}."), _supporter("Hello, how are you today?")) for n in range(3)]
    better = _dialogue(_seeker("A cat ran away."), _supporter("Your patience with that cat is admirable."))
    responder = fit_baseline([*bare, better]).responder
    assert "cat" in responder.reply([_seeker("My garden is dry.")], Strategy.AFFIRMATION, 0, None)
    assert responder.reply([_seeker("A cat ran away.")], Strategy.AFFIRMATION, 0, None) == "Hello, how are you today?"


def test_a_strategy_without_replies_gives_none() -> None:
    fitted = fit_baseline([_dialogue(_seeker("The garden is dry."), _supporter("Your garden has survived worse."))])
    assert fitted.responder.reply([_seeker("hm")], Strategy.QUESTION, 0, _rng()) == ""
