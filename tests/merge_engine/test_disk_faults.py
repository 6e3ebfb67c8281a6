"""Faults of disks and files: whatever is damaged, full or killed, an output appears whole under its name or not at all,
and what went wrong is one line.
"""

from __future__ import annotations

import builtins
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alphadial.merge_engine import (
    Family,
    MergeEngineError,
    OutputError,
    merge,
    merge_to_folder,
    merge_to_folders,
    weights_id_of_folder,
)

Tensors = dict[str, torch.Tensor]
MakeFamily = Callable[..., Family]
Shard = Callable[[Path, Tensors], Path]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def left_beside(out: Path) -> list[str]:
    """What lies beside an output that is a merge's: drafts, and the output itself."""
    return sorted(entry.name for entry in out.parent.iterdir() if out.name in entry.name)


@contextmanager
def changed(file: Path, content: bytes) -> Iterator[None]:
    kept = file.read_bytes()
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(kept)


@pytest.fixture
def sharded(make_family: MakeFamily, low_tensors: Tensors, high_tensors: Tensors, shard: Shard) -> Family:
    """One end in two files with an index, the other in one; integers beside floating-point numbers."""
    more = {"positions": torch.arange(5)}
    family = make_family(low=low_tensors | more, high=high_tensors | more)
    shard(family.low, low_tensors | more)
    return family


def _damage(content: bytes, kind: str, place: float, bit: int) -> bytes:
    at = int(place * len(content))
    if kind == "cut":
        return content[:at]
    if kind == "header":
        at = int(place * min(len(content), 700))
    return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]


def _hold_against_damage(family: Family, examples: int) -> None:
    """A damaged file is refused in one line and leaves nothing; or what comes out is the model that it now holds: a bit
    that flips within a tensor makes another model, of another weights id.
    """
    out = family.path.parent / "out"
    ends = (family.low, family.high)
    files = [file for end in ends for file in sorted(end.iterdir()) if file.suffix in (".safetensors", ".json")]

    @settings(deadline=None, max_examples=examples, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.sampled_from(files),
        st.sampled_from(["flip", "cut", "header"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 7),
    )
    @example(family.high / "model.safetensors", "cut", 0.999999, 0)
    @example(family.low / "model-00002-of-00002.safetensors", "flip", 0.999999, 7)
    def hold(file: Path, kind: str, place: float, bit: int) -> None:
        with changed(file, _damage(file.read_bytes(), kind, place, bit)):
            said = ""
            try:
                report = merge_to_folder(family, 0.5, out)
            except MergeEngineError as error:
                said = str(error)
            assert "\n" not in said
            if said:
                assert left_beside(out) == []
            else:
                assert report.weights_id == merge(family, 0.5).weights_id == weights_id_of_folder(out)
                assert (kind, file.suffix) != ("cut", ".safetensors")
                shutil.rmtree(out)

    hold()


def test_damaged_files_are_refused_or_are_other_models(sharded: Family) -> None:
    _hold_against_damage(sharded, examples=30)


@pytest.mark.slow
def test_many_damaged_files_are_refused_or_are_other_models(sharded: Family) -> None:
    _hold_against_damage(sharded, examples=1000)


STEPS = ("pwrite", "fsync", "mkdir", "rename", "replace", "unlink", "sendfile")
"""What a merge asks of the disk, by its name in ``os``."""


@contextmanager
def at_step(number: int, happens: Callable[[], Any]) -> Iterator[list[str]]:
    """Something happens just before the disk is asked for the thing of that number; gives the names of those so far."""
    asked: list[str] = []

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*arguments: Any, **options: Any) -> Any:
            if name != "mkdir" or not Path(arguments[0]).exists():  # which is asked for to be sure
                asked.append(name)
                if len(asked) == number:
                    happens()
            return real(*arguments, **options)

        return ask

    def opened(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        ask = watched("open", real_open) if set(mode) & set("wxa") else real_open
        return ask(file, mode, *arguments, **options)

    real_open = builtins.open
    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, watched(name, getattr(os, name)))
        patch.setattr(builtins, "open", opened)
        patch.setattr("io.open", opened)  # pathlib's
        yield asked


def _merge_two(family: Family, out: Path) -> None:
    merge_to_folders(family, {0.5: out / "a", 1.5: out / "b"})


def _steps_of_a_merge(family: Family, out: Path, every: bool) -> list[int]:
    """Numbers of the steps of ``_merge_two``: of every one, or of the last of each kind."""
    with at_step(0, lambda: None) as asked:
        _merge_two(family, out)
    shutil.rmtree(out)
    assert set(asked) == {*STEPS, "open"}
    return [at + 1 for at in range(len(asked)) if every or asked[at] not in asked[at + 1 :]]


def _assert_whole_or_absent(family: Family, out: Path) -> None:
    for name, alpha in (("a", 0.5), ("b", 1.5)):
        if (out / name).exists():
            assert weights_id_of_folder(out / name) == merge(family, alpha).weights_id
            assert sorted(file.name for file in (out / name).iterdir()) == sorted(
                file.name for file in family.low.iterdir() if file.name != "README.md"
            )


every_step = pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])


@every_step
def test_a_disk_that_is_full_at_any_step(sharded: Family, tmp_path: Path, every: bool) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "out"
    for number in _steps_of_a_merge(sharded, out, every):
        with (
            at_step(number, full) as asked,
            pytest.raises(OutputError, match=r"cannot write .*: No space left") as told,
        ):
            _merge_two(sharded, out)
        assert "\n" not in str(told.value)
        _assert_whole_or_absent(sharded, out)
        if out.exists():
            assert [entry.name for entry in out.iterdir() if entry.name.startswith(".")] == [], asked[-1]
            shutil.rmtree(out)


def _forked(work: Callable[[], Any]) -> int:
    """Does it in a copy of this process, and gives the signal that ended it, or 0."""
    if (pid := os.fork()) == 0:
        try:
            work()
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


@pytest.mark.thorough
@every_step
def test_a_merge_killed_before_any_step_goes_on(sharded: Family, tmp_path: Path, every: bool) -> None:
    out = tmp_path / "out"

    def killed(number: int) -> None:
        with at_step(number, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            _merge_two(sharded, out)

    for number in _steps_of_a_merge(sharded, out, every):
        assert _forked(partial(killed, number)) == signal.SIGKILL
        _assert_whole_or_absent(sharded, out)
        _merge_two(sharded, out)
        _assert_whole_or_absent(sharded, out)
        assert sorted(entry.name for entry in out.iterdir()) == ["a", "b"]
        shutil.rmtree(out)


_ON_SMALL_DISKS = """
import json, resource, subprocess, sys
from pathlib import Path
from alphadial.merge_engine import MergeEngineError, load_family, merge_to_folder
kind, family, place = sys.argv[1], load_family(sys.argv[2]), Path(sys.argv[3])
place.mkdir()
if kind == "tmpfs":
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", place], check=True)
for pages in range(1, 80):
    if kind == "tmpfs":
        subprocess.run(["mount", "-o", f"remount,size={4 * pages}k", place], check=True)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50 * pages, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    try:
        said = merge_to_folder(family, 0.5, place / "out").weights_id
    except MergeEngineError as error:
        said = f"{type(error).__name__}: {error}"
    print(json.dumps([said, sorted(entry.name for entry in place.iterdir())]))
    if (place / "out").exists():
        break
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tmpfs", "RLIMIT_FSIZE"] if os.geteuid() == 0 else ["RLIMIT_FSIZE"])
def test_a_disk_that_is_too_small_by_any_amount(sharded: Family, tmp_path: Path, kind: str) -> None:
    own_mounts = ["unshare", "--mount"] if kind == "tmpfs" else []
    command = [*own_mounts, sys.executable, "-c", _ON_SMALL_DISKS, kind, *map(str, (sharded.path, tmp_path / "disk"))]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    *failed, whole = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(failed) > 3
    why = "No space left on device" if kind == "tmpfs" else "File too large"
    assert failed == [[f"OutputError: cannot write {tmp_path}/disk/out: {why}", []]] * len(failed)
    assert whole == [merge(sharded, 0.5).weights_id, ["out"]]


_MERGES_AGAIN_AND_AGAIN = """
import itertools, sys
from pathlib import Path
from alphadial.merge_engine import disk, load_family, merge_to_folders
disk._PIECE = 16
disk._READ_AHEAD = 256
family, out = load_family(sys.argv[1]), Path(sys.argv[2])
print("merging", flush=True)
for number in itertools.count():
    merge_to_folders(family, {0.5: out / f"{number}" / "a", 1.5: out / f"{number}" / "b"})
"""


@pytest.mark.slow
def test_a_merge_killed_at_random_moments(sharded: Family, tmp_path: Path) -> None:
    chance = random.Random(20)
    drafts = 0
    for _ in range(25):
        out = tmp_path / "out"
        command = [sys.executable, "-c", _MERGES_AGAIN_AND_AGAIN, str(sharded.path), str(out)]
        with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"merging\n"
            time.sleep(chance.uniform(0.02, 0.4))
            writer.kill()
        for folder in sorted(out.iterdir(), key=lambda folder: int(folder.name)):
            _assert_whole_or_absent(sharded, folder)
        drafts += len(list(folder.glob(".*.tmp")))
        _merge_two(sharded, folder)
        assert sorted(entry.name for entry in folder.iterdir()) == ["a", "b"]
        _assert_whole_or_absent(sharded, folder)
        shutil.rmtree(out)
    assert drafts > 5  # it was killed in the middle of merges
