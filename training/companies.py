"""The companies that a labelled row names, and invented ones to put in their place."""

import re
from random import Random

from training.countries import COUNTRIES
from training.labels import LabelledText
from training.slices import shouted

# Entities that are no company, by a word of theirs: to swap these for a company's name would change what is said.
_NOT_A_COMPANY = frozenset(
    # currencies and coins
    "dollar dollars euro euros yen yuan renminbi pound sterling rupee rupees rupiah ringgit baht won peso real rand "
    "lira krona krone franc francs zloty forint koruna shekel naira cedi shilling dirham riyal loonie aussie kiwi "
    "dong dinar leu ruble rouble greenback bitcoin ether ethereum solana dogecoin crypto cryptocurrency stablecoin "
    "coin token fx currency currencies "
    # commodities
    "gold silver copper zinc nickel aluminium aluminum tin lead platinum palladium uranium cobalt lithium bullion iron "
    "ore oil crude brent wti gas lng gasoline diesel coal power electricity wheat corn soy soybean soybeans soyoil "
    "sugar coffee arabica robusta cocoa cotton rice palm palmolein rubber timber lumber pulp cattle hogs commodities "
    "commodity metal metals grain grains "
    # indexes, markets and kinds of asset
    "index indexes indices stocks stock shares share equities equity bonds bond gilts gilt bunds treasuries treasury "
    "notes yields futures market markets funds etf nifty sensex dow nasdaq s&p ftse dax cac ibex nikkei topix kospi "
    "taiex bovespa ibovespa russell stoxx vix exchange bourse street asx tsx nyse bse nse banks midcap midcaps "
    "smallcap smallcaps sector sectors benchmark fmcg realty psu bulls bears "
    # institutions that act
    "fed ecb boe boj rbi rba rbnz pboc snb sarb riksbank bundesbank nationalbank copom fomc treasury imf opec opec+ "
    "iea eia sec sebi fda ftc doj cftc epa usda fca cma irdai trai court courts commission ministry department "
    "government parliament senate congress authority agency regulator regulators federal reserve union eu wto un nato "
    "moody's fitch".split()
)
_CENTRAL_BANK = re.compile(
    r"^(?:Bank of (?:England|Japan|Canada|Israel|Korea|Mexico|Finland|Russia|Italy|France|Spain|Thailand|Ghana|Zambia)"
    r"|Norges Bank|Bank Indonesia|Bank Negara.*|.*\b(?:National|Central|Reserve) Bank\b.*)$",
    re.I,
)
_NOT_A_COMPANY_IN_CHINESE = re.compile(
    r"元$|人民币|指数|指數|[恒恆沪滬深]指$|碳酸锂|煤|钢|铁矿|铜|铝|锌|镍|锡|铅|白银|油|气$|豆|糖|棉|生猪|央行|人民银行|证监|银监|监管|黄金|比特币|以太|板块|概念|A股|股市|港股|债|期货|法院|商务部|"
    r"财政部|发改委|美联储|基金$|行业|市场"
)
_OTHER_TICKERS = frozenset("BTC ETH SOL XRP DOGE LTC SPY QQQ SPX NDX DJI DIA IWM VIX TLT GLD SLV USO DXY ES NQ".split())
_PLACES = frozenset(form.lower() for each in COUNTRIES for form in (*each.names, *each.adjectives, *each.cities))
_PLACES |= {"hong kong", "singapore", "dubai", "taiwan", "europe", "asia", "euro zone", "eurozone", "korea"}
_ACRONYM_LETTERS = 5

# Of scripts that put no space between words; a letter of any other goes on with a word.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_LETTER = r"[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]"

TICKER = re.compile(rf"(?<!\$)(?<!{_LETTER})\$([A-Za-z]{{1,6}})(?!{_LETTER})")

# Invented, of several sounds and none that means anything good or bad.
_STEMS = (
    "Velundra", "Karostin", "Belmarel", "Tisvane", "Ondrelle", "Marvosk", "Pelandry", "Quorsten", "Halvorne",
    "Drenmoor", "Lurmont", "Ashivari", "Nakimoto", "Tangwei", "Rovigliano", "Sundaresa",
)  # fmt: skip
_STEMS_IN_CHINESE = ("云岚", "禾川", "瑞屿", "恒棠", "安澈", "卓岭", "明砚", "海芮")

# What a name ends with that tells its kind: it stays, so that a bank is swapped for a bank.
_KINDS = frozenset(
    "bank bancorp financial finance capital insurance assurance asset management partners holdings holding group inc "
    "corp corporation co company ltd limited plc ag sa se nv ab as asa oyj spa gmbh llc industries international "
    "technologies technology tech systems software networks network digital labs semiconductor semiconductors micro "
    "electronics telecom communications media games studios entertainment pharma pharmaceuticals therapeutics "
    "biosciences biotech health healthcare hospitals medical motors motor auto automotive airlines airways air "
    "aviation aerospace shipping shipbuilding lines logistics rail railway energy petroleum resources mining minerals "
    "steel cement chemicals chem paper packaging foods food dairy brewery beverages retail stores supermarkets "
    "fashion hotels resorts properties realty estates construction engineering infrastructure utilities water solar "
    "wind research securities brokerage ratings marine".split()
)
_KINDS_IN_CHINESE = re.compile(
    r"(?:股份|集团|科技|银行|证券|保险|汽车|电子|光电|食品|医药|生物|地产|置业|能源|重工|材料|航空|物流|智能|电力|软件|通信)+$"
)
_HAN = re.compile(r"[\u3400-\u9fff]")


def companies(row: LabelledText) -> tuple[str, ...]:
    """Those of a row's labelled entities that are companies, as the text writes them, longest first.

    Told by what they are not: no currency, commodity, index, market or institution, no acronym that could be one. A
    company that is left out is not swapped, which costs a row of an evaluation and no truth.
    """
    capitals = shouted(row.text)
    found = [name for name in row.entities if _is_company(name, capitals) and mentions(name).search(row.text)]
    return tuple(sorted(found, key=lambda name: (-len(name), name)))


def mentions(name: str) -> re.Pattern[str]:
    """What finds a name in a text: whole words, where its script has words."""
    begin = "" if _UNSPACED.match(name[:1]) else rf"(?<!{_LETTER})"
    end = "" if _UNSPACED.match(name[-1:]) else rf"(?!{_LETTER})"
    return re.compile(begin + re.escape(name) + end)


def tickers(text: str) -> tuple[str, ...]:
    """The cashtags of companies in a text, without the $.

    >>> tickers("$KRVX slips as $BTC tumbles")
    ('KRVX',)
    """
    return tuple(dict.fromkeys(each for each in TICKER.findall(text) if each.upper() not in _OTHER_TICKERS))


def _is_company(name: str, capitals: bool) -> bool:
    if not name or name.startswith("$"):
        return False
    if _HAN.search(name):
        return len(name) > 1 and not _NOT_A_COMPANY_IN_CHINESE.search(name)
    words = name.lower().split()
    if not (name[0].isupper() or name[0].isdigit()) or name.lower() in _PLACES or _CENTRAL_BANK.match(name):
        return False
    if any(word in _NOT_A_COMPANY for word in words):
        # 'Thornbury Oil' and 'Kaldoran Gold Mining' are companies, 'Oil' and 'Brent oil' are not.
        return len(words) > 2 and words[-1] in _KINDS
    is_acronym = name.isupper() and len(words) == 1 and len(name) <= (_ACRONYM_LETTERS if not capitals else 4)
    return not is_acronym


def kind_of(name: str) -> str:
    """What a name ends with that tells its kind, empty if nothing does.

    >>> kind_of("Dunmorrow Foods Ltd")
    'Foods Ltd'
    """
    if _HAN.search(name):
        kind = _KINDS_IN_CHINESE.search(name)
        return kind.group() if kind and kind.start() else ""
    words = name.split()
    first = len(words)
    while first > 1 and words[first - 1].lower().strip(".,") in _KINDS:
        first -= 1
    return " ".join(words[first:])


def invented(name: str, chance: Random) -> str:
    """Another company's name of the same kind, written like it.

    >>> invented("DUNMORROW FOODS", Random(1)).split()[-1]
    'FOODS'
    """
    if _HAN.search(name):
        return chance.choice(_STEMS_IN_CHINESE) + kind_of(name)
    stem = chance.choice(_STEMS)
    return f"{stem.upper() if name.isupper() else stem} {kind_of(name)}".strip()


def ticker_of(name: str) -> str:
    """The ticker that a name would have: its first four letters.

    >>> ticker_of("Dunmorrow Foods")
    'DUNM'
    """
    letters = re.sub(r"[^A-Za-z]", "", name).upper()
    return letters[:4]


def invented_ticker(chance: Random) -> str:
    """A ticker of four letters that no large company has."""
    return chance.choice(("VLDR", "KRSN", "BMRL", "TSVN", "ODRL", "MVSK", "PLDY", "QRST"))
