"""``alphadial images``: images of boxes are built, listed and removed."""

from __future__ import annotations

from typing import Annotated

import typer

from alphadial.cli.options import JsonOption

BoxesOption = Annotated[
    str | None,
    typer.Option("--box", metavar="NAME", help="rootfs or docker alone.", show_default="both"),
]


def build(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE",
            help="repository, base, judge, vllm, or a folder with a Dockerfile.",
            show_default="repository",
        ),
    ] = None,
    box: Annotated[
        str,
        typer.Option("--box", metavar="NAME", help="rootfs: a folder, for boxes without Docker. docker: its daemon."),
    ] = "rootfs",
    base: Annotated[
        str,
        typer.Option(
            "--base",
            metavar="IMAGE",
            help="Begin from this image of Docker's, such as debian:bookworm or python:3.11-slim.",
            show_default="a Debian put together here by mmdebstrap",
        ),
    ] = "",
) -> None:
    """Build images for boxes. Stop it at any time: the same command goes on where it was.

    No registry is needed: Debian's packages come from its mirror, pytest from where pip gets packages. What is there
    is not built again. A folder with a Dockerfile is built by Docker, for rootfs too.

    alphadial images build
    alphadial images build --box docker
    alphadial images build repository judge --box docker --base debian:bookworm
    alphadial images build my-task/environment --box docker
    """
    import time

    from alphadial.cli.image_progress import Steps
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.output import print_line
    from alphadial.envs.sandbox.boxes.images import build_image

    for what in images or ["repository"]:
        began = time.monotonic()
        with Steps() as steps:
            row = build_image(what, box, base, steps.say)
        keeps(f"{row.name} is built; the same command goes on")
        print_line(f"{row.name}: {row.reference} ({row.bytes / 1e6:,.0f} MB, {time.monotonic() - began:,.0f} s)")


def list_built(box: BoxesOption = None, json_to: JsonOption = None) -> None:
    """List the images that alphadial built, in Docker and in folders."""
    from dataclasses import asdict

    from alphadial.cli.image_progress import image_table, there
    from alphadial.cli.output import STDOUT, check_json_target, results, write_json
    from alphadial.envs.sandbox.boxes.images import list_images

    check_json_target(json_to)
    rows = list_images(there(box))
    if json_to is not None:
        write_json(json_to, [asdict(row) for row in rows])
    if json_to != STDOUT:
        results().print(image_table(rows))


def clean(
    box: BoxesOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are in use by this version too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
) -> None:
    """Remove images that alphadial built and needs no more, and what builds left that were killed.

    Older makes of our own images go; images of tasks go with --all. What anybody else built or tagged is never removed,
    nor an image that a container uses.

    alphadial images clean --dry-run
    alphadial images clean --all --box docker
    """
    from alphadial.cli.image_progress import there
    from alphadial.cli.output import print_line
    from alphadial.envs.sandbox.boxes.images import clean_images

    rows = clean_images(there(box), everything=everything, only_tell=dry_run)
    done = "would be removed" if dry_run else "removed"
    for row in rows:
        print_line(f"{row.reference}: " + (f"kept: {row.kept}" if row.kept else f"{done} ({row.bytes / 1e6:,.0f} MB)"))
    if not rows:
        print_line("nothing to remove")
