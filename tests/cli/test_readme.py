"""Every command of the README runs, with fewer samples and steps, in an empty folder."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(?:bash|console)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
TWO_PROBLEMS = "pair_diff_eq.plus7.negate.tight,leaders.flip1.least3.tight"
