"""What a judging finds again of an earlier one."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphadial.envs.judging.judging_store import JudgingSettings, JudgingStore
from alphadial.envs.judging.records import SubmissionRecord


@pytest.mark.parametrize(("asked_s", "found"), [(0.5, True), (1.0, True), (1.5, False)])
def test_a_record_serves_its_own_limit_and_smaller_ones(tmp_path: Path, asked_s: float, found: bool) -> None:
    record = SubmissionRecord("p", "s.py", "python3", "accepted")
    with JudgingStore(tmp_path, JudgingSettings("problems", "bubblewrap", None, False)) as store:
        store.append("one", 1.0, record)
        assert store.find("one", asked_s) == (record if found else None)
        assert store.find("one") == record
        assert store.find("another", asked_s) is None
