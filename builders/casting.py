"""Chooses the models of a build: who is named for which role, whether they are to be had, and what is known of them."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ..schemas.dialogue import Split
from ..schemas.errors import UsageError
from ..schemas.inference import REWARD, ModelRef, Role
from ..schemas.manifest import ModelRecord
from ..schemas.spec import BuildSpec
from .cast import CORPUS, Cast, CastOptions
from .inference.budget import Budget
from .inference.endpoint import Endpoint, parse_model, resolve
from .inference.prices import load_prices
from .intake import Intake
from .scorers import Scorer, open_scorers

if TYPE_CHECKING:
    from .inference.corpus.models import CorpusModels

Stage = Callable[[str, int | None], None]


def choose_cast(options: CastOptions, spec: BuildSpec, intake: Intake, stage: Stage) -> Cast:
    """The cast that `options` name; the embedded models are fitted on the training dialogues.

    Raises:
        UsageError: a model is misspelt, named twice, has no key, or has no price while there is a budget.
    """
    prices = load_prices(options.prices)
    endpoints = endpoints_of(options, spec)
    for endpoint in endpoints.values():
        Budget(options.budget_usd, prices).price_of(endpoint.ref.name)
    named = _named(options, spec)
    scorers = open_scorers(named.get(Role.JUDGE, ()), spec)  # what may be misnamed comes before what takes long
    corpus = None
    if any(CORPUS in texts for texts in named.values()):
        stage("fitting the embedded models", None)
        corpus = _fit(intake)
    records = {
        role: tuple(
            _scorer_record(scorers[text]) if text in scorers else _record(text, role, endpoints, corpus, intake)
            for text in named[role]
        )
        for role in named
    }
    return Cast(options, prices, endpoints, corpus, records, tuple(scorers.values()))


def endpoints_of(options: CastOptions, spec: BuildSpec) -> dict[tuple[Role, ModelRef], Endpoint]:
    """The models that are reached over HTTP, with the keys of this process's environment.

    Raises:
        UsageError: a model is misspelt, named twice, or has no key.
    """
    endpoints: dict[tuple[Role, ModelRef], Endpoint] = {}
    named = _named(options, spec)
    if CORPUS in named.get(Role.REWRITER, ()):
        raise UsageError(
            "--repair-chosen: the embedded responder cannot rewrite; name another as the first --responder"
        )
    if CORPUS in named.get(Role.STYLIST, ()):
        raise UsageError("--stylist: the embedded models cannot rewrite; name another, or leave it out")
    for role, texts in named.items():
        for text in texts:
            if text == CORPUS or (role is Role.JUDGE and text.startswith(REWARD)):
                continue
            endpoint = resolve(parse_model(text), role)
            if endpoint.more_urls and role in options.batch:
                raise UsageError(f"{endpoint.ref} as {role}: batches go to one place; name one base URL")
            if (role, endpoint.ref) in endpoints:
                raise UsageError(f"{endpoint.ref} is named twice as {role}")
            endpoints[role, endpoint.ref] = endpoint
    return endpoints


def _named(options: CastOptions, spec: BuildSpec) -> dict[Role, tuple[str, ...]]:
    return {role: models for role in Role if (models := options.of(role, spec))}


def _fit(intake: Intake) -> "CorpusModels":
    from .inference.corpus.models import fit_corpus  # brings scikit-learn, slow to import

    return fit_corpus(intake.of_split(Split.TRAIN))


def _record(
    text: str,
    role: Role,
    endpoints: Mapping[tuple[Role, ModelRef], Endpoint],
    corpus: "CorpusModels | None",
    intake: Intake,
) -> ModelRecord:
    if text != CORPUS:
        choice = parse_model(text)
        return ModelRecord(ref=choice.ref, kind="openai")
    assert corpus is not None, "a role that the corpus plays had it fitted"
    return ModelRecord(ref=corpus.ref, kind="corpus", facts=_facts(role, corpus, intake))


def _scorer_record(scorer: Scorer) -> ModelRecord:
    return ModelRecord(ref=scorer.ref, kind="reward", facts=dict(scorer.facts))


def _facts(role: Role, corpus: "CorpusModels", intake: Intake) -> dict[str, JsonValue]:
    """What is measured of the embedded model of a role, for the card."""
    from .inference.corpus.agreement import known_agreement
    from .inference.corpus.scores import evaluate_planner

    if role is Role.PLANNER:
        scores = evaluate_planner(corpus, (placed.dialogue for placed in intake if placed.split is not Split.TRAIN))
        return {"top strategy against the human's on held-out dialogues": scores.model_dump(mode="json")}
    if role is Role.JUDGE:
        return {"agreement with a published judge": known_agreement().model_dump(mode="json")}
    return {}
