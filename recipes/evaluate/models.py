"""The models of an evaluation over a release: what systems say at its turns, and judges of what they said."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

from ...builders.models.client import Completers
from ...builders.models.pool import CORPUS, ModelPool
from ...builders.models.record import Records
from ...builders.runtime.progress import Progress
from ...schemas.dialogue import Dialogue
from ...schemas.evaluation import Evaluation, JudgeFigures
from ...schemas.inference import ModelRef
from ..data.release import PinnedRelease
from ..metrics.sample import AnswerSample
from ._judging import JudgedReply, JudgeVotes, ReplyJudgement, count_questions, judge_replies, panels_of, replies_of
from .generate import generate
from .held_out import HumanTurn
from .options import EvaluateOptions, EvaluationFolder
from .players import choose_players, format_calls
from .predictions import HUMAN, System, align
from .score import Samples
from .stakes import parts_of, stake, with_stakes
from .step_judge import judge_by_reward, reward_folder

T = TypeVar("T")


@dataclass(frozen=True)
class EvalContext:
    """What systems are evaluated on, where that is a release."""

    release: PinnedRelease
    turns: tuple[HumanTurn, ...]
    training: tuple[Dialogue, ...]


@dataclass(frozen=True)
class Models:
    """The models of an evaluation over a release, with the folder that keeps what they say."""

    options: EvaluateOptions
    ground: EvalContext
    store: EvaluationFolder
    progress: Progress

    @cached_property
    def players(self) -> ModelPool:
        """Who they are; nothing is sent yet."""
        return choose_players(self.options.players, lambda: self.ground.training)

    def systems(self) -> tuple[System, ...]:
        """What the systems say at every turn."""
        turns, told = self.ground.turns, partial(format_calls, self.players)

        async def ask(completers: Completers) -> tuple[System, ...]:
            return await generate(
                self.players,
                completers,
                self.ground.release.manifest.spec,
                turns,
                temperature=self.options.temperature,
                on_system=lambda name: self.progress.stage(f"asking {name}", len(turns)),
                on_turn=lambda: self.progress.advance(told()),
            )

        return self._with_models(ask) if self.options.players.speaks else ()

    def judged(self, evaluation: Evaluation, systems: Sequence[System], samples: Samples | None = None) -> Evaluation:
        """The evaluation with what judges say of the replies in it; as it is where there is no judge.

        Args:
            evaluation: of the systems.
            systems: what they said.
            samples: filled with the samples of every difference.
        """
        players = self.options.players
        if not players.judges and not players.reward_judges:
            return evaluation
        aligned = align(systems)
        replies = replies_of(aligned, self.ground.turns)
        self.progress.stage("judging", count_questions(self.players, replies))

        async def ask(completers: Completers) -> Mapping[ModelRef, tuple[ReplyJudgement, ...]]:
            return await judge_replies(
                self.players,
                completers,
                replies,
                seed=self.ground.release.manifest.spec.seed,
                on_answer=lambda: self.progress.advance(format_calls(self.players)),
            )

        sample = AnswerSample.of([one.answer for one in aligned[0].predictions], self.options.replicates)
        said = dict(self._with_models(ask)) if players.judges else {}
        panels = panels_of(said | self._rewarded(replies), sample)
        if samples is not None:
            found = ((str(one.judge), *difference) for one in panels for difference in one.differences())
            samples.judged.update({(judge, what, one, other): said for judge, what, one, other, said in found})
        judged = tuple(self._with_stakes(panel) for panel in panels)
        # Which reply a judge prefers says nothing of a system that it has a stake in.
        fair = (
            win
            for panel, one in zip(panels, judged, strict=True)
            for win in panel.wins()
            if not {win.one, win.other} & one.stakes.keys()
        )
        return evaluation.model_copy(update={"judged": judged, "wins": (*evaluation.wins, *fair)})

    # What a judge said, with the systems named that it is not independent of.
    def _with_stakes(self, panel: JudgeVotes) -> JudgeFigures:
        known = parts_of(self.players) | dict(self.options.writers)
        systems = [name for name in panel.systems if name != HUMAN]
        if panel.judge.name == CORPUS:
            return panel.judged()
        why = {name: stake(panel.judge, known[name], self.ground.release) for name in systems if name in known}
        unknown = [name for name in systems if name not in known]
        return with_stakes(panel.judged(), {name: told for name, told in why.items() if told}, unknown)

    # What reward models say of the traces; nothing where there are none of either.
    def _rewarded(self, replies: Sequence[JudgedReply]) -> dict[ModelRef, tuple[ReplyJudgement, ...]]:
        if not any(reply.trace for reply in replies):
            return {}
        folders = [reward_folder(named) for named in self.options.players.reward_judges]
        return dict(judge_by_reward(folder, replies, self.ground.release.manifest.spec) for folder in folders)

    # What `ask` gives with everybody reachable; what was answered is on disk when this returns.
    def _with_models(self, ask: Callable[[Completers], Coroutine[Any, Any, T]]) -> T:
        async def opened(records: Records) -> T:
            async with self.players.open(records) as completers:
                return await ask(completers)

        with Records(self.store.records) as records:
            answered = asyncio.run(opened(records))
            records.flush()
        return answered
