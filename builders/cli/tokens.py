"""The part of `build` that is about tokens: `--max-tokens ROLE=N` and `--thinking ROLE=N`."""

import argparse
from typing import NamedTuple

from ...schemas.errors import UsageError
from ...schemas.inference import Role, TokenLimits
from .numbers import whole


class RoleTokens(NamedTuple):
    """A number of tokens for a role."""

    role: Role
    tokens: int


def add_tokens(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--max-tokens",
        metavar="ROLE=N",
        type=_read,
        action="append",
        default=[],
        help="tokens of an answer, in place of the spec's number, for every task of the role; repeat it for several "
        "roles. It is part of what is asked: other numbers are new calls",
    )
    parser.add_argument(
        "--thinking",
        metavar="ROLE=N",
        type=_read,
        action="append",
        default=[],
        help="tokens that the role's models may think on top of those of the answer; as --max-tokens",
    )


def tokens_of(options: argparse.Namespace) -> dict[Role, TokenLimits]:
    """The token limits of every role that the options name.

    Raises:
        UsageError: an option names a role twice.
    """
    answers = _by_role("--max-tokens", options.max_tokens)
    thinking = _by_role("--thinking", options.thinking)
    return {
        role: TokenLimits(answer=answers.get(role), thinking=thinking.get(role, 0))
        for role in Role
        if role in answers or role in thinking
    }


def _by_role(option: str, named: list[RoleTokens]) -> dict[Role, int]:
    found: dict[Role, int] = {}
    for role, tokens in named:
        if role in found:
            raise UsageError(f"{option} names the {role} twice; leave one of the two out")
        found[role] = tokens
    return found


def _read(text: str) -> RoleTokens:
    name, equals, number = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROLE=N")
    if name not in tuple(Role):
        raise argparse.ArgumentTypeError(f"{text!r}: the roles are {', '.join(Role)}")
    return RoleTokens(Role(name), int(whole(number)))
