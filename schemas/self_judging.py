"""Whether a model judges its own words: one rule for builds, audits, publishing and evaluations.

Models are lenient with what they wrote themselves (Panickssery, Bowman & Feng 2024, arXiv 2404.13076), so such a
verdict says less than it seems to. What counts as one model is our own choice:

* The same name is the same model, whatever the revision, endpoint, publisher's prefix, date of the snapshot and
  quantisation: what a judge finds good hangs on the weights that it was trained to, not on where they run.
* One base family, such as two sizes of one generation, is a warning and no more: leniency carries over in part.
* Whether a reward model rewarded the training of the reasoner whose steps it labels is in no manifest: an endpoint says
  nothing of how its model was trained. So that cannot be told, and the maintainer has to say. Evaluations of
  checkpoints can tell, since a run's `run.json` names its reward model (`recipes.evaluate.stakes`).
* The embedded `corpus` judge applies written rules and the embedded responder retrieves what humans wrote: no model
  wrote the words, and none has a taste for them. They share a name and nothing else, so the rule does not apply there;
  nor to the script of a test. Beside real judges they count for nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .inference import ModelRef, Role
from .manifest import ModelRecord

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
    """What the models of a release say of it."""

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
