"""The words that tell a name or a place from a capitalised word that is none.

Written down, not learned: short lists of common words, so that a reader can see why something was masked.
"""


def _set(*lines: str) -> frozenset[str]:
    return frozenset(word.strip() for line in lines for word in line.split(","))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVEN_NAMES = _words(
    """
    james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony donald
    steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary
    nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory frank alexander raymond
    patrick jack dennis jerry tyler aaron jose adam henry nathan douglas zachary peter kyle walter ethan jeremy
    keith christian roger noah gerald carl terry sean austin arthur lawrence jesse dylan bryan joe jordan billy
    bruce albert willie gabriel logan alan juan wayne roy ralph randy eugene vincent russell louis philip bobby
    johnny bradley luke lucas liam mason oliver leo max oscar ahmed ali omar mohammed muhammad raj ravi carlos luis
    jorge pedro antonio diego mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy
    betty margaret sandra ashley kimberly emily donna michelle carol amanda dorothy melissa deborah stephanie
    rebecca sharon laura cynthia kathleen amy angela shirley anna brenda pamela emma nicole helen samantha katherine
    christine debra rachel carolyn janet catherine maria heather diane ruth julie olivia joyce virginia victoria
    kelly lauren christina joan evelyn judith megan andrea cheryl hannah jacqueline martha gloria teresa ann sara
    madison frances kathryn janice jean abigail alice julia judy sophia grace denise amber doris marilyn danielle
    beverly isabella theresa diana natalie brittany charlotte marie kayla alexis lori mia ava chloe zoe ella lily
    lucy claire fatima aisha priya sofia elena carmen rosa tom tim jim mike dave steve dan matt chris nick ben sam
    alex greg tony bill bob kate katie jenny jen becky liz beth sue meg tina tracy wendy peggy ellen
    """
)
"""Common given names: one of them before another capitalised word is a full name."""

NOT_A_NAME = _words(
    """
    i i'm im ive i've a an the and but or so if my your his her our their this that these those it is was are be
    been he she they we you not no yes ok okay just very really too also only here there now then when where what
    who why how because since still well oh hi hey hello thanks thank please sorry good great bad sad happy tired
    fine sure done glad afraid lonely depressed anxious stressed worried confused lost scared hurt angry upset
    feeling going trying having being doing getting looking working writing talking thinking from in on at to of for
    with about by as up out over off into than like has have had do does did can could will would should may might
    must am were has's him them me us any some all both each every more most much many other another own same such
    one two three first last next new old big little best worst monday tuesday wednesday thursday friday saturday
    sunday january february march april june july august september october november december christmas thanksgiving
    easter halloween hanukkah ramadan diwali eve valentine valentines birthday day god jesus lord christ bible
    church covid corona coronavirus pandemic zoom facebook instagram google amazon netflix youtube mturk turk
    twitter reddit snapchat tiktok discord whatsapp skype linkedin uber walmart target starbucks costco spotify
    headspace calm betterhelp talkspace cbt dbt emdr ptsd adhd ocd therapy therapist counselor counsellor counseling
    doctor psychologist psychiatrist hospital school college university high middle elementary american english
    british german french spanish chinese indian canadian mexican african asian european christian muslim jewish
    catholic hindu buddhist america usa uk us eu english zoloft prozac lexapro xanax ambien adderall biden trump
    obama santa claus mom dad mum mother father grandma grandpa lol omg btw idk haha wow damn phd right wrong bye
    dude man boy girl love hope help right
    """
)
"""What follows "my name is", "Dr" or a given name, capitalised or not, and is no name."""

NOT_A_PLACE = NOT_A_NAME | _words(
    """
    fear hell heaven peace poverty darkness denial pain silence constant general bed home town city house apartment
    dorm dorms parents campus downtown part areas area canada-based mid early late north south east west
    """
)
"""What follows "I live in" and is no place that would identify anybody."""

NAME_PARTS = _words("new old little big great north south east west high green")
"""What begins the names of towns, and says nothing alone."""

NOT_A_HANDLE = _words(
    "home work school least all night the this that there once everyone here channel everybody first noon"
)
"""What follows an @ and is no name."""

COUNTRIES = _set(
    "america, usa, u.s, us, united states, the united states, uk, england, scotland, wales, ireland, britain",
    "canada, mexico, india, pakistan, china, japan, korea, philippines, australia, new zealand, germany, france",
    "spain, italy, portugal, brazil, argentina, chile, nigeria, kenya, ghana, egypt, south africa, turkey",
    "russia, ukraine, poland, romania, greece, sweden, norway, denmark, finland, netherlands, belgium, austria",
    "switzerland, europe, africa, asia, vietnam, thailand, indonesia, malaysia, singapore, bangladesh, nepal",
    "iran, iraq, israel, lebanon, jamaica, venezuela, colombia, peru, united",
)
"""Countries and continents: too large to identify anybody."""

STATES = _set(
    "Alabama, Alaska, Arizona, Arkansas, California, Colorado, Connecticut, Delaware, Florida, Georgia, Hawaii",
    "Idaho, Illinois, Indiana, Iowa, Kansas, Kentucky, Louisiana, Maine, Maryland, Massachusetts, Michigan",
    "Minnesota, Mississippi, Missouri, Montana, Nebraska, Nevada, New Hampshire, New Jersey, New Mexico, New",
    "York, North Carolina, North Dakota, Ohio, Oklahoma, Oregon, Pennsylvania, Rhode Island, South Carolina",
    "South Dakota, Tennessee, Texas, Utah, Vermont, Virginia, Washington, West Virginia, Wisconsin, Wyoming",
    "Ontario, Quebec, British Columbia, Alberta, Manitoba, Nova Scotia, Queensland, Victoria",
)
"""Regions that say where somebody is; with a town before them, or after "I live in"."""

CITIES = _set(
    "Los Angeles, Chicago, Houston, Phoenix, Philadelphia, San Antonio, San Diego, Dallas, San Jose, Austin",
    "Jacksonville, Columbus, Charlotte, San Francisco, Indianapolis, Seattle, Denver, Boston, Nashville, Detroit",
    "Portland, Las Vegas, Memphis, Louisville, Baltimore, Milwaukee, Albuquerque, Tucson, Fresno, Sacramento",
    "Atlanta, Miami, Oakland, Minneapolis, Tampa, New Orleans, Cleveland, Pittsburgh, Cincinnati, St. Louis",
    "Orlando, Brooklyn, Queens, Toronto, Montreal, Vancouver, Calgary, London, Manchester, Birmingham, Leeds",
    "Glasgow, Edinburgh, Liverpool, Bristol, Dublin, Sydney, Melbourne, Brisbane, Mumbai, Delhi, Bangalore",
    "Hyderabad, Chennai, Kolkata, Lagos, Nairobi, Paris, Berlin, Madrid, Rome, nyc",
)
"""Large towns, known also in small letters after "I live in"."""

FREE_NUMBERS = _words("800 888 877 866 855 844 833")
"""Area codes of free numbers: helplines, not persons."""
