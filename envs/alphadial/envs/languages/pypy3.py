"""PyPy, by which Kattis judges Python programs.

Sources: the languages of Kattis' own tools (github.com/Kattis/problemtools, problemtools/config/languages.yaml, where
python3 is "Python 3 (w/PyPy3)", checked by ``pypy3 -m py_compile`` and run by ``pypy3 MAINFILE``), and the system of
NWERC 2020 (2020.nwerc.eu/system). They run it without flags; here old programs may also read and print integers of any
length. Memory counts with PyPy's own, as it does there.

What it does otherwise than CPython: finalisers do not run at the end, a call takes about 1 KiB of memory, and the
syntax that Debian 12's knows is that of Python 3.9.
"""

from dataclasses import replace

from . import python3

LANGUAGE = replace(
    python3.LANGUAGE,
    name="pypy3",
    title="Python (PyPy)",
    tags=("pypy",),
    compile=("pypy3", *python3.LANGUAGE.compile[1:]),
    run=("pypy3", *python3.LANGUAGE.run[1:]),
    package="pypy3",
    implements="python3",
)
