"""Words of financial headlines: which say the same, which contradict each other, which are names and which say nothing.

Only what wires, desks and posters use again and again; a word that is not here stands for itself. Regular inflections
are added by `forms`, so only irregular ones are written out.
"""

from collections.abc import Iterator
from functools import lru_cache

# One concept a paragraph of words, named by its first one; a line that is indented goes on with the one before.
_CONCEPTS = """
rise rose risen gain jump climb surge soar rally advance up higher increase grow grew grown growth swell swollen spike
    leap leapt quicken accelerate rebound raise hike lift boost upgrade strengthen stronger improve widen double more
    skyrocket top mount escalate rip recover recovery
fall fell fallen drop slide slid slump plunge sink sank sunk tumble decline down decrease slip retreat shrink shrank
    shrunk contract contraction dip slow slower tank crash plummet ease lower cut trim slash reduce reduction downgrade
    weaken weaker worsen deteriorate narrow halve fewer less cheaper selloff rout smaller ebb fade cool sag dive dove
    fail failure
halt suspend suspension stop stoppage pause idle freeze froze frozen close closure shut shutdown shutter ground stall
    standstill mothball
resume resumption restart reopen restore
scrap abandon cancel ditch withdraw withdrew withdrawn withdrawal pull axe shelve
buy bought acquire acquisition takeover purchase bid merge merger
sell sold sale divest divestment offload dump unload
approve approval clear clearance agree accept uphold upheld authorise authorize grant permit ratify
reject rejection refuse refusal block veto spurn overturn annul rebuff quash deny denied denies denial
appoint appointment name hire elect promote recruit nominate nomination
resign resignation quit leave left depart departure retire retirement oust dismiss dismissal exit sack
confirm confirmation admit admission acknowledge
weigh consider mull explore eye rumour rumor reportedly speculation speculate may might could
blast explosion explode
blaze fire wildfire
probe investigation investigate inquiry
watchdog regulator regulatory authority
fine penalty penalise penalize
deal pact agreement accord settlement settle
ceo boss
staff job post staffer worker employee layoff headcount personnel redundancy workforce
plant factory works mill
profit earnings income
revenue turnover
forecast outlook guidance guide estimate target projection
tariff duty levy
hack hacker cyberattack ransomware breach
sue sued suing lawsuit suit litigation
bankrupt bankruptcy insolvent insolvency administration administrator liquidation bust collapse receivership
share stock equity
strike walkout struck
worry worries fear concern jitters anxiety
low lowest trough weakest
high highest peak strongest record
warn warning alert
delay postpone postponement
rival competitor
house home housing
lender bank banking bancorp
government cabinet ministry
damage destroy wreck
holder shareholder investor
court judge tribunal
debt borrowing
ship boat vessel tanker
trial study
drug medicine
leak spill
see expect anticipate
unit arm subsidiary division
default miss
start begin began begun launch
keep kept hold held unchanged steady maintain affirm reaffirm
unexpected unexpectedly surprise surprising
repay repayment return
hurt hit harm dent
kill dead died die death
illegal unlawful
charge indict indictment
airline carrier
carmaker automaker
virus coronavirus covid
"""

# What one word says, the other denies. A letter names the pair: capital for the first, small for the second.
_POLES = {
    # Directions: of prices, figures, ratings, forecasts.
    "D": (
        "rise rose risen gain jump climb surge soar rally advance up higher increase grow grew grown growth swell "
        "swollen spike leap leapt quicken accelerate rebound raise hike lift boost upgrade strengthen stronger improve "
        "widen double skyrocket top rip fatten treble expand add inflow surplus build gather",
        "fall fell fallen drop slide slid slump plunge sink sank sunk tumble decline down decrease slip retreat shrink "
        "shrank shrunk contract dip slow slower tank crash plummet ease lower cut trim slash reduce downgrade weaken "
        "weaker worsen deteriorate narrow halve cheaper smaller ebb fade cool exit outflow deficit draw dwindle",
    ),
    "O": (
        "resume resumption restart reopen restore open start begin began",
        "halt suspend suspension stop pause idle freeze froze frozen close closure shut shutdown shutter ground",
    ),
    "A": (
        "approve approval clear agree accept uphold upheld authorise authorize grant ratify back",
        "reject rejection refuse refusal block veto spurn overturn annul rebuff quash deny denial decline",
    ),
    "J": (
        "appoint appointment reappoint name hire elect promote recruit nominate join succeed new",
        "resign resignation quit leave left depart departure retire retirement oust dismiss dismissal exit sack out "
        "lose lost demote",
    ),
    "T": ("confirm admit acknowledge", "deny denial refute false untrue dispel baseless"),
    "E": ("beat exceed top above", "miss below short lag"),
    "W": ("win won", "lose lost"),
    "P": ("profit surplus", "loss deficit"),
    "R": ("impose tighten declare introduce harden", "lift loosen relax remove ease scrap"),
    "H": ("help benefit aid", "hurt harm dent"),
    "G": ("charged accuse suspect convict guilty indict press sue", "acquit clear innocent drop exonerate"),
    "X": ("high highest peak", "low lowest trough"),
    "B": ("buy overweight outperform", "sell underweight underperform"),
    "K": (
        "keep kept hold held unchanged steady maintain affirm reaffirm stay",
        "cut raise hike lower lift slash trim scrap withdraw",
    ),
    "N": ("start begin began launch open", "end finish complete conclude"),
    "I": ("improve brighten", "deteriorate worsen darken"),
}
DENIED, REFUSED, AFTERWARDS = "t", "a", "L"

_SILENT = frozenset(
    """
    a an the of to in on at by for from with and or but as is are was were be been being it its that this these those
    after over into out about amid says said say than then there has had have having will would can should who which
    what their they them his her our we us you your my me just so some all also per since until when while during among
    against through between near around roughly nearly almost if because despite following how why most very even still
    yet now here again via due re ve ll sources source people familiar matter report reports reported reporting
    according citing cites cited today put puts set sets get gets got make makes made year years month months week weeks
    day days time quarter quarterly lol wow welp omg lmao rip told anyone anyway
    """.split()
)
NEGATIONS = frozenset("not no never nor without cannot".split())

# What outlets are called, and agencies whose names stand behind a colon.
OUTLETS = frozenset(
    """
    news wire newswire times post daily journal herald gazette press courier desk ledger markets today online media
    insider report reporter world week morning evening business bulletin dispatch examiner argus star echo mail monitor
    chronicle telegraph standard record observer advertiser leader independent mercury sentinel brief insight digest
    corner messenger newsroom tribune review
    """.split()
)
AGENCIES = frozenset(
    """
    bloomberg reuters wsj ft nikkei cnbc xinhua nyt faz afp ap dpa ifax interfax caixin ansa tass kyodo nhk sky source
    sources minister official officials statement
    """.split()
)

# A country and its people are one name.
_COUNTRIES = """
us america american|uk britain british|china chinese|germany german|france french|japan japanese|italy italian
spain spanish|poland polish|sweden swedish|norway norwegian|denmark danish|netherlands dutch|switzerland swiss
ireland irish|greece greek|turkey turkish|russia russian|ukraine ukrainian|brazil brazilian|mexico mexican
chile chilean|peru peruvian|argentina argentine argentinian|canada canadian|india indian|indonesia indonesian
thailand thai|malaysia malaysian|vietnam vietnamese|philippines philippine|korea korean|taiwan taiwanese
australia australian|zealand nz|nigeria nigerian|kenya kenyan|egypt egyptian|israel israeli|hungary hungarian
czech czechia|austria austrian|belgium belgian|finland finnish|iceland icelandic|europe european eu|africa african
colombia colombian|zambia zambian|ecuador ecuadorian|ghana ghanaian|kuwait kuwaiti|bulgaria bulgarian
romania romanian|lebanon lebanese|saudi|iran iranian|iraq iraqi|singapore singaporean|pakistan pakistani
portugal portuguese|ethiopia ethiopian|panama panamanian|fiji|oman omani|kazakhstan kazakh|bermuda
venezuela venezuelan|cuba cuban|qatar qatari|jordan jordanian|morocco moroccan|tunisia tunisian|algeria algerian
libya libyan|angola|rwanda|uganda|bolivia bolivian|uruguay|paraguay|croatia croatian|serbia serbian|slovakia slovak
slovenia|estonia estonian|latvia latvian|lithuania lithuanian|cyprus|malta|luxembourg|bangladesh|nepal|cambodia|laos
myanmar|mongolia|syria syrian|yemen|uzbekistan uzbek|armenia|azerbaijan|belarus|moldova|albania|bosnia
scotland scottish|wales welsh|england english
"""
COUNTRIES = {
    name: group.split()[0] for group in _COUNTRIES.strip().replace("\n", "|").split("|") for name in group.split()
}
# What is traded: 'soy slips' and 'coffee slips' are as different as two companies are.
GOODS = frozenset(
    """
    oil crude brent gold silver copper zinc nickel aluminium aluminum tin lead iron steel wheat corn soy soybean coffee
    cocoa sugar cotton gas coal lithium uranium bitcoin ether palladium platinum rubber cobalt lumber
    """.split()
)
# Capitals that are no names, and what stands behind a company's.
ABBREVIATIONS = frozenset(
    """
    ceo ceos cfo coo cto ipo gdp cpi ppi pmi eps agm egm etf ai nav nyse nasdaq est ebitda esg adj usd eur gbp mom yoy
    ev evs capex inc ltd plc corp co group holdings holding company sa nv ag ab asa oyj ltda llc lp reit bancorp
    """.split()
)


def forms(word: str) -> Iterator[str]:
    """A word with its regular inflections.

    >>> sorted(forms("deny"))
    ['denied', 'denies', 'deny', 'denying']
    """
    yield word
    if word.endswith("y") and word[-2] not in "aeiou":
        yield from (word[:-1] + "ies", word[:-1] + "ied", word + "ing")
    elif word.endswith("e"):
        yield from (word + "s", word + "d", word[:-1] + "ing")
    elif word.endswith(("s", "x", "ch", "sh", "z")):
        yield from (word + "es", word + "ed", word + "ing")
    else:
        yield from (word + "s", word + "ed", word + "ing")
        if len(word) <= 6 and word[-1] in "bgmnpt" and word[-2] in "aeiou" and word[-3:-2] not in tuple("aeiou"):
            yield from (word + word[-1] + "ed", word + word[-1] + "ing")


@lru_cache(maxsize=1)
def concepts() -> dict[str, str]:
    """Each word's concept, which is the first of those that say the same."""
    found: dict[str, str] = {}
    for line in _CONCEPTS.replace("\n    ", " ").strip().splitlines():
        concept, *others = line.split()
        for word in (concept, *others):
            for form in forms(word):
                found.setdefault(form, concept)
    return found


@lru_cache(maxsize=1)
def poles() -> dict[str, str]:
    """Each word's poles, as letters."""
    found = {"afterwards": AFTERWARDS}  # no pair: one that says so tells of what came of the other
    for letter, (first, second) in _POLES.items():
        for words, pole in ((first, letter), (second, letter.lower())):
            for word in words.split():
                for form in forms(word):
                    if pole not in found.get(form, ""):
                        found[form] = found.get(form, "") + pole
    return found


def says_nothing(word: str) -> bool:
    """Whether a word, in lower case, says nothing about which event it is."""
    return word in _SILENT or len(word) == 1
