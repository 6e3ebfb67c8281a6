"""Problem formats: ``load`` streams what a path holds; nothing that is read is executed.

A problem whose tests are still to be made by a program of its format gets them from ``with_tests``, in a sandbox.
"""

from alphadial.envs.problems.formats.detect import Format, detect
from alphadial.envs.problems.formats.generate import with_tests
from alphadial.envs.problems.formats.loading import load
from alphadial.envs.problems.formats.packages import Fault, Generator, Package, TimeRule
from alphadial.envs.problems.formats.rows import callable_source

__all__ = ["Fault", "Format", "Generator", "Package", "TimeRule", "callable_source", "detect", "load", "with_tests"]
