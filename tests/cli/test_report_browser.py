"""Reports in a real browser: charts are drawn, nothing is complained of, pages fit their screens, attempts open."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.image import imread

from alphadial.agents.runs.config import ModelChoice
from alphadial.agents.runs.reading_runs import StoredRun, read_results
from alphadial.cli.report import write_pair, write_report

from .chrome import Tab, chrome
from .report_runs import (
    HOSTILE,
    controlled_run,
    frontier_run,
    make_attempt,
    make_config,
    pair_of_runs,
    repository_run,
    write_run,
)
from .test_report import compare_folder, run_at_hand

PROGRAM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
pytestmark = pytest.mark.browser
SCREENS = {"desktop": (1300, 900), "phone": (390, 844)}
SHOWN = "document.getElementById('attempt').open && document.getElementById('attempt').innerText"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    assert PROGRAM, "these tests need Chromium: apt-get install chromium"
    with chrome(PROGRAM, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def nothing_is_complained_of(tab: Tab) -> Iterator[None]:
    tab.forget()
    yield
    assert tab.complaints() == []
    assert tab.fetched() == []


def fits(tab: Tab, width: int) -> bool:
    """Nothing scrolls sideways but what scrolls within itself."""
    return bool(tab.value("document.documentElement.scrollWidth") <= width)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("make", [frontier_run, controlled_run, compare_folder, pair_of_runs])
def test_charts_are_drawn_and_fit(tab: Tab, make, screen: str, dark: bool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = make(tmp_path / "run")
    if make is pair_of_runs:
        write_pair(folder / "a", folder / "b", tmp_path / "r.html")
    else:
        write_report(folder, tmp_path / "r.html")
    width, height = SCREENS[screen]
    tab.screen(width, height, dark=dark)
    tab.open(tmp_path / "r.html")
    figures = "[...document.querySelectorAll('[data-figure]')]"
    assert tab.value(f"{figures}.length") >= 2
    assert tab.value(f"{figures}.every(place => place.querySelector('svg.main-svg'))")
    marks = "'.scatterlayer .trace, .heatmaplayer image, .barlayer .point, .sankey-node'"
    assert tab.value(f"{figures}.every(place => place.querySelector({marks}))")
    assert tab.value(f"{figures}.every(place => place.querySelector('svg.main-svg').clientWidth <= place.clientWidth)")
    assert fits(tab, width)
    brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert (tab.value(brightness) < 128) is dark
    tab.screenshot(tmp_path / "page.png")
    pixels = imread(tmp_path / "page.png")
    assert pixels.shape[:2] == (height, width)
    assert bool(pixels[..., :3].mean() < 0.4) is dark


def test_a_report_follows_the_switch_to_dark(tab: Tab, tmp_path: Path) -> None:
    write_report(frontier_run(tmp_path / "run"), tmp_path / "r.html")
    tab.screen(1300, 900)
    tab.open(tmp_path / "r.html")
    ink = "getComputedStyle(document.querySelector('[data-figure] .xtick text')).fill"
    before = tab.value(ink)
    tab.screen(1300, 900, dark=True)
    tab.wait(f"{ink} !== {json.dumps(before)}")


@pytest.mark.parametrize("screen", SCREENS)
def test_an_attempt_opens_by_link_click_and_key(tab: Tab, screen: str, tmp_path: Path) -> None:
    folder = controlled_run(tmp_path / "run")
    run = read_results(folder)
    assert isinstance(run, StoredRun)
    attempt = next(attempt for attempt in run.attempts if attempt.verdict == "TLE")
    write_report(folder, tmp_path / "r.html")
    tab.screen(*SCREENS[screen])
    tab.open(tmp_path / "r.html", f"#attempt-{attempt.id}")
    told = tab.value(SHOWN)
    for words in (
        attempt.problem,
        "TLE: too slow",
        "best so far",
        "probability 0.75",
        "40.0 %",
        "return 0",
        "10.0 ms CPU",
    ):
        assert words in told
    assert fits(tab, SCREENS[screen][0])
    tab.value("document.getElementById('close').click()")
    tab.wait("!document.getElementById('attempt').open && location.hash === ''")
    tab.value("document.querySelector('#list a').click()")
    tab.wait(SHOWN)
    key = {"key": "Escape", "code": "Escape", "windowsVirtualKeyCode": 27}
    tab.send("Input.dispatchKeyEvent", type="keyDown", **key)
    tab.wait("!document.getElementById('attempt').open")
    tab.value("document.querySelector('#choice-rows a').click()")
    tab.wait(SHOWN)
    tab.value("location.hash = '#attempt-unheard-of'")
    tab.wait(f"({SHOWN}).includes('alphadial show unheard-of --run')")


def press(tab: Tab, key: str) -> None:
    code = {"ArrowRight": 39, "ArrowLeft": 37}.get(key, ord(key[0].upper()))
    typed = {"text": key} if len(key) == 1 else {}
    tab.send("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **typed)
    tab.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)


def test_keys_lead_through_the_attempts_that_the_filter_leaves(tab: Tab, tmp_path: Path) -> None:
    write_report(controlled_run(tmp_path / "run"), tmp_path / "r.html")
    assert "j or → goes to the next" in (tmp_path / "r.html").read_text("utf-8")
    tab.screen(1300, 900)
    tab.open(tmp_path / "r.html")
    tab.value("(() => { const all = document.getElementById('filter-verdict'); all.value = 'TLE'; "
              "all.dispatchEvent(new Event('change')); })()")  # fmt: skip
    place, title = (f"document.getElementById('{name}').textContent" for name in ("place", "attempt-title"))
    press(tab, "j")
    assert tab.value("location.hash") == ""
    tab.value("document.querySelector('#list a').click()")
    tab.wait(f"{place} === '1 of 2'")
    assert tab.value(title) == "t1.b at −0.5"
    for key, told in (
        ("j", "2 of 2"),
        ("j", "2 of 2"),
        ("k", "1 of 2"),
        ("ArrowRight", "2 of 2"),
        ("ArrowLeft", "1 of 2"),
    ):
        press(tab, key)
        tab.wait(f"{place} === '{told}'")
    assert tab.value("document.getElementById('previous').disabled && !document.getElementById('next').disabled")
    tab.value("document.getElementById('next').click()")
    tab.wait(f"{title} === 't2.c at 0'")
    tab.value("document.getElementById('close').click()")
    tab.wait("!document.getElementById('attempt').open")
    tab.value("document.getElementById('filter-problem').focus()")
    press(tab, "j")
    assert tab.value("document.getElementById('filter-problem').value + location.hash") == "j"


def test_programs_and_transcripts_are_copied_and_downloaded(tab: Tab, tmp_path: Path) -> None:
    config = make_config(["t.a/../b"], 1)
    attempt = make_attempt(config, "t.a/../b", 0.5, 0, "WA", program="def f():\n    return '<b>'\n", answer="I say\n")
    write_report(write_run(tmp_path / "run", config, [attempt]), tmp_path / "r.html")
    tab.screen(1300, 900)
    tab.open(tmp_path / "r.html", f"#attempt-{attempt.id}")
    tab.wait(SHOWN)
    tab.value("navigator.clipboard.writeText = async (text) => { window.copied = text; }; true")
    tab.value("document.querySelector('[aria-label=\"Copy the program\"]').click()")
    tab.wait("window.copied")
    assert tab.value("window.copied") == attempt.program
    tab.value("navigator.clipboard.writeText = async () => { throw new Error('no'); }; window.copied = ''; "
              "document.execCommand = () => { window.copied = document.activeElement.value; }; true")  # fmt: skip
    tab.value("document.querySelector('[aria-label=\"Copy the message of assistant\"]').click()")
    tab.wait("window.copied")
    assert tab.value("window.copied") == "I say\n"
    (tmp_path / "got").mkdir()
    tab.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "got"))
    for what, name in (("program", f"t.a_.._b-{attempt.id}.py"), ("transcript", f"t.a_.._b-{attempt.id}.json")):
        tab.value(f"document.querySelector('[aria-label=\"Download the {what}\"]').click()")
        wait_for(tmp_path / "got" / name)
    assert (tmp_path / "got" / f"t.a_.._b-{attempt.id}.py").read_text("utf-8") == attempt.program
    told = json.loads((tmp_path / "got" / f"t.a_.._b-{attempt.id}.json").read_text("utf-8"))
    assert told["messages"] == [{"role": "assistant", "content": "I say\n"}]


def wait_for(file: Path) -> None:
    end = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < end, f"never came: {file.name}"
        time.sleep(0.05)


@pytest.mark.parametrize("screen", SCREENS)
def test_keys_lead_through_the_problems_that_flipped(tab: Tab, screen: str, tmp_path: Path) -> None:
    folder = pair_of_runs(tmp_path / "runs")
    write_pair(folder / "a", folder / "b", tmp_path / "r.html")
    tab.screen(*SCREENS[screen])
    tab.open(tmp_path / "r.html")
    opened = "[...document.querySelectorAll('.flip')].map((flip) => flip.open).join()"
    for key, told in (("j", "true,false"), ("ArrowRight", "false,true"), ("j", "false,true"), ("k", "true,false")):
        press(tab, key)
        tab.wait(f"{opened} === '{told}'")
    assert fits(tab, SCREENS[screen][0])
    shown = tab.value("document.querySelector('.flip[open] .diff').innerText")
    assert "- return 0" in shown
    assert "+ return 1" in shown
    tab.value("navigator.clipboard.writeText = async (text) => { window.copied = text; }; true")
    tab.value("document.querySelector('.flip[open] button').click()")
    tab.wait("window.copied")
    assert tab.value("window.copied") == "def f():\n return 1\n"


@pytest.mark.parametrize("screen", SCREENS)
def test_the_public_test_that_fails_is_shown(tab: Tab, screen: str, tmp_path: Path) -> None:
    folder = run_at_hand(tmp_path / "run")
    run = read_results(folder)
    assert isinstance(run, StoredRun)
    wrong = next(attempt for attempt in run.attempts if attempt.verdict == "WA")
    write_report(folder, tmp_path / "r.html")
    tab.screen(*SCREENS[screen])
    tab.open(tmp_path / "r.html", f"#attempt-{wrong.id}")
    tab.wait(f"({SHOWN}).includes('first public test that fails')")
    told = " ".join(tab.value(SHOWN).split())
    assert "input f([" in told
    assert "got 'wrong'" in told
    assert fits(tab, SCREENS[screen][0])


@pytest.mark.parametrize("screen", SCREENS)
def test_a_patch_is_shown_by_line_and_its_tests_by_level(tab: Tab, screen: str, tmp_path: Path) -> None:
    folder = repository_run(tmp_path / "run")
    run = read_results(folder)
    assert isinstance(run, StoredRun)
    wrong, solved = (next(one for one in run.attempts if one.verdict == verdict) for verdict in ("WA", "AC"))
    write_report(folder, tmp_path / "r.html")
    tab.screen(*SCREENS[screen])
    tab.open(tmp_path / "r.html", f"#attempt-{wrong.id}")
    tab.wait(f"({SHOWN}).includes('tests by level')")
    lines = "[...document.querySelectorAll('#attempt .{}')].map(line => line.textContent)"
    assert tab.value(lines.format("removed")) == ["-    return 1\n"]
    assert len(tab.value(lines.format("added"))) == 1
    assert len(tab.value(lines.format("code .c"))) == 3
    told = " ".join(tab.value(SHOWN).split())
    assert "level 1: 1 of 1 tests passed" in told
    assert "level 2: 1 of 2 tests passed ✗ tests/test_core.py::test_<b>g</b> (WA) ✓ tests/x.py" in told
    assert tab.value("document.title") != "owned"
    assert fits(tab, SCREENS[screen][0])
    tab.value(f"location.hash = '#attempt-{solved.id}'")
    tab.wait(f"({SHOWN}).includes('1.25 times the CPU time of the gold patch')")
    assert "which can be deceived" in tab.value(SHOWN)


def test_an_attempt_beyond_the_sample_is_told_how_to_see(tab: Tab, tmp_path: Path) -> None:
    folder = controlled_run(tmp_path / "run")
    write_report(folder, tmp_path / "r.html", transcripts=0)
    tab.screen(1300, 900)
    tab.open(tmp_path / "r.html")
    tab.value("document.querySelector('#choice-rows a').click()")
    tab.wait(f"({SHOWN}).includes('not in this report') && ({SHOWN}).includes('best so far')")


def test_filters_and_cells_lead_to_attempts(tab: Tab, tmp_path: Path) -> None:
    write_report(frontier_run(tmp_path / "run", problems=20, samples=2), tmp_path / "r.html")
    tab.screen(1300, 900)
    tab.open(tmp_path / "r.html")
    count = "document.querySelectorAll('#list a').length"
    assert tab.value(count) == 50
    tab.value("document.getElementById('more').click()")
    assert tab.value(count) == 100
    tab.value("(() => { const all = document.getElementById('filter-verdict'); all.value = 'TLE'; "
              "all.dispatchEvent(new Event('change')); })()")  # fmt: skip
    assert "40 of 200" in tab.value("document.getElementById('found').textContent")
    tab.value("(() => { const all = document.getElementById('filter-verdict'); all.value = ''; })()")
    tab.value("document.querySelector('[data-figure=heat]').emit('plotly_click', {points: [{x: 0, y: 0}]})")
    assert tab.value("document.getElementById('found').textContent") == "2 of 200 attempts"


def test_hostile_runs_side_by_side_do_nothing(tab: Tab, tmp_path: Path) -> None:
    text = " ".join(HOSTILE).replace("\0", "\ufffd")
    models = (ModelChoice(f"m@{text}", None),)
    for name, verdict in (("a", "AC"), ("b", "WA")):
        config = make_config([f"t.{text}"], 1, models=models, family=f"{name}{text}")
        texts = {"cause": text, "program": f"{name} = {text}\n", "model": models[0].name}
        attempt = replace(make_attempt(config, f"t.{text}", 0, 0, verdict, **texts), alpha=None)
        write_run(tmp_path / name, config, [attempt])
    write_pair(tmp_path / "a", tmp_path / "b", tmp_path / "r.html")
    tab.screen(390, 844)
    tab.open(tmp_path / "r.html")
    press(tab, "j")
    tab.wait("document.querySelector('.flip[open]')")
    assert tab.value("document.title !== 'owned' && document.querySelectorAll('img, main b').length") == 0
    shown = tab.value("document.querySelector('.flip[open]').innerText")
    assert "<script>document.title='owned'</script>" in shown
    assert r"\u202e" in shown
    assert fits(tab, 390)


def test_hostile_attempts_do_nothing(tab: Tab, tmp_path: Path) -> None:
    text = " ".join(HOSTILE).replace("\0", "\ufffd")
    models = (ModelChoice("toy@1", 1.0), ModelChoice(f"m{text}", None))
    config = make_config([f"t.{text}"], 2, command="run", controller=f"c{text}", models=models)
    called = {"id": text, "type": "function", "function": {"name": text, "arguments": json.dumps({text: text})}}
    said = json.dumps([{"role": text, "content": text, "tool_calls": [called]}])
    texts = {"reason": text, "cause": text, "program": f'"""{text}', "answer": text, "transcript": said}
    attempt = make_attempt(config, f"t.{text}", 1.0, 0, "WA", propensity=1.0, **texts)
    again = replace(make_attempt(config, f"t.{text}", 0, 1, "AC", model=models[1].name, propensity=1.0), alpha=None)
    write_report(write_run(tmp_path / "run", config, [attempt, again]), tmp_path / "r.html")
    tab.screen(1300, 900)
    tab.open(tmp_path / "r.html", f"#attempt-{attempt.id}")
    tab.wait(SHOWN)
    assert tab.value("document.title !== 'owned' && document.querySelectorAll('img, #attempt b').length") == 0
    assert r"\u202e" in tab.value(SHOWN)
    assert "<script>document.title='owned'</script>" in tab.value(SHOWN)
