"""How hard a request looks, by its words: no model, no download, about a tenth of a millisecond.

The signs are counted, weighed and brought between 0 and 1. They are taken from English, German, French and Spanish; in
other languages length, code and mathematics still count.
"""

import re
from math import exp

CODE = re.compile(
    r"```|\b(def|class|function|import|return|const|public|static|void|SELECT|INSERT|async|await|regex|refactor|"
    r"unittest|pytest|compile[rs]?|debug|stack ?trace|segfault|API endpoint|SQL|python|javascript|typescript|rust|"
    r"golang|kubernetes|dockerfile|bash script)\b|[;{}][ \t]{0,8}\n|=>|==|!=|\b\w{1,40}\(\w{0,40}\)|#include"
)
MATHS = re.compile(
    r"\b(prove|proof|theorem|lemma|integral|derivative|equation|eigenvalue|probability|matrix|polynomial|converge[sn]?|"
    r"beweise?|gleichung|wahrscheinlichkeit|démontre[rz]?|équation|probabilité|demuestra|ecuación|probabilidad)\b|"
    r"[∑∫√≤≥∈∀∃]|\\(frac|sum|int)\b|\b[a-z]\s*\^\s*\d|\d\s*[*/^]\s*\d",
    re.I,
)
ANALYSIS = re.compile(
    r"\b(analy[sz]e|compare|contrast|evaluate|critique|design|architect(ure)?|optimi[sz]e|trade-?offs?|strategy|"
    r"implications?|derive|justify|step by step|in depth|thorough(ly)?|comprehensive|reason(ing)?|why|explain how|plan|"
    r"diagnose|root cause|analysiere|vergleiche|bewerte|entwirf|begründe|warum|schritt für schritt|"
    r"analyse[rz]?|comparez?|évalue[rz]?|concevoir|justifie[rz]?|pourquoi|étape par étape|"
    r"analiza|compara|evalúa|diseña|justifica|por qué|paso a paso)\b",
    re.I,
)
STEPS = re.compile(
    r"(?m)^[ \t]{0,8}(\d{1,3}[.)]|[-*•])\s|\b(first|second|then|next|finally|after that|also|constraints?|"
    r"requirements?|given that|assuming|zuerst|danach|schließlich|ensuite|enfin|además|luego|finalmente)\b",
    re.I,
)
EASY = re.compile(
    r"^\s*(hi|hello|hey|thanks?|thank you|ok(ay)?|yes|no|hallo|danke|bonjour|merci|hola|gracias)\b|"
    r"\b(translate|capital of|what time|spell|synonym|define|rephrase|fix (the )?(typo|grammar)|capitali[sz]e|"
    r"one word|in one sentence|classify|extract|list the|who (is|was|wrote)|when (is|was|did)|how many|"
    r"übersetze|hauptstadt|tradui[st]|capitale|traduce|capital de)\b",
    re.I,
)
BASE = -1.9
LOOKED_AT = 4000
"""Characters of a longer text that are looked at: its two ends."""


def judged(text: str) -> tuple[float, bool]:
    """Return how hard *text* looks, 0 to 1, and whether it is about programs."""
    length = len(text)
    if length > LOOKED_AT:
        text = text[: LOOKED_AT // 2] + text[-LOOKED_AT // 2 :]
    code = len(CODE.findall(text))
    weight = (
        BASE
        + min(length / 500, 3.0)
        + 0.6 * min(code, 3)
        + 1.1 * min(len(MATHS.findall(text)), 3)
        + 1.2 * min(len(ANALYSIS.findall(text)), 3)
        + 0.45 * min(len(STEPS.findall(text)), 5)
        + 0.4 * min(max(text.count("?") - 1, 0), 3)
        - 1.3 * min(len(EASY.findall(text)), 2)
    )
    return 1 / (1 + exp(-weight)), code >= 2
