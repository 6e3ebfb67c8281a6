"""Problem formats: ``load`` streams what a path holds; nothing that is read is executed.

A problem whose tests are still to be made by a program of its format gets them from ``with_tests``, in a sandbox.
"""

from .detect import Format, detect
from .generate import with_tests
from .load import load
from .rows import callable_source
from .types import Fault, Generator, Package, TimeRule

__all__ = ["Fault", "Format", "Generator", "Package", "TimeRule", "callable_source", "detect", "load", "with_tests"]
