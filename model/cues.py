"""The words that say what a number is: 'tel.', 'account no.', '卡号', '身份证'."""

import re
from typing import NamedTuple


class Cue(NamedTuple):
    """What a word says that the number behind it is. `sure`: the word is used of nothing else."""

    kind: str
    sure: bool


# How far back a word is looked for, in characters.
_REACH = 44

_WORDS = {
    Cue("phone", True): (
        r"\b(?:tel|telephones?|(?<!i)phones?|mobiles?|cells?|cellphones?|fax|hotline|helpline|toll-?free|whatsapp|dial-in)\b",
        r"\bcontact (?:no|number)\b",
        "电话|電話|手机|手機|热线|熱線|传真|傳真|座机|致电|致電|拨打|撥打|微信同号|(?:诈骗|骗子|来电)号码",
    ),
    Cue("phone", False): (
        r"\b(?:calls?|dial|ring|rang|text|contact|message|reach (?:me|us|him|her|them))\b|\[phone\]",
        "联系方式|联系|聯絡|来电|號碼",
    ),
    Cue("card", True): (r"\bcards? (?:no|number)\b", "卡号|卡號"),
    Cue("card", False): (
        r"\b(?:card|visa|mastercard|amex|american express|unionpay|jcb|diners|discover|maestro)\b",
        "[行用蓄记资至入该]卡",
    ),
    Cue("identity", True): (
        r"\b(?:ssns?|social security|national insurance|nat'l insurance|ni (?:no|number)|passports?|aadhaa?r|uidai)\b",
        r"\b(?:nric|hkid|identity cards?|(?:id|identity) (?:cards?|no|numbers?))\b",
        r"\b(?:tax(?:payer)? (?:id|file|code)|medicare|personal number|personnummer)\b",
        r"\b(?:driver|driver's|drivers|driving) licen[cs]e\b|\bresident (?:registration )?number\b|\bcodice fiscale\b",
        r"\b(?:kong|taiwan|chinese|korean|singapore|thai|national|state|voter|personal|photo) (?-i:ID)\b",
        r"\b(?-i:PAN|FIN|SIN|TIN|ITIN|CPF|DNI|NIE|NIF|BSN|TFN|PESEL|CURP)\b",
        "身份证|身份證|证件号|證件號|公民身份|护照|護照|通行证|驾驶证|驾照|军官证|社保号|社会保障号|居留证",
    ),
    Cue("account", True): (
        r"\biban\b|\b(?:account|acct?|a/c)\.? ?(?:no\b|numbers?\b|#)|\b(?:sort codes?|routing|(?-i:ABA|BSB|CLABE))\b",
        "账号|帐号|賬號|帳號",
    ),
    Cue("account", False): (r"\b(?:account|acct|a/c)\b", "账户|帐户|賬戶|户头"),
}
# What may stand between the word and the number.
_FILLER = (
    r"(?:[\s.:#*'\"({\[《【「“,;、=>~/-]|号码?|號碼?|字号|字號|为|為|是|至|到|或|和|及|与"
    r"|\b(?:no|nos|nr|num|numbers?|is|was|were|at|on|us|me|him|her|them|to|and|or|lines?|free|like|such|as)\b){0,12}$"
)
_CUES = tuple(_WORDS)
_CUE = re.compile("|".join(f"({'|'.join(words)})" for words in _WORDS.values()).join(("(?:", ")")) + _FILLER, re.I)


def cue_before(text: str, begin: int) -> Cue | None:
    """What the words before a number say that it is; None if they say nothing of the kind.

    >>> cue_before("Account no.: 12345678", 13), cue_before("about 12345678", 6)
    (Cue(kind='account', sure=True), None)
    """
    match = _CUE.search(text[max(0, begin - _REACH) : begin])
    return None if match is None else _CUES[(match.lastindex or 1) - 1]
