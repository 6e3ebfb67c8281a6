from dataclasses import replace
from time import process_time

import pytest

from alphadial.envs.judging.checkers import accepts, digest, recheck
from alphadial.envs.judging.records import SubmissionRecord, TestRecord
from alphadial.envs.types import Checker, Interface, Limits, Problem, Rule, Test

PLAIN = Checker()
CLOSE = Checker(float_absolute=1e-6, float_relative=1e-6)


@pytest.mark.parametrize(
    ("checker", "output", "answer", "right"),
    [
        (PLAIN, b"1 2\r\n3\n\n", b"1\n2 3", True),
        (PLAIN, b"", b"\n", True),
        (PLAIN, b"1 2", b"1 2 3", False),
        (PLAIN, b"1 2 3", b"1 2", False),
        (PLAIN, b"12", b"1 2", False),
        (PLAIN, b"Yes", b"YES", True),
        (PLAIN, "\u00c9".encode(), "\u00e9".encode(), False),  # case is folded in ASCII alone
        (PLAIN, "1\u00a02".encode(), b"1 2", False),  # and white space is ASCII's
        (PLAIN, b"1.0", b"1", False),
        (Checker(case_sensitive=True), b"Yes", b"YES", False),
        (Checker(space_sensitive=True), b"a  b\n", b"a b\n", False),
        (Checker(space_sensitive=True), b"a b", b"a b\n", False),
        (Checker(space_sensitive=True), b"A b\n", b"a B\n", True),
        (CLOSE, b"1.0000001 x", b"1 X", True),
        (CLOSE, b"1.00001", b"1", False),
        (CLOSE, b"1000000.5", b"1e6", True),
        (CLOSE, b"+.5e0", b"0.5", True),
        (CLOSE, b"0.50 abc", b"0.5 abd", False),
        (CLOSE, b"1", b"one", False),
        (CLOSE, b"one", b"1", False),
        (CLOSE, b"nan", b"1", False),
        (CLOSE, b"inf", b"1e400", False),
        (CLOSE, b"1e400", b"1e300", False),
        (CLOSE, b"1_0", b"10", False),  # no number but in Python
        (CLOSE, b"0x10", b"16", False),
        (Checker(float_absolute=0.1), b"100.2", b"100", False),
        (Checker(float_relative=0.1), b"109", b"100", True),
        (Checker(float_relative=0.1), b"0.001", b"0", False),
        (Checker(float_absolute=0.0), b"1.50", b"1.5", True),
        (Checker(float_absolute=0.5, space_sensitive=True), b"1.2 2\n", b"1 2\n", True),
        (Checker(float_absolute=0.5, space_sensitive=True), b"1.2  2\n", b"1 2\n", False),
    ],
)
def test_the_default_checker(checker: Checker, output: bytes, answer: bytes, right: bool) -> None:
    assert accepts(checker, output, answer) is right


LIVECODEBENCH = Checker(rule=Rule.LIVECODEBENCH)
APPS = Checker(rule=Rule.APPS)
CODECONTESTS = Checker(rule=Rule.CODECONTESTS)


@pytest.mark.parametrize(
    ("checker", "output", "answer", "right"),
    [
        (LIVECODEBENCH, b"\n 1 2 \r\n3\n\n", b"1 2\n3", True),
        (LIVECODEBENCH, b"1  2", b"1 2", True),  # as numbers
        (LIVECODEBENCH, b"a  b", b"a b", False),
        (LIVECODEBENCH, b"yes", b"YES", False),
        (LIVECODEBENCH, b"1\n\n2", b"1\n2", False),
        (LIVECODEBENCH, b"1 2", b"1\n2", False),
        (LIVECODEBENCH, b"1.0 2e1", b"1 20", True),
        (LIVECODEBENCH, b"0.333333", b"0.333333333333", False),
        (LIVECODEBENCH, b"1000000000.4999", b"1000000000.5", False),
        (LIVECODEBENCH, b"50000000000000001", b"50000000000000000", False),
        (LIVECODEBENCH, b"1.0 x", b"1 x", False),
        (LIVECODEBENCH, b"1e9999999999999999999", b"1", False),
        (LIVECODEBENCH, b"snan", b"1", False),
        (LIVECODEBENCH, b"\xff", "\ufffd".encode(), False),
        (APPS, b"1 2 \n\n 3\n", b"1 2\n3", True),
        (APPS, b"1 2 3", b"1 2\n3", False),
        (APPS, b"2 1", b"1 2", False),
        (APPS, b"3\n1 2", b"1 2\n3", False),
        (APPS, b"yes", b"YES", False),
        (APPS, b"1000001 0.5", b"1000000 0.5", False),
        (APPS, b"1000000 0.50001", b"1000000 0.5", True),
        (APPS, b"1000000 0.51", b"1000000 0.5", False),
        (APPS, b"1000001", b"1000000", False),
        (APPS, b"5.0", b"5", True),
        (APPS, b"1000000001.5", b"1000000000.5", True),
        (APPS, b"x", b"0.5", False),
        (APPS, b"inf", b"1e400", False),
        (CODECONTESTS, b"YES\n1 2", b"yes 1\t2\n", True),
        (CODECONTESTS, b"1\x0c2", b"1 2", False),
        (CODECONTESTS, b"0.500009", b"0.5", True),
        (CODECONTESTS, b"0.50002", b"0.5", False),
        (CODECONTESTS, b"100000.6", b"100000.5", False),
        (CODECONTESTS, b"5.0 007", b"5 7", True),
        (CODECONTESTS, b"1000001 0.5", b"1000000 0.5", False),
        (CODECONTESTS, b"9007199254740993 0.5", b"9007199254740992 0.50", False),
        (CODECONTESTS, b"x 1.0", b"y 1", False),
        (CODECONTESTS, b"1", b"1 1", False),
    ],
)
def test_the_rules_of_data_sets(checker: Checker, output: bytes, answer: bytes, right: bool) -> None:
    assert accepts(checker, output, answer) is right


@pytest.mark.thorough
def test_ten_megabytes_are_quick() -> None:
    numbers = [number / 1009 for number in range(1000)]
    answer = " ".join([f"{number:.17f}" for number in numbers] * 520).encode()
    output = "\n".join([f"{number:.16f}" for number in numbers] * 520).encode()
    assert len(answer) > 10_000_000
    began = process_time()
    assert accepts(PLAIN, answer.replace(b" ", b"\n"), answer)
    exact = process_time() - began
    assert accepts(CLOSE, output, answer)
    assert exact < 1.0
    assert process_time() - began < 4.0


def test_a_word_that_is_almost_a_number_is_quick() -> None:
    digits = b"1" * 200_000
    began = process_time()
    assert not accepts(CLOSE, digits + b"x", digits + b"y")
    assert process_time() - began < 1.0


def test_another_checker_needs_no_run() -> None:
    tests = tuple(Test(1, "", answer) for answer in ("Yes", "1.00", "long"))
    problem = Problem("p", "", "", "", "", "", tests, Limits(), interface=Interface.STDIO)

    def ran(index: int, output: str | None, checked: bool | None = True) -> TestRecord:
        kept = TestRecord(index, str(index), "", 1, False, 0.1, 0.1, 1.0, exit_status=0, checked=checked)
        return replace(kept, output=output, output_sha256=digest((output or "something else").encode()))

    record = SubmissionRecord("p", "s", "c", tests=(ran(0, "yes"), ran(1, "1", False), ran(2, None)))
    checks = recheck(record, problem, Checker(float_absolute=0.1, case_sensitive=True)).tests
    assert [test.checked for test in checks] == [False, True, None]
    assert "too long to keep" in checks[2].error
    equal = replace(ran(2, None), output_sha256=digest(b"long"))
    assert recheck(replace(record, tests=(equal,)), problem, Checker()).tests[0].checked is True
    crashed = ran(0, "yes", None)
    assert recheck(replace(record, tests=(crashed,)), problem, Checker()).tests == (crashed,)
