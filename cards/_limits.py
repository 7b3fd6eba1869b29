"""Known limits and biases of a release, each stated only if the release itself shows it."""

from collections.abc import Iterator

from ..schemas.audit import Audit, FlagRate
from ..schemas.config import PAIR_CONFIGS, Config
from ..schemas.dialogue import Split
from ..schemas.drops import DropReason
from ..schemas.escape import escape_code, escape_markdown
from ..schemas.inference import Role
from ..schemas.manifest import Manifest
from ._sections import LEAST_LABELS
from ._words import fixed, format_ci
from .context import CardContext
from .licences import corpus_of
from .tables import rows_by_split

# Fewer training pairs than this are a limit on the card. Our own choice, like the next two.
_FEW_PAIRS = 1_000
# Fewer test pairs than this are a limit on the card.
_FEW_HELD_OUT = 100
# Strategies with fewer verdicts than this are not compared.
_FEW_VERDICTS = 20
# Corpora that many of ESC-Eval's role cards were made from.
_IN_ESC_EVAL = ("ESConv", "ExTES")


def known_limits(manifest: Manifest, context: CardContext) -> list[str]:
    """Sentences on what the data cannot do, and on what is not known yet."""
    return [
        *_of_language(),
        *_of_models(manifest, context),
        *_of_size(manifest),
        *_of_sources(manifest, context),
        *_unseen(context),
    ]


def known_biases(manifest: Manifest, context: CardContext) -> list[str]:
    return [*_of_people(), *_of_judges(manifest), *(_measured(context.audit) if context.audit else _unmeasured())]


def embedded_note(manifest: Manifest) -> str:
    """A note on the roles that the embedded models played; empty if they played none."""
    roles = _embedded(manifest)
    if not roles:
        return ""
    part = "" if len(roles) == len(manifest.models) else " in part"
    names = ", ".join(roles[:-1]) + f" and {roles[-1]}" if len(roles) > 1 else roles[0]
    means = [f"**Made{part} without a language model.** The {names} came from the embedded `corpus` models."]
    if {Role.RESPONDER, Role.JOINT} & set(roles):
        means.append("Inferred replies are real human replies taken from other dialogues.")
    if Role.JUDGE in roles:
        means.append("Verdicts come from written rules.")
    means.append(
        "Good for trying the pipeline, for tests and as a baseline; not for conclusions about language models."
    )
    return " ".join(means)


def _embedded(manifest: Manifest) -> list[Role]:
    return [role for role, records in manifest.models.items() if any(one.kind == "corpus" for one in records)]


def _of_language() -> Iterator[str]:
    yield "English only, and text only unless a source has cues of voice and face."
    yield "Volunteers wrote the human side: it is mostly good, not always, and never a professional standard."


def _of_models(manifest: Manifest, context: CardContext) -> Iterator[str]:
    roles = _embedded(manifest)
    if {Role.RESPONDER, Role.JOINT} & set(roles):
        yield (
            "Inferred replies are real human replies to another person, found by the embedded `corpus` models: they do "
            "not show the errors of language models."
        )
    if Role.JUDGE in roles:
        yield "Verdicts come from written rules on words: they miss much that a capable reader sees."
    if context.crises is not None and (unread := context.crises.unread):
        yield (
            f"{unread} {'dialogue is' if unread == 1 else 'dialogues are'} held out unread, because a crisis judge "
            "gave no readable answer: it is not known whether they hold a crisis."
        )
    if failed := sum(_dropped(manifest, reason) for reason in (DropReason.CALL_FAILED, DropReason.JUDGE_FAILED)):
        yield f"{failed} candidates were lost because a model's endpoint gave no answer."


def _dropped(manifest: Manifest, reason: DropReason) -> int:
    return sum(manifest.counts[config].dropped.get(reason, 0) for config in PAIR_CONFIGS)


def _of_size(manifest: Manifest) -> Iterator[str]:
    rows = rows_by_split(manifest, Config.RESPONSE)
    train, test = rows.get(Split.TRAIN, 0), rows.get(Split.TEST, 0)
    if train < _FEW_PAIRS:
        yield f"Small: {train} training pairs of `response`. Good for trying things, not for conclusions."
    if test < _FEW_HELD_OUT:
        yield f"Only {test} pairs of `response` in `test`: results on them are uncertain."
    if manifest.limit is not None:
        yield f"Made from the first {manifest.limit} dialogues of its sources only."


def _of_sources(manifest: Manifest, context: CardContext) -> Iterator[str]:
    if skipped := sum(sum(source.skipped.values()) for source in manifest.sources):
        yield f"{skipped} dialogues of the sources were left out; the table above says why."
    known = [corpus.name for one in context.origins if (corpus := corpus_of(one.source)) is not None]
    shared = [name for name in dict.fromkeys(known) if name in _IN_ESC_EVAL]
    if shared and not manifest.benchmarks:
        yield (
            f"Not checked against any benchmark, although many role cards of ESC-Eval were made from "
            f"{' and '.join(shared)}: a model trained on this release has seen them."
        )


def _unseen(context: CardContext) -> Iterator[str]:
    if context.audit is None:
        yield "Not audited yet: for example, it is not known how well surface features separate the sides."
    compared = max((one.judge.flagged.n for one in context.review.configs.values()), default=0) if context.review else 0
    if not compared:
        yield "No person has compared its verdicts with their own yet."
    elif compared < LEAST_LABELS:
        yield (
            f"People compared its verdicts with their own on only {compared} replies; a figure needs at least "
            f"{LEAST_LABELS}."
        )


def _of_people() -> Iterator[str]:
    yield (
        "Seekers and supporters are the participants of the sources, not a representative sample of people in distress."
    )


def _of_judges(manifest: Manifest) -> Iterator[str]:
    judges = manifest.models.get(Role.JUDGE, ())
    models = [one for one in judges if one.kind != "corpus"]
    if len(judges) == 1 and models:
        yield "One judge: the data follows its preferences, and no other vote corrects them."
    writers = {one.ref for role in (Role.RESPONDER, Role.JOINT) for one in manifest.models.get(role, ())}
    if own := [escape_code(str(one.ref)) for one in models if one.ref in writers]:
        yield f"{', '.join(own)} judges its own replies; models are known to be lenient with these."


def _unmeasured() -> Iterator[str]:
    yield (
        "A judge's flag depends on the strategy: suggestions are flagged far more often than questions, so a filter on "
        "it shifts the strategies of the rows. The size of the shift was not measured here."
    )


def _measured(audit: Audit) -> Iterator[str]:
    for config in PAIR_CONFIGS:
        yield from _flags(audit, config.value)
    for bias in audit.filter_bias:
        if bias.shift.value is not None:
            yield (
                f"In {escape_code(bias.config)} choosing among complete pairs moved the bias between strategies from "
                f"{fixed(bias.before.value)} to {fixed(bias.after.value)} (0 is none; our estimator)."
            )
    for one in audit.artefacts:
        if one.config == Config.RESPONSE and one.features in ("words", "length") and one.auc.value is not None:
            yield (
                f"A simple model that sees only {'the words' if one.features == 'words' else 'the length'} of a reply "
                f"separates chosen from rejected with AUC {format_ci(one.auc)}; 0.5 is chance."
            )
    for order in audit.orders:
        if order.first.value is not None:
            yield (
                f"{escape_code(order.judge)} preferred the first side in {order.first.value:.0%} of its preferences in "
                f"{escape_code(order.config)}, and changed its answer with the order on {_share(order.flips.value)} of "
                "candidates."
            )


def _flags(audit: Audit, config: str) -> Iterator[str]:
    rates = [
        one
        for one in audit.flags
        if (one.config, one.side) == (config, "inferred") and one.strategy and one.rate.n >= _FEW_VERDICTS
    ]
    if len(rates) > 1:
        least, most = min(rates, key=_rate), max(rates, key=_rate)
        yield (
            f"In `{config}` judges found an error in {_share(most.rate.value)} of {most.rate.n} inferred sides with "
            f"{escape_markdown(most.strategy or '')}, and in {_share(least.rate.value)} of {least.rate.n} with "
            f"{escape_markdown(least.strategy or '')}."
        )


def _rate(one: FlagRate) -> float:
    return one.rate.value or 0.0


def _share(value: float | None) -> str:
    return "an unknown share" if value is None else f"{value:.0%}"


GOOD_FOR = (
    "research on emotional-support dialogue: training and comparing planners and responders with SFT and preference "
    "learning, and studying typical psychological errors of such systems"
)
"""The intended use, after the word `for`, on the card and in `croissant.json`."""

NOT_FOR = (
    "counselling, diagnosis, crisis response or any deployment without professional oversight; not for imitating the "
    "rejected side; not for profiling people, and not for finding out who they are"
)
"""The excluded use, after the words `not for`."""
