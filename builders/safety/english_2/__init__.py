"""Rules 2 for personal data, for English: forms of a fixed shape in every way of writing them, then places and names.

A text is normalised first (`normalised`), so that full-width digits, letters of another script and zero-width spaces
hide nothing; what is masked is the original's own stretch, and the rest of it stays as it was. `shapes` knows e-mail
addresses, links, numbers, handles and street addresses: check digits and telephone plans come from `python-stdnum` and
`phonenumbers`. `names` knows names and towns by the words around them, as rules 1 do.

As in rules 1, public helplines, brands and countries identify nobody, and precision comes first where words are
concerned. The bare address of a site that everybody knows (`amazon.com`) tells nothing; one with a path does.
"""

from collections.abc import Iterable
from itertools import chain

from ....schemas.safety import PiiSpan
from ..pii import apart, mask_with
from .names import find_names, find_places
from .normalised import normalise
from .shapes import find_shapes

_MOST_READ = 200_000
"""As in rules 1, where no released bytes hang on it."""


def find_pii(text: str) -> tuple[PiiSpan, ...]:
    """What would tell who a person is, in the order of the text; no two finds overlap."""
    read = normalise(text)
    return read.original(apart(chain(find_shapes(read.text), find_places(read.text), find_names(read.text))))


def find_reaching(text: str) -> tuple[PiiSpan, ...]:
    """Those finds of `find_pii` by which somebody could be reached or looked up: all but towns and names."""
    read = normalise(text)
    found: Iterable[PiiSpan] = (span for span in apart(find_shapes(read.text)) if span.kind != "place")
    return read.original(found)


def mask_pii(text: str) -> str:
    """The text with a placeholder for each find; nothing is found in what is returned."""
    return mask_with(find_pii, text, most_read=_MOST_READ)
