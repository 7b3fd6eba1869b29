"""Personal data of a fixed shape: addresses of the net, telephone numbers, ids, handles and street addresses.

A repetition in a pattern is bounded, or nothing follows it, so that the time of a search grows with the text and no
faster.
"""

import re
from collections.abc import Callable, Iterator

import phonenumbers
from stdnum import iban, luhn
from stdnum.us import ssn

from ....schemas.safety import PiiKind, PiiSpan
from ..pii import is_free
from ..words import NOT_A_HANDLE, NOT_A_NAME
from .words import COMMON, KNOWN_SITES, NOT_A_STREET, US_STATES

_TLD = (
    r"(?:com|org|net|edu|gov|info|biz|io|ie|ca|de|fr|nl|pl|ch|eu|es|se|jp|kr|br|mx|za|app|dev|blog|shop|store|site|online"
    r"|page|xyz|art|tech|club|example|(?:co|org|ac)\.uk|com\.au|co\.nz|co\.in)"
)
_MAIL = r"(?:gmail|googlemail|yahoo|ymail|hotmail|outlook|icloud|aol|proton(?:mail)?|gmx|live|msn|zoho|mail)"
_SHORT = (
    r"(?:t\.me|telegram\.me|wa\.me|m\.me|fb\.me|fb\.com|ig\.me|instagr\.am|discord\.gg|linktr\.ee|youtu\.be|bit\.ly"
    r"|tinyurl\.com|snapchat\.com|signal\.me|line\.me|vk\.com|paypal\.me|cash\.app|onlyfans\.com)"
)
_REST = r"[^\s<>]*"  # unbounded, but nothing follows it, so that no place is read twice

_DOT = r"(?:\s?[\[({]\s?(?:dot|\.)\s?[\])}]\s?|\s(?:dot|point)\s|\.)"
_SIGN = r"(?:\s?[\[({]\s?(?:at|@)\s?[\])}]\s?|\s(?:at|at sign)\s)"
_MARK = r"(?:\s(?:dot|underscore|dash|hyphen)\s)"
FEDIVERSE = re.compile(r"(?<![\w@])@\w{1,40}[@:][\w-]{1,63}(?:\.[\w-]{2,63}){1,4}")
EMAIL = re.compile(
    rf"\w[\w.+'%-]{{0,63}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,5}}"
    rf"|\w[\w.+%-]{{0,63}}\s?@\s?[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,3}}\.{_TLD}\b",
    re.IGNORECASE,
)
EMAIL_SAID = re.compile(
    rf"\w[\w.+-]{{0,63}}(?:{_MARK}[\w.+-]{{1,40}}){{0,4}}\s?[\[({{]\s?(?:at|@)\s?[\])}}]\s?[\w-]{{1,63}}"
    rf"(?:{_DOT}[\w-]{{1,63}}){{0,3}}{_DOT}[a-z]{{2,12}}\b"
    rf"|\w[\w.+-]{{0,63}}(?:{_MARK}[\w.+-]{{1,40}}){{0,4}}{_SIGN}{_MAIL}{_DOT}(?:co{_DOT}uk|[a-z]{{2,4}})\b"
    rf"|(?:\w[\w.+-]{{0,40}}(?:{_MARK}[\w.+-]{{1,40}}){{1,4}}|[\w+-]{{1,40}}[\d._][\w.+-]{{0,40}}){_SIGN}[\w-]{{1,63}}"
    rf"(?:\sdot\s[\w-]{{2,20}}){{0,2}}\sdot\s[a-z]{{2,12}}\b",
    re.IGNORECASE,
)
URL = re.compile(
    rf"(?<![a-z])data:[\w/+.-]{{3,60}}(?:;[\w=-]{{1,30}}){{0,3}};base64,{_REST}"
    rf"|(?<![a-z])(?:h(?:tt|xx)ps?|ftp)://[^\s<>]{_REST}|(?<![\w.])www\.\w{_REST}"
    rf"|(?<![\w@.-]){_SHORT}/\w{_REST}"
    rf"|(?<![\w@.-])(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,4}}(?:{_TLD}(?![\w@-])(?:/{_REST})?|[a-z]{{2,6}}/[\w~]{_REST})",
    re.IGNORECASE,
)
URL_SAID = re.compile(r"(?<![\w@.])([a-z0-9][\w-]{2,40}) dot (?:com|org|net)\b", re.IGNORECASE)

_NORTH_AMERICA = (
    r"(?<![\w.+$£€#-])(?<!\d[ /])(?:\+?1[ .-]?)?(?:\(\d{3}\)[ .-]?|\d{3}[ .\-/])\d{3}[ .\-/]?\d{4}"
    r"(?:,?\s?(?:ext\.?|x|extension)\s?\d{1,5})?(?![\w-]|[.,]\d)"
)
PHONE = re.compile(rf"{_NORTH_AMERICA}|(?<![\w.+$£€-])[2-9]\d\d[2-9]\d{{6}}(?![\w-]|[.,]\d)", re.IGNORECASE)
PHONE_ABROAD = re.compile(
    r"(?<![\w.])(?:\+|00 ?)[1-9]\d{0,2}(?:[ .\-/]{0,2}(?:\(\d{1,4}\)|\d{1,5})){1,7}(?![\w-])", re.IGNORECASE
)
PHONE_UK = re.compile(r"(?<![\w.+$£€-])(?:\(0\d{2,4}\)|0\d{1,4})(?:[ -]?\d{2,4}){2,3}(?![\w-]|[.,]\d)")
PHONE_SAID = re.compile(
    r"\b(?:(?:phone|cell|mobile|home|work)? ?number|phone|cell|mobile|tel|landline"
    r"|(?:call|text|ring|reach|whatsapp) me)"
    r"(?:'s)?(?: is| at| on|:){0,2}\s{1,3}(\d{3}[ .-]?\d{4}|\d{5}[ -]\d{5,6})(?![\w-])",
    re.IGNORECASE,
)
_DIGIT = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)"
PHONE_SPELLED = re.compile(rf"\b{_DIGIT}(?:,?[ -]{_DIGIT}){{6,14}}\b", re.IGNORECASE)
_COUNTED = ("one two three four five six seven eight nine", "nine eight seven six five four three two one")

CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_ISSUERS = re.compile(r"4(?:\d{12}|\d{15}|\d{18})$|5[1-5]\d{14}$|2[2-7]\d{14}$|3[47]\d{13}$|6(?:011|4\d|5)\d{12,13}$")
SSN = re.compile(r"(?<![\w-])(?:\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4})(?![\w-])")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?\b")
NATIONAL = re.compile(r"\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b")
IP = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IP_CUE = re.compile(r"\b(?:ip|address|from|server|router|host|traced)\W{0,3}(?:is |was |address )?$", re.IGNORECASE)
_VERSION_CUE = re.compile(r"\b(?:version|release|updated? to|build|section|chapter|v)\W{0,2}$", re.IGNORECASE)
IP_6 = re.compile(r"(?<![\w:])(?=[\d:]{0,30}[a-f])(?:[0-9a-f]{1,4}:{1,2}){4,7}[0-9a-f]{1,4}(?![\w:])", re.IGNORECASE)
_TOKEN = r"[A-Z0-9]{1,20}(?:[-/][A-Z0-9]{1,12}){0,4}"
NUMBER = re.compile(
    r"\b(?:ssn|social(?: security)?|passport|driv(?:er'?s?|ing) licen[sc]e|licen[sc]e|account|acct|policy|case"
    r"|member(?:ship)?|medical record|mrn|patient|student|employee|worker|staff|routing|sort code|tax|ni|nino|nhs|sin"
    r"|iban|medicare|medicaid|aadhaar|bsn|insurance|card|badge|vin|visa|national|id|file|docket|permit|certificate|uci"
    r"|ref(?:erence)?|booking|ticket|[a-z]{2,20} (?:number|no\.))"
    r"(?: (?:file|number|no\.?|num|id|code|card)){0,2}(?:'s| is| was|:| #|#|=){0,2}\s{0,2}#?"
    rf"(?=[A-Z/-]{{0,8}}\d)({_TOKEN}(?: (?=[A-Z]{{0,3}}\d){_TOKEN}){{0,6}})(?![\w/-])",
    re.IGNORECASE,
)
PLATE = re.compile(
    r"\b(?i:plates?(?: number)?(?: is|:)?) (?=[A-Z]{0,4}\d)([A-Z0-9]{2,4}[ -]?[A-Z0-9]{2,5}|[A-Z0-9]{5,8})\b"
)

_APP = (
    r"(?:insta(?:gram)?|ig|snap(?:chat)?|discord|telegram|tg|twitter|kik|tik ?tok|reddit|skype|whatsapp|steam|we ?chat"
    r"|weixin|line|viber|signal|matrix|mastodon|facebook|fb|psn|xbox|gamer ?tag|twitch|tumblr|bluesky|threads|qq|kakao"
    r"|roblox|epic(?: games)?|minecraft|fortnite|nintendo|bereal|venmo|cash ?app|paypal|vsco|onlyfans|wattpad|github"
    r"|x\.com|user ?name|ign)"
)
_WORDS = r"(?:line|signal|matrix|steam|threads|snap|twitch|epic(?: games)?|switch)"
"""Names of networks that are words, too: "the line is garbage"."""
_NOUN = r"(?: (?:handle|name|id|user|username|account|tag)){1,2}"
_HANDLE = r"@?(?:live:)?[a-z_][\w.-]{1,30}\w(?:#\d{4}| \d{1,4}(?=$|[.,!?]))?"
HANDLES = (
    re.compile(r"(?<![\w@./])@[A-Za-z_][\w.]{1,29}\w"),
    re.compile(r"(?<![\w#])(\w{2,32}#\d{4})(?!\w)"),
    re.compile(r"(?<!\w)/?u/[\w-]{3,20}(?![\w/])"),
    re.compile(rf"\b{_APP}{_NOUN}(?: is|'s|:)?\s{{1,2}}({_HANDLE})", re.IGNORECASE),
    re.compile(
        rf"\b{_APP}{_NOUN}?(?: [a-z]{{2,8}}){{0,2}}(?: is|'s|:)\s{{1,2}}(?=[\w.-]{{0,30}}[\d_])({_HANDLE})",
        re.IGNORECASE,
    ),
    re.compile(rf"\b{_APP}(?: ?:)\s{{0,2}}({_HANDLE})", re.IGNORECASE),
)
HANDLE_IS = re.compile(rf"\b(?!{_WORDS} is){_APP}(?: is|'s)\s{{1,2}}({_HANDLE})", re.IGNORECASE)
HANDLE_BESIDE = re.compile(
    rf"\b{_APP}(?:,? (?:me|at|as|i'm|i am|im|under|by)){{0,3}}\s{{1,2}}"
    rf"(?=@|[a-z.-]{{1,30}}[\d_]|_)({_HANDLE})",
    re.IGNORECASE,
)
_SUFFIXES = ("ed", "ing", "ly", "ful", "less", "able", "ive", "ous", "al", "ate", "ic", "ent", "ant", "ary", "ory")

_BIG = r"(?:[A-Z][\w'’-]{0,24}\.?|\d{1,3}(?:st|nd|rd|th)|of|the|de)"
_STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Way|Place|Pl|Terrace|Square|Close"
    r"|Crescent|Circle|Cir|Parkway|Pkwy|Trail|Row|Mews|Gardens|Grove|Hill)"
)
_UNIT = r"(?:,?\s(?i:apt|apartment|unit|suite|ste|flat|floor|#)\.?\s?#?\w{1,6})?"
ADDRESS = re.compile(
    r"\b(?:(?i:flat|apt|unit|apartment)\.? \w{1,5}, )?\d{1,5}(?:-\d{1,5})?[A-Za-z]?\s(?:[NSEW]\.?\s)?"
    rf"(?:{_BIG}\s){{1,4}}{_STREET}\b\.?{_UNIT}"
    r"|\b\d{1,5} (?:Highway|Hwy|Route|County Road)\.? \d{1,4}\b"
    r"|\b\d{1,4} (?:Rue|Calle|Via|Avenida|Rua|Plaza|Piazza)(?: (?:de|des|du|la|las|los|del|della|di|da)){0,2}"
    r" [A-Z][\w'’-]{1,24}"
    r"|\b[A-ZÄÖÜ]\w{2,24}(?:straße|strasse|str\.|weg|gasse|platz|allee) \d{1,4}[a-z]?\b"
    r"|\b(?i:p\.? ?o\.? box) #?\d{1,6}\b"
)
ADDRESS_SMALL = re.compile(
    r"\b\d{1,5} ((?:[a-z][a-z'-]{2,20} ){1,2})(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd)\b\.?"
    + _UNIT
)
POSTCODE = re.compile(
    r"\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d\b"
    r"|\b(?i:post ?code(?: is|:)? ([A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}))\b"
    rf"|\b(?:[A-Z][a-z'-]{{1,20}}(?: [A-Z][a-z'-]{{1,20}}){{0,2}},\s{{1,2}})?(?:{US_STATES}) \d{{5}}(?:-\d{{4}})?\b"
    r"|\b(?i:zip(?: code)?(?: is|:)?) (\d{5}(?:-\d{4})?)\b"
)

_END = ".,;:!?)\"']}*"


def find_shapes(text: str) -> Iterator[PiiSpan]:
    """Each find; where kinds contend for the same words, the earlier one is the better."""
    small = text.casefold()
    digits = any(map(str.isdecimal, text)) if not text.isascii() else _DIGITS.search(text) is not None
    if "@" in text or "at" in small:
        yield from _emails(text)
    if "." in text or "://" in text or ";base64," in text or " dot " in small:
        yield from _links(text)
    if digits:
        yield from _ids(text)
        yield from _phones(text)
    for found in PHONE_SPELLED.finditer(text) if _SPELLED_CUE.search(small) else ():
        said = found.group().casefold().replace("-", " ").replace(",", "")
        if not any(said in counted for counted in _COUNTED):
            yield _span(PiiKind.PHONE, found)
    yield from _handles(text)
    if digits:
        yield from _addresses(text)


_DIGITS = re.compile(r"\d")
_SPELLED_CUE = re.compile(rf"\b{_DIGIT},?[ -]{_DIGIT},?[ -]{_DIGIT}\b")


def _span(kind: PiiKind, found: re.Match[str]) -> PiiSpan:
    group = found.lastindex or 0
    return PiiSpan.model_construct(kind=kind, start=found.start(group), end=found.end(group))


def _trimmed(kind: PiiKind, found: re.Match[str]) -> PiiSpan:
    """The find without the marks that end a sentence."""
    said = found.group().rstrip(_END)
    return PiiSpan.model_construct(kind=kind, start=found.start(), end=found.start() + max(len(said), 1))


def _emails(text: str) -> Iterator[PiiSpan]:
    if "@" in text:
        yield from (_trimmed(PiiKind.HANDLE, found) for found in FEDIVERSE.finditer(text))
        yield from (_span(PiiKind.EMAIL, found) for found in EMAIL.finditer(text))
    yield from (_span(PiiKind.EMAIL, found) for found in EMAIL_SAID.finditer(text))


def _links(text: str) -> Iterator[PiiSpan]:
    for found in URL.finditer(text):
        span = _trimmed(PiiKind.URL, found)
        if text[span.start : span.end].casefold().rpartition(".")[0] not in KNOWN_SITES:
            yield span
    for found in URL_SAID.finditer(text):
        word = found.group(1).casefold()
        if word not in KNOWN_SITES and word not in NOT_A_NAME and word not in COMMON:
            yield PiiSpan.model_construct(kind=PiiKind.URL, start=found.start(), end=found.end())


def _digits(said: str) -> str:
    return "".join(letter for letter in said if letter.isdecimal())


def _ids(text: str) -> Iterator[PiiSpan]:
    for pattern, holds in _CHECKED:
        yield from (_span(PiiKind.ID, found) for found in pattern.finditer(text) if holds(found))
    for found in IBAN.finditer(text):
        # A word in capitals may follow: the longest beginning whose check digits are right is the number.
        parts = re.split(r"(?=[ -])", found.group())
        for left in range(len(parts), 0, -1):
            if iban.is_valid(said := "".join(parts[:left])):
                yield PiiSpan.model_construct(kind=PiiKind.ID, start=found.start(), end=found.start() + len(said))
                break


def _is_card(found: re.Match[str]) -> bool:
    number = _digits(found.group())
    return _ISSUERS.match(number) is not None and luhn.is_valid(number)


def _is_ssn(found: re.Match[str]) -> bool:
    return "-" in found.group() or ssn.is_valid(found.group().replace(" ", "-"))


def _is_ip(found: re.Match[str]) -> bool:
    parts = [int(part) for part in found.group().split(".")]
    before = found.string[max(0, found.start() - 30) : found.start()]
    if max(parts) > 255 or _VERSION_CUE.search(before):
        return False
    return max(parts) >= 100 or _IP_CUE.search(before) is not None


def _is_number(found: re.Match[str]) -> bool:
    said = found.group(1)
    return len(_digits(said)) >= 4 and len(said) >= 5


def _any(found: re.Match[str]) -> bool:
    return True


_CHECKED: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
    (CARD, _is_card),
    (NATIONAL, _any),
    (SSN, _is_ssn),
    (NUMBER, _is_number),
    (PLATE, _any),
    (IP, _is_ip),
    (IP_6, _any),
)


def _phones(text: str) -> Iterator[PiiSpan]:
    for found in PHONE_ABROAD.finditer(text):
        number = re.sub(r"^\+?0*", "", _digits(found.group().replace("(0)", "")))
        if 8 <= len(number) <= 15 and _is_possible(number) and not is_free(number):
            yield _span(PiiKind.PHONE, found)
    for found in PHONE.finditer(text):
        if not is_free(found.group()):
            yield _span(PiiKind.PHONE, found)
    for found in PHONE_UK.finditer(text):
        number = _digits(found.group())
        if len(number) in (10, 11) and not number.startswith("080") and set(number) != {"0"}:
            yield _span(PiiKind.PHONE, found)
    yield from (_span(PiiKind.PHONE, found) for found in PHONE_SAID.finditer(text))


def _is_possible(number: str) -> bool:
    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse(f"+{number}")))
    except phonenumbers.NumberParseException:
        return False


def _handles(text: str) -> Iterator[PiiSpan]:
    for at, pattern in enumerate(HANDLES):
        for found in pattern.finditer(text):
            said = found.group(found.lastindex or 0).casefold().strip("@")
            plain = at >= 3 and said.isalpha()
            if said in NOT_A_HANDLE or (plain and not _is_made_up(said, found)):
                continue
            yield _span(PiiKind.HANDLE, found)
    for found in HANDLE_IS.finditer(text):
        said = found.group(1).casefold()
        if _is_made_up(said, found) if said.isalpha() else said not in COMMON:
            yield _span(PiiKind.HANDLE, found)
    for found in HANDLE_BESIDE.finditer(text):
        if any(letter.isdecimal() or letter in "_@" for letter in found.group(1)):
            yield _span(PiiKind.HANDLE, found)


def _is_made_up(said: str, found: re.Match[str]) -> bool:
    """Whether letters alone are a name on a network rather than a word; it has to end what is said."""
    rest = found.string[found.end() : found.end() + 5]
    if said in COMMON or said in NOT_A_NAME or said.endswith(_SUFFIXES) or len(said) < 5:
        return False
    return not rest.strip() or rest[0] in ".,;!?)" or rest.startswith((" and ", " if ", " on ", " or "))


def _addresses(text: str) -> Iterator[PiiSpan]:
    yield from (_span(PiiKind.PLACE, found) for found in ADDRESS.finditer(text))
    yield from (_span(PiiKind.PLACE, found) for found in POSTCODE.finditer(text))
    for found in ADDRESS_SMALL.finditer(text):
        if NOT_A_STREET.isdisjoint(found.group(1).split()):
            yield PiiSpan.model_construct(kind=PiiKind.PLACE, start=found.start(), end=found.end())
