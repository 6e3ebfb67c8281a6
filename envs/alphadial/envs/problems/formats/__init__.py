"""Problem formats: ``load`` streams what a path holds; nothing that is read is executed.

A problem whose tests are still to be made by a program of its format gets them from ``generate_tests``, in a sandbox.
"""

from alphadial.envs.problems.formats.detect import Format, detect
from alphadial.envs.problems.formats.generate import generate_tests
from alphadial.envs.problems.formats.loading import load
from alphadial.envs.problems.formats.packages import Generator, LoadError, Package, TimeRule

__all__ = ["Format", "Generator", "LoadError", "Package", "TimeRule", "detect", "generate_tests", "load"]
