"""Boxes as containers of Docker's, hardened: see ``container_options`` for what holds them."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import docker
import docker.errors

from ...closing import Closing
from ...errors import ImageError, SandboxFailedError
from ...forking import OfOneProcess, OwnSocket, in_child, starting
from ...repository import ImageSource
from ..workspace import Workspace
from . import container_kit, container_options, docker_daemon, image_trees, leases
from .box import FOLDERS, BoxLimits, Image, absolute
from .docker_box import DockerBox
from .docker_daemon import ERRORS, line
from .images import DockerImages, connect
from .keeper_link import BrokenLinkError, ContainerLink

_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}
"""The variables that every command has, where image and caller give them no other values."""
_TAKEN = (*FOLDERS, "/", "/tmp", "/dev", "/proc", "/sys", container_kit.PLACE)
"""The paths that no box can have as its working directory."""
_START_S = 30.0


class DockerBoxes(OfOneProcess, Closing):
    """Implements ``Boxes``.

    Args:
        runtime: of the containers, as the daemon knows it ("runsc" is gVisor); "" for its own choice.

    Raises:
        SandboxUnavailableError: no daemon answers, or it cannot hold a box; the message says what to do.
    """

    def __init__(self, runtime: str = "") -> None:
        self.name = f"docker:{runtime}" if runtime else "docker"
        self._runtime = runtime
        self._begin_process()
        in_child(self, DockerBoxes._begin_process)
        docker_daemon.check(self._client, runtime)
        with self._told("look for what is left of owners that are gone"):
            leases.reap(self._client)

    def _begin_process(self) -> None:
        """What every process has of its own; a forked child leaves the parent's boxes alone."""
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[DockerBox] = weakref.WeakSet()
        self._containers: list[str] = []
        """The container ids of all boxes opened here so far: ``close`` waits until these are gone."""
        self._connected: docker.APIClient | None = None

    @property
    def _client(self) -> docker.APIClient:
        """Each process has its own, made when it is first needed."""
        with self._lock:
            if self._connected is None:
                self._connected = docker_daemon.client()
            return self._connected

    def find(self, source: ImageSource) -> Image:
        """See ``Boxes``."""
        docker_daemon.check_answers(self._client)
        with closing(connect()) as client:
            return DockerImages(client).find(source)

    def tree(self, image: Image, path: str) -> Workspace:
        """See ``Boxes``."""
        with self._told(f"read {path} of the image {image.reference!r}"):
            try:
                return image_trees.tree(self._client, image, path)
            except docker.errors.ImageNotFound:
                raise _gone(image) from None

    def open(
        self, image: Image, workdir: str, limits: BoxLimits | None = None, *, sockets: Path | None = None
    ) -> DockerBox:
        """See ``Boxes``."""
        limits = limits or BoxLimits()
        workdir = absolute(workdir)
        if workdir in _TAKEN:
            raise SandboxFailedError(f"no box can work in {workdir!r}")
        with self._told("start a box"):
            try:
                container, link = self._started(image, workdir, limits, sockets)
            except _NoKeeperError:
                self._fill(image)
                container, link = self._started(image, workdir, limits, sockets)
        box = DockerBox(link, limits, {**_ENV, **image.env}, lambda: self._remove(container))
        with self._lock:
            self._open.add(box)
            self._containers.append(container)
        return box

    def close(self) -> None:
        """See ``Boxes``."""
        with self._lock:
            boxes = list(self._open)
            containers, self._containers = self._containers, []
        for box in boxes:
            box.close()
        with suppress(SandboxFailedError), self._told("remove boxes"):
            leases.await_removal(self._client, containers)
        if self._connected is not None:
            self._connected.close()

    def _started(
        self, image: Image, workdir: str, limits: BoxLimits, sockets: Path | None
    ) -> tuple[str, ContainerLink]:
        try:
            made = container_options.create(self._client, image.id, workdir, limits, sockets, self._runtime)
        except docker.errors.ImageNotFound:
            raise _gone(image) from None
        link = ContainerLink(self._attached(made))
        try:
            self._client.start(made)
            link.answer(timeout_s=_START_S)
        except (*ERRORS, BrokenLinkError) as error:
            link.close()
            self._remove(made)
            if container_kit.PLACE in str(error):
                raise _NoKeeperError(str(error)) from None
            raise SandboxFailedError(f"cannot start a box: {line(error)}") from None
        return made, link

    def _attached(self, container: str) -> OwnSocket:
        """A connection of its own to the container's streams; forked children close it."""
        with starting:
            attached = self._client.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            own = OwnSocket(fileno=os.dup(attached.fileno()))
            attached._response.close()  # which holds the same connection, and is held by it
            return own

    def _fill(self, image: Image) -> None:
        """Puts the keeper where all boxes find it. Whoever else does so at the same time puts the same there."""
        name = container_kit.name()
        self._client.create_volume(name, labels={container_kit.LABEL: name})
        mounted = self._client.create_host_config(binds={name: {"bind": container_kit.PLACE, "mode": "rw"}})
        made = self._client.create_container(
            image.id, ["none"], host_config=mounted, labels={leases.LABEL: leases.owner()}
        )["Id"]
        try:
            self._client.put_archive(made, container_kit.PLACE, container_kit.archive())
        finally:
            self._client.remove_container(made, force=True)

    def _remove(self, container: str) -> None:
        with self._told("remove a box"):
            leases.remove(self._client, container)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except ERRORS as error:
            raise SandboxFailedError(f"Docker cannot {what}: {line(error)}") from None


class _NoKeeperError(Exception):
    """The volume that holds the keeper is not there, or not whole."""


def _gone(image: Image) -> ImageError:
    return ImageError(f"the image {image.reference!r} is gone: build or pull it again")
