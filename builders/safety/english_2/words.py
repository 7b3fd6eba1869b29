"""Words that look like a find of rules 2 and are none. Written down, not learned, as in `..words`."""

US_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR"
    "|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|PR"
)
"""Abbreviations before a postal code."""

KNOWN_SITES = frozenset(
    """x amazon google match facebook youtube wikipedia netflix ebay booking indeed instagram reddit twitter tinder
    okcupid linkedin spotify pinterest walmart target zoom betterhelp talkspace 7cups mturk gmail hotmail yahoo
    outlook webmd
    psychologytoday headspace calm nhs cdc who apa it craigslist airbnb uber paypal etsy chess bumble hinge
    eharmony
    amazon.co bbc.co nhs.uk en.wikipedia news""".split()
)
"""Sites that everybody uses, without their ending."""

NOT_A_STREET = frozenset(
    """minute minutes hour hours day days week weeks month months year years mile miles second seconds people friends
    kids times more different long short busy quiet dark new old other bad good big little main same whole last next
    a an the my your our his her their this that of on in at to for from by and or per is was km feet blocks cars
    dollars bucks way ways per each every late early empty wrong right""".split()
)
"""What stands between a number and `road` or `drive` where no address is meant."""

COMMON = frozenset(
    """private public gone full open closed off hacked down deleted blocked always never often still really mostly
    everything nothing something everyone everybody nobody people friends family photos pictures happy empty great
    awful terrible horrible toxic better worse awesome helpful useless boring stupid crazy where there here today
    yesterday tomorrow tonight which about after again because before between having being doing going looking
    would could should might doesn didn isn wasn weren aren maybe perhaps myself yourself himself herself itself
    these those while until under above below against during without within through another other others music
    videos messages stories posts comments account accounts profile messenger server channel group chats calls
    dating sports school college therapy thanks please sorry anything anyone someone later early night morning
    evening weekend years months weeks minutes hours money games gaming cheating ignoring silent quiet secret
    important different difficult dangerous filled flooded overwhelming depression anxiety depressing support
    work working house phone email login password death alone lonely online offline active inactive""".split()
)
"""Words that follow the name of a network and are no handle, and that begin no site."""

NOT_AFTER_KIN = frozenset(
    """said says told tells asked asks thinks thought always never really just also still even helped helps called
    calls left leaves died dies who which when where why how and or but from has had have is was will would wants
    wanted needs needed keeps kept makes made gets got goes went comes came knows knew feels felt hates hated loves
    loved likes liked left lost moved yells yelled screams screamed hits hit beat beats drinks drank cheats cheated
    lies lied broke may might can could should must does did do doesn't didn't won't can't isn't wasn't then there
    because since while until after before with without about against only ever often sometimes usually finally
    suddenly recently already yet too very so such that this these those here now today yesterday tomorrow back home
    again whom whose stopped started stayed stays sent sends gave gives took takes bought sold paid pays works
    worked lives lived seems seemed looks looked became becomes passed refuses refused ignores ignored blames blamed
    hell heaven dies dumped ghosted texted texts believes supports supported""".split()
)
"""What follows "my sister", "Dr" or "I am" in capitals and is no name."""
