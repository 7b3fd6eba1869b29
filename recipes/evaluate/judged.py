"""What judges said, as means with their coverage, paired differences and win rates.

Every grade has its own mean: a reply whose one grade could not be read keeps the others.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ...prompts.library import load_prompt
from ...schemas.error_type import ErrorType
from ...schemas.evaluation import Comparison, ErrorShare, Grade, Judged, WinRate
from ...schemas.inference import ModelRef
from ..metrics.measured import Measured, mean_of
from ..metrics.paired import difference_of, p_value
from ..metrics.sample import Sample
from .judging import GRADES, PROMPTS, STEP_GRADES, Judgement, Protocol, Question
from .players import CORPUS
from .score import win_rate

ANY_ERROR = "any error"
ALL_GRADES = "mean of five grades"

Place = tuple[str, int]


@dataclass(frozen=True)
class Panel:
    """One judge's word on several systems, as values by turn."""

    judge: ModelRef
    sample: Sample
    """Of any of the systems: its turns and their weights are every system's."""
    said: tuple[Judgement, ...]

    def judged(self) -> Judged:
        """All of it."""
        grades, errors = tuple(self._grades()), tuple(self._errors())
        asked = {(one.question, one.protocol) for one in self.said}
        ids = [] if self._is_reward else [PROMPTS[one] for one in PROMPTS if one in asked]
        return Judged(
            judge=str(self.judge),
            prompts={prompt: load_prompt(prompt).sha256 for prompt in ids},
            grades=grades,
            errors=errors,
            comparisons=tuple(self._comparisons()),
            notes=self._notes(),
        )

    @property
    def systems(self) -> list[str]:
        """The systems that it was asked about, in order."""
        return list(dict.fromkeys(one.system for one in self.said))

    def wins(self) -> Iterator[WinRate]:
        """Whose reply has the better mean of all five grades, turn by turn; where both have all five."""
        for protocol in Protocol:
            means = {name: self._all_grades(name, protocol) for name in self.systems}
            for one, other in combinations(self.systems, 2):
                if (np.isfinite(means[one]) & np.isfinite(means[other])).any():
                    by = f"{ALL_GRADES}, {protocol}, by {self.judge}"
                    yield win_rate(by, (one, means[one]), (other, means[other]), self.sample.weights)

    def _grades(self) -> Iterator[Grade]:
        for question, grades in ((Question.GRADES, GRADES), (Question.STEPS, STEP_GRADES)):
            for name, protocol, asked in self._asked(question):
                for grade in grades:
                    mean = self._mean(self._values(name, protocol, grade))
                    told = {"mean": mean.interval, "asked": asked, "turns": self.sample.size}
                    yield Grade(system=name, protocol=protocol, grade=grade, **told)

    def _errors(self) -> Iterator[ErrorShare]:
        for name, protocol, asked in self._asked(Question.ERRORS):
            verdicts = [one.verdict for one in self._of(name, Question.ERRORS, protocol).values() if one.verdict]
            counts = Counter(verdict.error for verdict in verdicts if verdict.error is not None)
            yield ErrorShare(
                system=name,
                protocol=protocol,
                flagged=self._mean(self._values(name, protocol, ANY_ERROR)).interval,
                errors={error: counts[error] for error in ErrorType if counts[error]},
                asked=asked,
                turns=self.sample.size,
            )

    def differences(self) -> Iterator[tuple[str, str, str, Measured]]:
        """What is compared, two systems, and the first one's mean less the other's, where both were judged."""
        for protocol in Protocol:
            for what in (*GRADES, *STEP_GRADES, ANY_ERROR):
                values = {name: self._values(name, protocol, what) for name in self.systems}
                for one, other in combinations(self.systems, 2):
                    difference = self._mean(values[one] - values[other])
                    if difference.interval.value is not None:
                        yield f"{what}, {protocol}", one, other, difference

    def _comparisons(self) -> Iterator[Comparison]:
        for metric, one, other, difference in self.differences():
            nothing = Measured(np.zeros_like(difference.values), difference.n)
            told = difference_of(difference, nothing)
            p = p_value(difference, nothing)
            yield Comparison(metric=metric, one=one, other=other, difference=told, p=p)

    def _asked(self, question: Question) -> Iterator[tuple[str, Protocol, int]]:
        """Every system and protocol with replies that were judged, and how many these were."""
        for protocol in Protocol:
            for name in self.systems:
                if asked := len(self._of(name, question, protocol)):
                    yield name, protocol, asked

    def _of(self, system: str, question: Question, protocol: Protocol) -> Mapping[Place, Judgement]:
        return {
            one.place: one
            for one in self.said
            if one.system == system and one.question is question and one.protocol is protocol
        }

    def _values(self, system: str, protocol: Protocol, what: str) -> np.ndarray:
        """A grade, or 1 for an error, at every turn; not a number where there is none."""
        question = Question.GRADES if what in GRADES else Question.STEPS if what in STEP_GRADES else Question.ERRORS
        said = self._of(system, question, protocol)
        return np.array([_value(said.get((one.dialogue, one.turn)), what) for one in self.sample.answers])

    def _all_grades(self, system: str, protocol: Protocol) -> np.ndarray:
        return np.asarray(np.mean([self._values(system, protocol, grade) for grade in GRADES], axis=0))

    def _mean(self, values: np.ndarray) -> Measured:
        told = np.isfinite(values)
        return mean_of(values[told], self.sample.weights[told], int(told.sum()))

    @property
    def _is_reward(self) -> bool:
        """Whether it is a reward model, which is asked nothing in words."""
        return self.judge.only_labels_steps

    def _notes(self) -> tuple[str, ...]:
        if self._is_reward:
            return (
                f"{self.judge} is a reward model: its values are probabilities that a step is right, as it sees it",
            )
        if self.judge.name != CORPUS:
            return ()
        return (
            f"{self.judge} judges by written rules, for trying the pipeline: it knows three of the five errors, gives "
            "no grades, and looks at words alone",
        )


def _value(said: Judgement | None, what: str) -> float:
    if said is None:
        return np.nan
    if what == ANY_ERROR:
        return np.nan if said.verdict is None else float(said.verdict.error is not None or said.verdict.no_reply)
    return said.grades.get(what, np.nan)


def panels_of(said: Mapping[ModelRef, Sequence[Judgement]], sample: Sample) -> tuple[Panel, ...]:
    """A panel a judge."""
    return tuple(Panel(judge, sample, tuple(judgements)) for judge, judgements in said.items())
