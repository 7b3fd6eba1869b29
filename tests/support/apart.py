"""Does parts of some work as nodes that share nothing do: each from a copy, in any order, with a copy as its result."""

import pickle
from collections.abc import Callable, Iterable, Iterator

from ipm_prefdial.builders.runtime.environment import Part, Result


def last_first(work: Callable[[Part], Result], parts: Iterable[Part], /) -> Iterator[Result]:
    """What comes of each part, in order; done are they the other way round."""
    results: list[Result] = []
    for part in reversed(list(parts)):
        do, alone = pickle.loads(pickle.dumps((work, part)))
        results.append(pickle.loads(pickle.dumps(do(alone))))
    return reversed(results)
