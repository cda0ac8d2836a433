r"""Write what a terminal obeys, and what no reader sees, as JSON does: `\u001b`, `\u202e`."""

from __future__ import annotations

import json
import re

_CONTROLS = "\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufff9-\ufffb\U00013430-\U00013455"
# Default_Ignorable_Code_Point of Unicode 16: bidi controls, zero width, tags, fillers, variation selectors.
_IGNORABLE = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_JOINING = "\u0590-\u109f\u1780-\u18af\u1900-\u1cff\ua800-\uabff\ufb1d-\ufdff\ufe70-\ufefe\U00010a00-\U00011fff"
# What scripts need: one joiner, selector or word break behind a character that it can change, and three flags.
_NEEDED = (
    "\r\n",
    rf"(?<=[{_JOINING}])[\u200c\u200d](?![\u200b-\u200d])",
    rf"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])",
    rf"(?<=[#*0-9\xa9\xae\u203c\u2049\u2122\u2139\u3030\u303d\u3297\u3299{_EMOJI}])[\ufe0e\ufe0f]",
    "(?<=[\u0e00-\u109f\u1780-\u17ff\u1950-\u1aad\ua980-\uaadf])\u200b(?![\u200b-\u200d])",
    "(?<=[\u1820-\u18aa])[\u180b-\u180f]",
    "(?<=[\u1000-\u109f\u2200-\u22ff\u2a00-\u2aff\u3000-\u9fff\uff00-\uff60])[\ufe00-\ufe02]",
    "(?<=[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]",
    "(?<=\U0001f3f4)\U000e0067\U000e0062(?:\U000e0065\U000e006e|\U000e0073\U000e0063|\U000e0077\U000e006c)"
    "[\U000e0067\U000e0074\U000e0073]\U000e007f",
)
_INVISIBLE = re.compile(f"({'|'.join(_NEEDED)})|[{_CONTROLS}{_IGNORABLE}]")


def escape_invisible(text: str) -> str:
    r"""The text with escapes for every control character but line break and tab, and for what no reader sees: a second
    time changes nothing, and a JSON document stays one with the same values. Joiners of Persian, Hindi and emoji stay."""
    return _INVISIBLE.sub(lambda found: found[1] or json.dumps(found[0])[1:-1], text)
