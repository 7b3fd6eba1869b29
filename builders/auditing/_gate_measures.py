"""The inputs of gates: the limited parts of an audit, each with its interval or the reason why it has none.

Exact are counts over all of a release (faults, leaks, lost candidates, rows, unread verdicts, crowd chatter): they
speak of this release, and have no interval. What speaks of models (whether one learns the sides apart, whether a judge
minds the order, whether a filter leans) is an estimate, with bounds of `statistics.bounds`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ...schemas.audit import Artefact, Audit, FilterBias, Interval, OrderCheck
from ...schemas.config import PAIR_CONFIGS
from ...schemas.inference import ModelRef, Role
from ...schemas.manifest import ModelRecord
from ..statistics.bounds import (
    PRIOR,
    UNBOUNDED,
    Bounds,
    auc_bounds,
    clopper_pearson,
    effective_number,
    pairs_for_a_pass,
    rounded_up,
    share_bounds,
    times_for_a_pass,
    value_bounds,
)
from ._gate_evidence import Facts, GateMeasurement, count, not_applicable, unknown

# Whether a model judges its own words: one rule for builds, audits, publishing and evaluations.
#
# Models are lenient with what they wrote themselves (Panickssery, Bowman & Feng 2024, arXiv 2404.13076), so such a
# verdict says less than it seems to. What counts as one model is our own choice:
#
# * The same name is the same model, whatever the revision, endpoint, publisher's prefix, date of the snapshot and
#   quantisation: a judge's preferences depend on its trained weights, not on where they run.
# * One base family, such as two sizes of one generation, is a warning and no more: leniency carries over in part.
# * Whether a reward model rewarded the training of the reasoner whose steps it labels is in no manifest: an endpoint
#   says nothing of how its model was trained. So that cannot be told, and the maintainer has to say. Evaluations of
#   checkpoints can tell, since a run's `run.json` names its reward model (`recipes.evaluate.stakes`).
# * The embedded `corpus` judge applies written rules and the embedded responder retrieves what humans wrote: no model
#   wrote the words, and none has a taste for them. They share a name and nothing else, so the rule does not apply
#   there; nor to the script of a test. Beside real judges they count for nothing.


# One model has many names: with its publisher, as a file, quantised, or with a tag. Gates compare what is left of them.
_PUBLISHER = re.compile(r"^.*/")
_TAIL = re.compile(
    r"(?:[:@](?:latest|free|beta|fp16|bf16|instruct)|[-_.@](?:\d{4}-\d{2}-\d{2}|20\d{6})"
    r"|[-_.:](?:awq|gptq|gguf|exl2|fp8|fp16|bf16|int[48]|w[48]a(?:8|16)|bnb|[48]-?bit|q\d(?:_[a-z0-9]+)*)"
    r"|-(?:hf|mlx|dynamic|quantized\.w\d+a\d+))$"
)
_FAMILY = re.compile(r"^([a-z]+)(?:[-_ ]?v?(\d+(?:\.\d+)?)(?![\d.]*(?:x\d+)?[bmk](?:\b|_)))?")


@dataclass(frozen=True)
class OwnJudge:
    """A judge beside a role whose words it judges."""

    judge: str
    role: Role
    writer: str

    def __str__(self) -> str:
        return f"{self.judge} is the {self.role} {self.writer}" if self.judge != self.writer else self._short

    @property
    def _short(self) -> str:
        return f"{self.judge} is the {self.role}, too"


@dataclass(frozen=True)
class SelfJudging:
    """Self-judging: whether models of the release also judged it."""

    judges: int
    """Judges that are models; 0 where the rule does not apply."""
    writers: int
    """Models that write what they judge."""
    same: tuple[OwnJudge, ...]
    """Judges that are the same model as a writer."""
    family: tuple[OwnJudge, ...]
    """Judges of a writer's base family."""
    unknown: tuple[OwnJudge, ...] = ()
    """Reward models that label the steps of a reasoner, whose training they may have rewarded."""


def find_self_judging(models: Mapping[Role, tuple[ModelRecord, ...]]) -> SelfJudging:
    """Compares every judge with everybody who plans or writes."""
    judges = [one for one in models.get(Role.JUDGE, ()) if _is_model(one)]
    writers = [(role, one) for role, some in models.items() if role is not Role.JUDGE for one in some if _is_model(one)]
    same = tuple(_pairs(judges, writers, family=False))
    unknown = tuple(
        OwnJudge(str(judge.ref), role, str(writer.ref))
        for judge in judges
        for role, writer in writers
        if judge.kind == "reward" and role is Role.REASONER
    )
    return SelfJudging(len(judges), len(writers), same, tuple(_pairs(judges, writers, family=True)), unknown)


def _pairs(
    judges: Sequence[ModelRecord], writers: Sequence[tuple[Role, ModelRecord]], *, family: bool
) -> Iterator[OwnJudge]:
    for judge in judges:
        for role, writer in writers:
            same = same_model(judge.ref, writer.ref)
            if same is not family and (same or same_family(judge.ref, writer.ref)):
                yield OwnJudge(str(judge.ref), role, str(writer.ref))


def _is_model(record: ModelRecord) -> bool:
    return record.kind in ("openai", "reward")


def same_model(one: ModelRef, other: ModelRef) -> bool:
    """Whether two names are of one model; see the top of this file."""
    return canonical_name(one.name) == canonical_name(other.name)


def same_family(one: ModelRef, other: ModelRef) -> bool:
    """Whether two names are of one generation of one maker's models."""
    families = family_of(one.name), family_of(other.name)
    return families[0] is not None and families[0] == families[1]


def canonical_name(name: str) -> str:
    """A model's name without publisher, snapshot and quantisation."""
    text = _PUBLISHER.sub("", name.strip().rstrip("/").casefold())
    while (shorter := _TAIL.sub("", text)) not in ("", text):
        text = shorter
    return text


def family_of(name: str) -> str | None:
    """Letters and generation that a name begins with, such as `qwen2.5` or `gpt4`; None where there are no letters."""
    found = _FAMILY.match(canonical_name(name))
    return None if found is None else f"{found[1]}{found[2] or ''}"


# The smoothing adds a prior to each cell, and what it takes away depends on their number.
_STRATEGIES = 8
# See `_of_shift`; ours. Without it, 7 to 13 % of samples of 400 to 1,600 pairs passed a shift beyond the limit.
_NOISE = 3
_OLD_AUDIT = "the audit was written before gates decided by bounds: run `ipm-prefdial audit` again"
_NO_PAIRS = "there are no pairs"
# Sides of `strategy` are names of strategies, and those of `joint` begin with one.
_NAMES = ("strategy", "joint")


def measure_faults(audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """Pairs with each fault, of each config."""
    for config in _configs(audit, facts):
        found = [fault for fault in audit.faults if fault.config == config]
        if not _pairs_of(audit, config) or not found:
            yield unknown(f"{config}: faults", _NO_PAIRS)
            continue
        for fault in found:
            measure = f"{config}: {fault.kind}"
            if fault.count is None:
                yield not_applicable(measure, "the data has no columns or verdicts of that kind")
            else:
                yield count(measure, fault.count, _pairs_of(audit, config))


def measure_artefact(features: str, audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """How well a model of these features separates the sides."""
    for config in _configs(audit, facts):
        if config in _NAMES:
            continue
        measure = f"{config}: AUC of {features}"
        one = next((one for one in audit.artefacts if (one.config, one.features) == (config, features)), None)
        if one is None:
            yield unknown(measure, _NO_PAIRS)
        elif one.auc.value is None:
            yield unknown(measure, "no model can be fitted: that takes pairs of two dialogues, with words in common")
        elif one.dialogues is None or one.error is None or one.dimension is None:
            yield GateMeasurement(measure, one.auc.value, one.auc.n, UNBOUNDED, note=_OLD_AUDIT)
        else:
            bounds = auc_bounds(one.auc.value, one.error, one.dialogues, one.auc.n, one.dimension)
            yield GateMeasurement(measure, one.auc.value, one.auc.n, bounds, advice=partial(_auc_advice, one, bounds))


def _auc_advice(one: Artefact, bounds: Bounds, limit: float) -> str:
    assert one.error is not None and one.dialogues is not None and one.dimension is not None
    few = f"{one.auc.n} pairs of {one.dialogues} dialogues cannot tell"
    if (one.auc.value or 0) > limit:
        return f"{few}, and what they show is beyond the limit: more pairs will rather fail it"
    needed = pairs_for_a_pass(limit, one.error, one.dialogues, one.auc.n, one.dimension)
    needs = "no number of pairs is enough" if needed is None else f"a pass needs about {needed:,}"
    return f"{few} (a model of many might reach {bounds.high or 1:.2f}): {needs}, more where the sides differ a little"


def measure_leaked(field: str, audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """Leaks between splits."""
    for one in audit.leakage:
        measure, splits = f"{one.config}: {field} in several splits", audit.rows.get(one.config, {})
        value = getattr(one, field)
        if not facts.is_release and len(splits) == 1:
            yield not_applicable(measure, "there is one split")
        elif sum(rows > 0 for rows in splits.values()) < 2:
            yield unknown(measure, "fewer than two splits have pairs")
        elif value is None:
            yield unknown(measure, "rows name no dialogue: name their column with --columns dialogue=…")
        else:
            yield count(measure, value, sum(splits.values()))
    if not audit.leakage:
        yield unknown(f"{field} in several splits", _NO_PAIRS)


def measure_near(audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """Groups of near-duplicates in several splits."""
    found, filled = audit.near_duplicates, [name for rows in audit.rows.values() for name, n in rows.items() if n]
    measure = f"groups of near-duplicate {found.unit if found else 'dialogue'}s across splits"
    if not facts.is_release and len({name for rows in audit.rows.values() for name in rows}) == 1:
        yield not_applicable(measure, "there is one split")
    elif found is None or not found.looked_at:
        yield unknown(measure, "there is no text to compare")
    elif len(set(filled)) < 2:
        yield unknown(measure, "fewer than two splits have pairs")
    else:
        sample = f"in a sample of {found.looked_at} of {found.of}" if found.looked_at < found.of else ""
        yield count(measure, found.across_splits, found.looked_at, sample)


def measure_lost(audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """Candidates that are unaccounted for."""
    measure = "candidates that are neither row nor drop"
    if not facts.is_release:
        yield not_applicable(measure, "the data counts no candidates")
        return
    for one in audit.conservation:
        yield count(f"{one.config}: {measure}", one.lost, one.candidates, "" if one.candidates else "no candidates")
    if not audit.conservation:
        yield unknown(measure, "the manifest counts no candidates")


def measure_unread(audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """The share of verdicts that could not be read."""
    measure = "share of verdicts unparsed or failed"
    if not facts.is_release:
        yield not_applicable(measure, "the data names no judge")
        return
    for config in PAIR_CONFIGS:
        found = [one for one in audit.verdicts if one.config == config]
        unread = sum(one.unparsed + one.failed for one in found)
        total = unread + sum(one.parsed for one in found)
        if total:
            yield count(f"{config.value}: {measure}", unread / total, total)
        elif config in facts.judged:
            yield unknown(f"{config.value}: {measure}", "no verdict was given")
        else:
            yield not_applicable(f"{config.value}: {measure}", "no judge is asked about it in this layout")


def measure_flips(audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """The share of answers that flip with the order of the sides, by judge."""
    if not facts.compares:
        yield not_applicable("answers that turn with the order", "judges look at one side at a time, or there are none")
        return
    for config in sorted(facts.judged, key=PAIR_CONFIGS.index):
        orders = [one for one in audit.orders if one.config == config]
        for one in orders:
            yield _order(one)
        if not orders:
            yield unknown(f"{config}: answers that turn with the order", "no judge answered in both orders")


def _order(one: OrderCheck) -> GateMeasurement:
    measure, share = f"{one.config}: answers of {one.judge} that turn with the order", one.flips
    if share.value is None:
        return unknown(measure, "no answer could be read in both orders")
    if one.dialogues is None:
        return GateMeasurement(measure, share.value, share.n, UNBOUNDED, note=_OLD_AUDIT)
    number = effective_number(share.value, share.low, share.high, share.n, max(2, one.dialogues))
    bounds = share_bounds(share.value, share.low, share.high, share.n, one.dialogues)

    def passes(limit: float, times: float) -> bool:
        return (clopper_pearson(share.value or 0, number * times).high or 1) <= limit

    return GateMeasurement(measure, share.value, share.n, bounds, advice=partial(_advice, share, "candidates", passes))


def _advice(of: Interval, what: str, passes: Callable[[float, float], bool], limit: float) -> str:
    times = times_for_a_pass(partial(passes, limit))
    if times is None or abs(of.value or 0) > limit:
        return f"{of.n} {what} cannot tell"
    return f"{of.n} {what} cannot tell: a pass needs about {rounded_up(of.n * times):,} like these"


def measure_chatter(audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """The share of chosen replies that talk of the crowd task; sides of `strategy` are names."""
    for config in _configs(audit, facts):
        if config == "strategy":
            continue
        measure = f"{config}: share of chosen replies that are crowd chatter"
        found = next((one.share for one in audit.chatter if one.config == config), None)
        yield unknown(measure, _NO_PAIRS) if found is None else count(measure, found.value, found.n)


def measure_shift(audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """The size of the shift: one towards evenness is a shift too."""
    yield from _biases(audit, facts, "bias shift by the filter", lambda one: one.shift, _of_shift)


def measure_keeping(audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """The bias of the filter towards strategies."""
    yield from _biases(audit, facts, "bias of keeping", lambda one: one.keeping, _of_keeping)


Widened = Callable[[FilterBias, float, float], float]
"""An upper bound with what the estimator hides: of a config, from a bound, with so many times as much data."""


# The bias before the filter is partly noise, which hides as much of a shift; half counts pull a shift towards 0.
#
# Of strengths that vary by noise alone, their spread is about three times its own error: so much squared is noise.
def _of_shift(one: FilterBias, high: float, times: float) -> float:
    before = one.before
    noise = 0.0
    if before.value is not None and before.low is not None and before.high is not None:
        error = (before.high - before.low) / 3.92 / times**0.5
        noise = before.value - max(0.0, before.value**2 - (_NOISE * error) ** 2) ** 0.5
    return high * _unshrunk(one, one.shift.n * times, PRIOR) + min(noise, before.value or 0.0)


# Half counts stand on either side of a share, and where strategies meet again in the strengths of the kept.
def _of_keeping(one: FilterBias, high: float, times: float) -> float:
    found = high * _unshrunk(one, one.keeping.n * times, 2 * PRIOR)
    return found if one.estimator == "share" else found * _unshrunk(one, one.after.n * times, PRIOR)


def _unshrunk(one: FilterBias, pairs: float, a_cell: float) -> float:
    cells = _STRATEGIES if one.estimator == "share" else _STRATEGIES * (_STRATEGIES - 1)
    return (pairs + a_cell * cells) / pairs if pairs else float("inf")


def _biases(
    audit: Audit, facts: Facts, measure: str, part: Callable[[FilterBias], Interval], widened: Widened
) -> Iterator[GateMeasurement]:
    if not facts.is_release:
        yield not_applicable(measure, "the data does not say what was filtered out")
        return
    for config in PAIR_CONFIGS:
        one = next((one for one in audit.filter_bias if one.config == config), None)
        if one is None or part(one).value is None:
            yield unknown(f"{config.value}: {measure}", _NO_PAIRS)
        elif sum(pairs > 0 for pairs in one.before_by_strategy.values()) < 2:
            yield unknown(f"{config.value}: {measure}", "all pairs are of one strategy, and a bias is between several")
        else:
            yield _bias(f"{config.value}: {measure}", part(one), one, widened)


# A bias and what its estimator may hide, the more so of few pairs.
def _bias(measure: str, of: Interval, one: FilterBias, widened: Widened) -> GateMeasurement:
    value = abs(of.value or 0)
    if one.dialogues is None:
        return GateMeasurement(measure, value, of.n, UNBOUNDED, note=_OLD_AUDIT)
    found = value_bounds(of.value or 0, of.low, of.high, one.dialogues)
    if found.low is None or found.high is None or not of.n or not one.after.n:
        return GateMeasurement(
            measure, value, of.n, UNBOUNDED, note=f"{of.n} pairs of {one.dialogues} dialogues are too few"
        )
    ends = abs(found.low), abs(found.high)
    high = max(ends)
    bounds = Bounds(0.0 if found.low <= 0 <= found.high else min(ends), widened(one, high, 1))

    def passes(limit: float, times: float) -> bool:
        return widened(one, value + (high - value) / times**0.5, times) <= limit

    return GateMeasurement(measure, value, of.n, bounds, advice=partial(_advice, of, "pairs", passes))


def measure_rows(audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """Rows are counted, and none is a count: it fails."""
    if not facts.is_release:
        yield not_applicable("rows of a split", "the data promises no splits")
    for config, splits in facts.rows.items():
        for split, rows in {**splits, **audit.rows.get(config, {})}.items():
            yield GateMeasurement(f"{config}: rows in {split}", rows, 1)


def measure_self_judging(audit: Audit, facts: Facts) -> Iterator[GateMeasurement]:
    """Judges that are a model whose words they judge; see `builders.auditing._gate_measures`."""
    found, measure = find_self_judging(facts.models), "judges that judge what they wrote, or what they rewarded"
    if not facts.is_release:
        yield not_applicable(measure, "the data names no models")
    elif not found.judges:
        yield not_applicable(measure, "the judge is written rules or a script: no model judges")
    elif not found.writers:
        yield not_applicable(measure, "no model writes what is judged")
    elif found.unknown and not found.same:
        yield unknown(
            measure,
            f"{', '.join(one.judge for one in found.unknown)} labels the steps of a model whose training it may have "
            "rewarded; say with --accept and --why where it did not",
        )
    else:
        kin = f"of one base family, which makes a judge lenient: {_listed(found.family)}" if found.family else ""
        same = {one.judge for one in found.same}
        yield GateMeasurement(measure, len(same), found.judges, note=_listed(found.same) or kin)


def _listed(some: tuple[object, ...]) -> str:
    return "; ".join(map(str, some))


# Whose pairs are looked at: the promised ones, and whatever another dataset has.
def _configs(audit: Audit, facts: Facts) -> list[str]:
    return [config.value for config in PAIR_CONFIGS] if facts.is_release else list(audit.rows)


def _pairs_of(audit: Audit, config: str) -> int:
    return sum(audit.rows.get(config, {}).values())
