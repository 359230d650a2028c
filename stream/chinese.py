"""Chinese headlines: words without spaces between them, figures in 万 and 亿, the company mostly in front."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from stream.figures import PERCENT, PLAIN, POWERS, Figure, figure

SCRIPT = r"\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af"
HAS_SCRIPT = re.compile(f"[{SCRIPT}]")
RUN = re.compile(f"[{SCRIPT}]+")

# Concept (one of the English ones where it is the same), pole, and the phrases that say it.
_PHRASES = """
rise D 上涨 大涨 上调 增长 上升 回升 走高 飙升 提高 调高 扩大 多增 涨停 收涨 增加 上扬 加息 涨
fall d 下跌 大跌 下调 下降 下滑 走低 暴跌 降低 调低 收窄 少增 跌停 收跌 减少 大幅下滑 跌破 下挫 降息 降 跌
halt o 停产 停工 停牌 暂停 中止 关停 关闭 停运 关店
resume O 复牌 复产 复工 恢复 重启 开业
approve A 批准 获批 获准 通过 放行 同意 核准
reject a 驳回 否决 拒绝 不予
appoint J 任命 聘任 出任 接任 聘请 履新 上任
resign j 辞职 离任 离职 卸任 辞任 辞去 免职 退休
confirm T 证实 承认 确认 坦承
deny t 否认 不实 辟谣 驳斥 澄清 不属实 没有 并未 未与 未有
profit P 盈利 净利润 净利 预盈
loss p 亏损 预亏 净亏损 巨亏
inflow F 流入 净流入
outflow f 流出 净流出
buy S 增持 买入 收购 回购
sell s 减持 卖出 出售 抛售
scrap . 终止 取消 撤回 撤销
ipo . 上市申请 首发
fine . 罚款 处罚 罚没
probe . 立案 立案调查 调查
recall . 召回
default . 违约 未能兑付 未能按期支付
layoff . 裁员
plan . 拟 计划 将 考虑
sue . 起诉 诉讼
reserve . 存款准备金率 降准
brake . 制动 刹车
car . 电动汽车 电动车
spend . 投资 斥资
blaze . 起火 火灾
"""
# Who acts on companies, and what stands before a company's name: its first two characters come after them.
_BEFORE_NAMES = (
    "深交所|上交所|北交所|港交所|交易所|证监会|银保监会|发改委|工信部|财政部|商务部|央行|"
    "法院|穆迪|惠誉|标普|欧盟|知情人士|控股股东|任命|全国|今年|传|受|因"
)
_BEFORE = re.compile(_BEFORE_NAMES)
_SHORT = {"国家发展和改革委员会": "发改委", "中国人民银行": "央行", "股份有限公司": "", "有限公司": ""}
_PARTICLE = re.compile("^[向将对就被的]")
_DIGITS = {character: digit for digit, character in enumerate("零一二三四五六七八九十")} | {"两": 2}
_NUMERAL = re.compile("([一二三四五六七八九十两]{1,3})(?=万|亿|成|人|家|名|倍|季|月)")
# A number with Latin letters around it (5G, 1.2bn) is read with the rest of the title.
_NUMBER = re.compile(r"(?<![A-Za-z\d.,])(\d+(?:[.,]\d+)*)(?![A-Za-z\d])(万亿|亿|万|成|%|个百分点)?")
_PERIODS = (
    (re.compile("第?([1-4])季度?"), "sq"),
    (re.compile(r"(\d{1,2})月(?:份)?(?:\d{1,2}日)?"), "m"),
    (re.compile(r"(20\d\d)年"), "y"),
    (re.compile("()(?:上半年|中报)"), "sh1"),
    (re.compile("()(?:全年|年度|年报)"), "sfy"),
)
_BREAK = "，"


@dataclass
class ChineseGist:
    """What the Chinese part of a headline says. `rest`: the title without it. `name`: the first two characters of what
    is probably the company; empty if there is none."""

    words: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    periods: list[str] = field(default_factory=list)
    poles: set[str] = field(default_factory=set)
    name: str = ""
    rest: str = ""


@lru_cache(maxsize=1)
def _phrases() -> tuple[re.Pattern[str], dict[str, tuple[str, str]]]:
    table = {
        phrase: (concept, pole.strip("."))
        for concept, pole, *phrases in map(str.split, _PHRASES.strip().splitlines())
        for phrase in phrases
    }
    return re.compile("|".join(sorted(table, key=len, reverse=True))), table


def _numeral(match: re.Match[str]) -> str:
    text = match[1]
    if "十" in text:
        tens, _, ones = text.partition("十")
        return str(10 * _DIGITS.get(tens, 1) + _DIGITS.get(ones, 0))
    return "".join(str(_DIGITS[character]) for character in text)


def read(title: str) -> ChineseGist:
    """What the Chinese part of a cleaned title says: phrases by their concepts, all else in pairs of characters."""
    gist = ChineseGist()
    text = _NUMERAL.sub(_numeral, title)
    for long, short in _SHORT.items():
        text = text.replace(long, short)
    for pattern, kind in _PERIODS:
        gist.periods += [kind + match[1] for match in pattern.finditer(text)]
        text = pattern.sub(_BREAK, text)
    for written, unit in _NUMBER.findall(text):
        share = unit in ("成", "%", "个百分点")
        power = 1 if unit == "成" else POWERS.get(unit, 0)
        found = figure(written, power, PERCENT if share else PLAIN)
        if found:
            gist.figures.append(found)
    text = _NUMBER.sub(_BREAK, text)
    pattern, table = _phrases()
    gist.name = _name(text, pattern)
    if gist.name:
        gist.words.append(gist.name)
    for phrase in pattern.findall(text):
        concept, pole = table[phrase]
        gist.words.append(concept)
        gist.poles.update(pole)
    text = pattern.sub(_BREAK, text)
    for run in RUN.findall(text):
        gist.words += [run[at : at + 2] for at in range(max(1, len(run) - 1))]
    gist.rest = RUN.sub(" ", text)
    return gist


def _name(text: str, phrase: re.Pattern[str]) -> str:
    for run in RUN.findall(_BEFORE.sub(_BREAK, text)):
        run = _PARTICLE.sub("", run)  # noqa: PLW2901
        if len(run) >= 2 and not phrase.match(run):
            return str(run[:2])
    return ""
