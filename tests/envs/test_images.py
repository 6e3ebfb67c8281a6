"""Images without a daemon: what is read, how contexts are told apart, and folders that hold images."""

from __future__ import annotations

import errno
import io
import os
import runpy
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from alphadial.envs.errors import ImageError
from alphadial.envs.files import File
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes.images import FolderImages, bootstrap, folder_images, own_images
from alphadial.envs.sandbox.boxes.images.contexts import as_tar, checked, digest, kept, read_context
from alphadial.envs.sandbox.boxes.images.dockerfiles import bases, parse_dockerfile
from alphadial.envs.sandbox.boxes.images.image_folders import all_folders, find_folder, new_folder, unpack
from alphadial.merge_engine import load_family
from alphadial.merge_engine.live import engines
from alphadial.merge_engine.live.swap import swap_arguments

CHECKOUT = Path(__file__).parents[2]
ONLY_FROM = {"Dockerfile": File(b"FROM alphadial/repository\n")}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-daemon.sock")
    return tmp_path / "cache" / "alphadial" / "images"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM debian:bookworm", ["debian:bookworm"]),
        ("# syntax\n\nfrom   a/b  AS x\nFROM x\nCOPY --from=x /a /b\nCOPY --from=c:1 /a /b\n", ["a/b", "c:1"]),
        ("ARG BASE=alphadial/base\nFROM ${BASE}\n", ["alphadial/base"]),
        ("FROM\ta\nRUN a && \\\n\n    b\n", ["a"]),
        ("ARG V\nFROM python:${V:-3.11}\nRUN a && \\\n    # said between\n    b\n", ["python:3.11"]),
        ("FROM scratch\nCOPY --from=0 a b\n", []),
    ],
)
def test_what_a_dockerfile_begins_from(text: str, found: list[str]) -> None:
    assert bases(parse_dockerfile(text.encode()), {}) == found


def test_arguments_come_before_defaults() -> None:
    assert bases(parse_dockerfile(b"ARG BASE=a\nFROM $BASE\n"), {"BASE": "b:1"}) == ["b:1"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"RUN x", "no FROM"),
        (b"FROM a\nFOO b", "'FOO b' is no instruction"),
        (b"\xff", "UTF-8"),
        (b"FROM a\nRUN <<E\nx\nE", "BuildKit"),
    ],
)
def test_what_is_no_dockerfile(data: bytes, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        parse_dockerfile(data)


def test_contexts_are_told_apart_by_everything_that_is_in_them() -> None:
    different = [
        {"Dockerfile": File(b"FROM a")},
        {"Dockerfile": File(b"FROM b")},
        {"Dockerfile": File(b"FROM a"), "x": File(b"")},
        {"Dockerfile": File(b"FROM a"), "x": File(b"", executable=True)},
        {"Dockerfile": File(b"FROM a"), "x": File(b"", link=True)},
        {"Dockerfile": File(b"FROM a"), "y": File(b"")},
    ]
    assert len({digest(context) for context in different} | {digest(different[0], "base")}) == 7
    assert digest({"b": File(b"1"), "a": File(b"2")}) == digest({"a": File(b"2"), "b": File(b"1")})


def test_a_context_leaves_out_what_its_dockerignore_names() -> None:
    names = ("Dockerfile", "a.py", "a.pyc", "x/b.pyc", "x/keep.pyc", "data/large", ".git/config")
    ignore = b"# compiled\n**/*.pyc\n!x/keep.pyc\ndata\n.git\nDockerfile\n"
    context = {**{name: File(b"") for name in names}, ".dockerignore": File(ignore)}
    assert set(kept(context)) == {"Dockerfile", ".dockerignore", "a.py", "x/keep.pyc"}


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"a": File(b"")}, "no Dockerfile"),
        ({**ONLY_FROM, "../a": File(b"")}, "not a relative path"),
        ({**ONLY_FROM, "/etc/a": File(b"")}, "not a relative path"),
    ],
)
def test_contexts_that_cannot_be_built_from(context: dict[str, File], said: str) -> None:
    with pytest.raises(ImageError, match=said):
        checked(context)


def test_a_context_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphadial.envs.sandbox.boxes.images.contexts.MAX_CONTEXT_FILES", 1)
    with pytest.raises(ImageError, match="leave out what it does not need"):
        checked({**ONLY_FROM, "a": File(b"")})


def test_a_folder_is_read_and_handed_over_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "run.sh").write_bytes(b"#!")
    (tmp_path / "sub" / "run.sh").chmod(0o755)
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to("sub")
    os.mkfifo(tmp_path / "pipe")
    context = read_context(tmp_path)
    assert context == {
        "sub/run.sh": File(b"#!", executable=True),
        "link": File(b"/etc/passwd", link=True),
        "folder": File(b"sub", link=True),
    }
    with as_tar(context) as first, as_tar(context) as second:
        assert first.read() == second.read()
        first.seek(0)
        with tarfile.open(fileobj=first) as archive:
            assert {entry.name: (entry.mode, entry.linkname) for entry in archive} == {
                "sub/run.sh": (0o755, ""),
                "link": (0o644, "/etc/passwd"),
                "folder": (0o644, "sub"),
            }


def tar(*entries: tuple[str, bytes, dict[str, Any]]) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data, more in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            for key, value in more.items():
                setattr(entry, key, value)
            archive.addfile(entry, io.BytesIO(data))
    stream.seek(0)
    return stream


def test_an_image_is_laid_out_without_devices_and_special_permissions(tmp_path: Path) -> None:
    link, folder, device, hard = tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.LNKTYPE
    stream = tar(
        ("./", b"", {"type": folder, "mode": 0o755}),
        ("./bin/su", b"x", {"mode": 0o4755}),
        ("./.hidden", b"h", {"mode": 0o000}),
        ("./etc", b"", {"type": folder, "mode": 0o555}),
        ("./lib", b"", {"type": link, "linkname": "usr/lib"}),
        ("./run", b"", {"type": link, "linkname": "/etc"}),
        ("./null", b"", {"type": device}),
        ("./dev/null", b"", {"type": device}),
        ("./tmp/left", b"", {}),
        ("./bin/same", b"", {"type": hard, "linkname": "./bin/su", "mode": 0o4755}),
    )
    unpack(stream, tmp_path)
    assert (tmp_path / "bin/su").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "bin/same").samefile(tmp_path / "bin/su")
    assert (tmp_path / ".hidden").read_bytes() == b"h"
    assert (tmp_path / "etc").stat().st_mode & 0o700 == 0o700
    assert (tmp_path / "run").readlink() == Path("/etc")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".hidden", "bin", "etc", "lib", "run"]


@pytest.mark.parametrize(
    "entries",
    [
        [("../escaped", b"", {})],
        [("out", b"", {"type": tarfile.SYMTYPE, "linkname": ".."}), ("out/escaped", b"", {})],
        [("hard", b"", {"type": tarfile.LNKTYPE, "linkname": "../secret"})],
        [("out", b"", {"type": tarfile.SYMTYPE, "linkname": "../secret"}), ("out", b"changed", {})],
        [("out", b"", {"type": tarfile.SYMTYPE, "linkname": ".."}), ("out", b"", {"type": tarfile.DIRTYPE})],
        [
            ("out", b"", {"type": tarfile.SYMTYPE, "linkname": ".."}),
            ("hard", b"", {"type": tarfile.LNKTYPE, "linkname": "out/secret"}),
        ],
    ],
)
def test_nothing_is_laid_out_outside_of_the_folder(tmp_path: Path, entries: list[Any]) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(ImageError, match="leads out of it"):
        unpack(tar(*entries), root)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["root", "secret"]
    assert not (root / "hard").exists()
    assert (tmp_path / "secret").read_text() == "secret"


def test_a_stream_that_is_cut_off(tmp_path: Path) -> None:
    whole = tar(("a", b"x" * 5000, {})).getvalue()
    with pytest.raises(ImageError, match="cannot be read"):
        unpack(io.BytesIO(whole[:3000]), tmp_path)


def test_an_image_folder_appears_whole_or_not_at_all(cache: Path) -> None:
    with new_folder("repository", "d1", "r1") as (root, about):
        (root / "file").write_text("x")
        about |= {"env": {"A": "b"}, "workdir": "/app"}
        assert all_folders() == []
    (folder,) = all_folders()
    assert (folder.name, folder.recipe, folder.size, folder.path.name) == ("repository", "r1", 1, "repository-d1")
    image = folder.as_image()
    assert (image.reference, image.env, image.workdir) == (str(folder.path), {"A": "b"}, "/app")
    with pytest.raises(KeyboardInterrupt), new_folder("repository", "d2", "r1"):
        raise KeyboardInterrupt
    assert [entry.name for entry in cache.iterdir()] == ["repository-d1"]


def test_the_newest_folder_of_a_recipe_is_found(cache: Path) -> None:
    for key, recipe in (("d1", "old"), ("d2", "r"), ("d3", "r"), ("d4", "other")):
        with new_folder("repository", key, recipe):
            pass
    found = find_folder("repository", "r")
    assert found is not None
    assert found.path == cache / "repository-d3"
    assert find_folder("repository", "r", "d2") is not None
    assert find_folder("task", "r") is None


@pytest.mark.parametrize("about", ["", "[]", '{"version": 99}', '{"version": 1, "env": []}'])
def test_folders_that_are_not_ours_are_no_images(cache: Path, about: str) -> None:
    (cache / "something" / "rootfs").mkdir(parents=True)
    (cache / "something" / "image.json").write_text(about)
    assert all_folders() == []


def test_a_full_disk_is_one_line_and_leaves_nothing(cache: Path) -> None:
    with (
        pytest.raises(ImageError, match=r"No space left on device.*make room, or set XDG_CACHE_HOME"),
        new_folder("repository", "d1"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(cache.iterdir()) == []


def test_an_image_that_was_not_built_names_the_command() -> None:
    with pytest.raises(ImageError, match=r"alphadial images build repository$"):
        FolderImages().find(ImageSource("repository"))


@pytest.mark.parametrize("source", [ImageSource("python:3.11"), ImageSource(context=ONLY_FROM)])
def test_without_a_daemon_nothing_is_exported(source: ImageSource) -> None:
    pytest.importorskip("docker")
    with pytest.raises(ImageError, match="Docker is not there for it: no Docker daemon answers"):
        FolderImages().find(source)


def test_without_mmdebstrap_a_base_can_be_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ImageError, match=r"apt-get install mmdebstrap, or, .* --base debian:bookworm"):
        FolderImages().make("repository")
    assert list(cache.iterdir()) == []


def test_only_the_image_of_repositories_is_a_folder() -> None:
    with pytest.raises(ImageError, match="alphadial images build judge --box docker"):
        FolderImages().make("judge")
    with pytest.raises(ImageError, match="no image of ours is named 'nonsense'"):
        own_images.context_of("nonsense")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["E: newuidmap 1 failed"], "as this user .*/etc/subuid"),
        (["E: apt-get update failed: no route to mirror"], "cannot put a Debian together: E: apt-get update failed"),
        (["tar: No space left on device", "E: tar failed"], "the disk is full"),
        ([], "it said nothing"),
    ],
)
def test_what_mmdebstrap_says_becomes_one_line(said: list[str], told: str) -> None:
    with pytest.raises(ImageError, match=told):
        raise ImageError(bootstrap.explained(said))


def test_a_recipe_changes_with_what_it_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    before = own_images.recipe_digest("repository")
    assert before == own_images.recipe_digest("repository")
    monkeypatch.setattr(own_images, "version", lambda name: "9.9.9")
    assert own_images.recipe_digest("repository") != before


def test_the_repository_image_is_made_of_a_debian_and_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mmdebstrap and pip, which other tests run for real."""
    passwd, group = b"root:x:0:0::/root:/bin/sh\n", b"root:x:0:\n"
    etc: list[tuple[str, bytes, dict[str, Any]]] = [("./etc/passwd", passwd, {}), ("./etc/group", group, {})]
    monkeypatch.setattr(bootstrap, "_command", lambda: ["cat", "/dev/null"])
    monkeypatch.setattr(folder_images, "install_wheels", lambda wanted, python, folder: folder.mkdir(parents=True))
    monkeypatch.setattr(folder_images, "unpack", lambda stream, root: unpack(tar(*etc), root))
    said: list[str] = []
    image = FolderImages(said.append).make("repository")
    assert image.workdir == "/app"
    assert (Path(image.reference) / "rootfs/etc/passwd").read_text().endswith("agent:x:1000:1000:agent:/tmp:/bin/sh\n")
    assert said[0] == "unpacking"
    assert said[1].startswith("installing pytest==")
    assert FolderImages().find(ImageSource("repository")) == image


def test_a_wheel_holds_what_images_are_built_from() -> None:
    """A checkout has it in its top folder, and finds it there whatever lies beside the module."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    ((source, target),) = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"].items()
    module = Path(own_images.__file__)
    assert CHECKOUT / source == own_images.checkout() / "docker"
    assert target == module.parent.joinpath("docker").relative_to(CHECKOUT / "envs").as_posix()
    for name in own_images.OWN:
        assert "Dockerfile" in own_images.context_of(name)
        assert bases(parse_dockerfile(own_images.context_of(name)["Dockerfile"].data), {}) == [
            {"base": "debian:bookworm", "vllm": own_images.VLLM_IMAGE}.get(name, "alphadial/base")
        ]


def test_the_compose_file_asks_for_what_the_images_have() -> None:
    compose = yaml.safe_load((CHECKOUT / "docker" / "compose.yaml").read_text("utf-8"))
    services = compose["services"]
    assert {service["image"] for service in services.values()} == {"${ALPHADIAL_VLLM_IMAGE:-alphadial/vllm:latest}"}
    assert services["engine"]["command"][1] == "/opt/alphadial-engine.py"
    assert b"COPY engine.py /opt/alphadial-engine.py" in own_images.context_of("vllm")["Dockerfile"].data
    assert "ports" not in services["engine"]
    assert compose["networks"]["inside"]["internal"]
    assert services["gateway"]["ports"] == ["127.0.0.1:8000:8000"]
    assert services["gateway"]["command"][:2] == ["alphadial", "serve"]


def test_the_compose_file_starts_what_vllm_is_started_with_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The container's settings are those of an engine that the gateway starts itself."""
    dockerfile = own_images.context_of("vllm")["Dockerfile"].data.decode()
    for name, value in engines._ENVIRONMENT.items():
        assert f"{name}={value}" in dockerfile
    assert own_images.VLLM_IMAGE in dockerfile
    started: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda program, words: started.append(words))
    monkeypatch.setattr(sys, "argv", ["engine.py", "tiny", "--port", "1"])
    runpy.run_path(str(CHECKOUT / "docker" / "vllm" / "engine.py"))
    ((_, *words),) = started
    assert words == ["-m", "vllm.entrypoints.openai.api_server", *swap_arguments(load_family("tiny")), "--port", "1"]
