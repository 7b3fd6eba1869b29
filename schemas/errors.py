"""Every error that a user can meet, in one tree; the command ends with the exit code of the branch.

PrefDialError
├── UsageError              2  wrong use: nothing was sent, the command itself must change
│   ├── SourceError         2  a source file: named with file, dialogue, turn or line
│   ├── OutputExistsError   2  the output folder is there already
│   └── PromptError         2  a prompt asked for by a wrong id or with wrong variables
├── DataError               1  the data, a gate or a budget says no
│   ├── LostRowsError       1  candidates are not rows + drops: a bug of ours, never the user's
│   ├── StepError           1  a step of mining failed on one turn: a bug of ours, too
│   └── BudgetError         1  the budget is spent; everything so far is kept
└── EndpointError           3  an endpoint or the Hub failed; the same command can be repeated
    └── UnusableAnswersError 3  a model answers, but a role can use too few of its answers
"""

from typing import ClassVar

INTERRUPTED = 130
"""The exit code of an interrupted command, as shells give it: 128 + SIGINT."""


class PrefDialError(Exception):
    """A failure that a user can understand: the message says what, where, and what to do."""

    exit_code: ClassVar[int] = 1


class UsageError(PrefDialError):
    """The command cannot work as it was given; nothing was sent to any model."""

    exit_code = 2


class SourceError(UsageError):
    """A source cannot be read; the message names the file and the place in it."""


class OutputExistsError(UsageError):
    """The output folder exists; a release is never written on top of another."""


class PromptError(UsageError):
    """A prompt that does not exist, was changed after its release, or got other variables than it states."""


class DataError(PrefDialError):
    """The data does not keep a promise, or a gate did not pass."""

    exit_code = 1


class LostRowsError(DataError):
    """Candidates went in that came out neither as a row nor as a drop."""


class StepError(DataError):
    """A step raised an error that it does not know; the message names the step, the dialogue and the turn."""


class BudgetError(DataError):
    """The budget does not allow the next call; every answer so far is recorded."""


class EndpointError(PrefDialError):
    """An endpoint (or the Hub) failed; everything answered so far is kept and the command can be repeated."""

    exit_code = 3


class UnusableAnswersError(EndpointError):
    """Too many of a model's answers in a role are of no use; the message quotes the endpoint and names the way out."""
