from __future__ import annotations

import math
import re
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphadial.merge_engine import (
    AlphaError,
    Family,
    FamilyError,
    Recipe,
    check_alpha,
    format_alpha,
    model_name,
    parse_alpha,
    split_model_name,
)

PICO = Family(
    name="pico",
    path=Path("pico"),
    checkpoints={"low": Path("low"), "high": Path("high")},
    recipe=Recipe(),
    alpha_min=-1.0,
    alpha_max=2.0,
    prompt="tiny",
    parser="program",
    problem_set="tiny-problems",
    temperature=0.6,
    max_tokens=96,
)


@given(st.integers(-256, 512))
def test_every_alpha_of_the_grid_survives_as_number_and_as_text(steps: int) -> None:
    alpha = steps / 256
    assert check_alpha(alpha, PICO) == alpha
    text = format_alpha(alpha)
    assert Fraction(text) == Fraction(steps, 256)
    assert check_alpha(text, PICO) == alpha
    assert split_model_name(model_name(PICO, alpha)) == ("pico", alpha)


@given(st.floats(-1, 2))
def test_an_alpha_off_the_grid_names_its_two_neighbours(value: float) -> None:
    if Fraction(value) * 256 == round(Fraction(value) * 256):
        assert check_alpha(value, PICO) == value
        return
    with pytest.raises(AlphaError, match="not on the grid k/256") as caught:
        check_alpha(value, PICO)
    found = re.search(r"nearest are (\S+) and (\S+)$", str(caught.value))
    assert found is not None
    below, above = (Fraction(text) for text in found.groups())
    assert below < Fraction(value) < above
    assert above - below == Fraction(1, 256)
    assert [check_alpha(text, PICO) for text in found.groups()] == [float(below), float(above)]


@pytest.mark.thorough
@given(st.one_of(st.text(max_size=80), st.floats(), st.decimals().map(str)))
def test_nothing_but_an_alpha_of_the_range_gets_through(value: float | str) -> None:
    with suppress(AlphaError):
        alpha = check_alpha(value, PICO)
        assert -1 <= alpha <= 2
        assert alpha * 256 == round(alpha * 256)
        assert math.copysign(1, alpha) == 1 or alpha != 0


@pytest.mark.parametrize("value", ["0.3", 0.3])
def test_decimal_neighbours_are_spelled_out(value: float | str) -> None:
    with pytest.raises(AlphaError, match=r"^alpha 0\.3 is not .*: the nearest are 0\.296875 and 0\.30078125$"):
        check_alpha(value, PICO)


@pytest.mark.parametrize("value", [2.00390625, "2.1", -1.25, "1e300", 1e300])
def test_beyond_the_range_names_the_range(value: float | str) -> None:
    with pytest.raises(AlphaError, match=r"beyond the range \[-1, 2\] of family pico"):
        check_alpha(value, PICO)


@pytest.mark.parametrize("value", ["nan", "inf", "", "abc", "1_0", "1e9999999", "0x1", "1\n", math.nan, -math.inf])
def test_what_is_no_finite_number_is_refused(value: float | str) -> None:
    with pytest.raises(AlphaError, match="finite"):
        check_alpha(value, PICO)


def test_formatting() -> None:
    shown = {1.25: "1.25", -0.5: "-0.5", 0.0: "0", 2.0: "2", -1 / 256: "-0.00390625", 10.0: "10"}
    assert {alpha: format_alpha(alpha) for alpha in shown} == shown
    assert format_alpha(-0.0) == "0"
    assert math.copysign(1, parse_alpha("-0")) == 1
    with pytest.raises(AlphaError, match=r"beyond \[-16, 16\]"):
        format_alpha(17.0)


def test_model_names_carry_an_alpha_or_a_checkpoint() -> None:
    assert model_name(PICO, 1.25) == "pico@1.25"
    assert model_name("tiny", "-0.50") == "tiny@-0.5"
    assert model_name(PICO, "init") == "pico@init"
    assert split_model_name("my-coder@-0.5") == ("my-coder", -0.5)
    assert split_model_name("tiny@init") == ("tiny", "init")


@pytest.mark.parametrize("name", ["tiny", "tiny@", "@1", "a@b@c", ""])
def test_model_names_without_family_or_dial_are_refused(name: str) -> None:
    with pytest.raises(FamilyError, match="family@alpha"):
        split_model_name(name)


def test_model_names_off_the_grid_are_refused() -> None:
    with pytest.raises(AlphaError, match="nearest"):
        split_model_name("tiny@0.3")
    with pytest.raises(AlphaError, match="nearest"):
        model_name("tiny", 0.1)
