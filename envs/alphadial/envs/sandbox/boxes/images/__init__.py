"""Images of boxes: found by name or by what they are built from, built, listed and removed."""

from .daemon import connect
from .docker_images import DockerImages
from .folder_images import FolderImages
from .managing import ImageRow, build_image, clean_images, list_images
from .own_images import REPOSITORY

__all__ = [
    "REPOSITORY",
    "DockerImages",
    "FolderImages",
    "ImageRow",
    "build_image",
    "clean_images",
    "connect",
    "list_images",
]
