"""What has broken readers of news, databases and dashboards before, by hand: texts, dates, and whole records."""

import json

NUL = "\x00"
BIDI = "\u202e\u2066\u200f\u061c"
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"

SCRIPTS = (
    "Acme shares fall after a profit warning",
    "恒运集团第三季度净利润下降百分之二十",
    "トヨタの純利益が2割減少",
    "삼성전자 영업이익 급감",
    "Прибыль Газпрома упала на треть",
    "أرباح أرامكو تتراجع بنسبة عشرة في المئة",
    "רווחי טבע צנחו ברבעון השלישי",
    "रिलायंस का मुनाफा घटा",
    "กำไรของ ปตท. ลดลง",
    "Τα κέρδη της Εθνικής μειώθηκαν",
    "ლარი დოლართან გაუფასურდა",
    "ግብጽ የወለድ ምጣኔን ቀነሰች",
    "ប្រាក់ចំណេញធ្លាក់ចុះ",
    "𐍂𐌿𐌽𐌴𐍃 𝕬𝖈𝖒𝖊 𝓯𝓪𝓵𝓵𝓼",
    "Ａｃｍｅ ｆａｌｌｓ １２ ％",
    "Lợi nhuận của Vingroup giảm mạnh",
)

INJECTIONS = (
    "'; DROP TABLE headlines; --",
    "') ON CONFLICT DO UPDATE SET title = 'x' --",
    '" OR 1=1 --',
    "%(id)s :id ? %s {0} {id} $1",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "]]>&lt;!ENTITY x SYSTEM 'file:///etc/passwd'&gt;",
    '","title":"other","id":"',
    '"} 1\nnewsquall_headlines_scored_total{topic="x"} 9\n',
    'a{b="c\\"} 5',
    "${jndi:ldap://x/a} {{7*7}} `id` $(id)",
    "../../../../etc/passwd\\..\\",
    "\x1b[2J\x1b]0;owned\x07\r\nfoo",
    "topic/all",
    "entity/Fed/Acme",
    "=HYPERLINK(A1)",
)

EDGES = (
    "",
    " ",
    "\t\r\n\x0b\x0c\x85\u2028\u2029",
    NUL,
    f"Acme{NUL}falls",
    BIDI,
    ZERO_WIDTH,
    f"{BIDI}Acme {ZERO_WIDTH}falls{BIDI}",
    "...",
    "?!—–…„“”«»",
    "😀" * 2_000,
    "😀" * 10_000,
    "👨‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿🇩🇪",
    "Z̷̡̛͎̮͙̗̱̈́̊͌͗a̴͖̎l̸͓̄g̵̢͂o̶͍͝ " * 20,
    "a" + "\u0301" * 1_999,
    "ﷺ" * 1_000,  # 18 times as long in NFKC
    "x" * 2_000,
    "x" * 2_001,
    "word " * 400,
    "1" * 2_000,
    "1-" * 1_000,
    "+1 (212) " * 220,
    "a@" * 1_000,
    "a." * 1_000,
    "1.2.3." * 330,
    ":" * 2_000,
    "&#" * 1_000,
    "&amp;" * 400,
    "&#xD800; &#0; &#1114112; &#99999999999999999999;",
    "http://" * 280,
    "[email][phone][card]",
    "$A " * 660,
    "公" * 2_000,
    "万亿" * 1_000,
    "\ufffd\ufffe\uffff\U0010ffff",
    "\ue000\U000f0000",
    "ı İ ß ŉ ǰ ΐ ﬀ",
    "NaN null undefined None true -0 1e999",
    "é",
    "e\u0301",
    "K",
    "\u212a",
)

TEXTS = (*SCRIPTS, *INJECTIONS, *EDGES)

DATES = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-12:00",
    "10000-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "1989-12-31T23:59:59Z",
    "1990-01-01T00:00:00Z",
    "1990-01-01T00:00:00+23:59",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2016-12-31T23:59:60Z",
    "2026-01-01T00:00:00.123456789012345Z",
    "2026-01-01T00:00:00+99:99",
    "2026-01-01T00:00:00-00:00",
    "2026-01-01t00:00:00z",
    "2026-01-01 00:00:00",
    "2026-01-01",
    "20260101T000000Z",
    "Thu, 01 Jan 2026 00:00:00 GMT",
    "yesterday",
    "",
    "٢٠٢٦-٠١-٠١T00:00:00Z",
    1_767_225_600,
    -1,
    2**63,
    1e308,
    True,
    None,
    [],
    {},
)

VALUES = (None, True, False, 0, -1, 2**31, 2**63, 2**64, 1.5, 1e308, -0.0, [], [[]], {}, {"a": 1}, ["a", 1], "", *TEXTS)

FIELDS = ("id", "title", "published_at", "source", "url", "body", "language", "entities", "extra")

NOW = b'"2026-01-01T00:00:00Z"'
"""A date that every worker takes, where a record is written out by hand."""


def _with_title(title: bytes) -> bytes:
    return b'{"id": "by-hand", "title": ' + title + b', "published_at": ' + NOW + b"}"


PAYLOADS: tuple[bytes | None, ...] = (
    None,
    b"",
    b" ",
    b"\x00",
    b"\x00" * 5_000,
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b"{",
    b"}",
    b"[]",
    b"{}",
    b"null",
    b"true",
    b'"text"',
    b"1" * 100_000,
    b"-" + b"9" * 5_000 + b"e" + b"9" * 500,
    b"NaN",
    b"Infinity",
    b"{'id': 'a'}",
    b"// comment\n{}",
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b"[" * 900 + b"]" * 900,
    b'{"extra": ' + b"[" * 900 + b"]" * 900 + b', "id": "deep", "title": "Acme falls", "published_at": ' + NOW + b"}",
    b'{"extra": ' + b"[" * 50_000 + b"]" * 50_000 + b', "id": "deeper", "title": "A b", "published_at": ' + NOW + b"}",
    b'{"id": "twice", "id": "twice-2", "title": "", "title": "Acme falls", "published_at": ' + NOW + b"}",
    b'{"id": "NaN", "title": "Acme falls", "published_at": NaN}',
    b'{"id": "big", "title": "Acme falls", "published_at": ' + NOW + b', "extra": ' + b"1" * 10_000 + b"}",
    b'{"id": "inf", "title": "Acme falls", "published_at": ' + NOW + b', "extra": 1e999}',
    _with_title(b'"\\ud800"'),
    _with_title(b'"\\udc00\\ud800"'),
    _with_title(b'"Acme \\ud83d\\ude00 falls"'),
    _with_title(b'"\\u0000"'),
    _with_title(b'"Acme\\u0000falls"'),
    _with_title(b'"\xed\xa0\x80"'),
    _with_title(b'"\xc0\xaf\xf5"'),
    _with_title(b'"Acme\nfalls"'),
    _with_title(b'"Acme falls') + b"}",
    _with_title(b'"Acme falls"') + b"{}",
    _with_title(b'"Acme falls"') * 2,
    _with_title(b'"Acme falls"').decode().encode("utf-16"),
    _with_title(b'"Acme falls"').decode().encode("utf-32-be"),
    _with_title(b'"' + b"x" * 1_000_000 + b'"'),
    _with_title(b'"' + "😀".encode() * 10_000 + b'"'),
    # What masks of personal data are looked for in, longer than any headline.
    *((part * (64 * 1024 // len(part) + 40)) for part in (b"1-", b"a@", b"+1 212 ", b"\\u0031", b"&#49;", b"a.b@")),
    json.dumps({"id": "a", "phone": "2125550143 " * 5_000}).encode(),
)

KEYS = (None, b"", b"other", b"\xff\x00", b"k" * 10_000, b"topic/all")
HEADERS = ((), (("", b""),), (("h" * 1_000, b"\xff" * 1_000),), (("content-type", b"application/json"), ("x", b"")))
