"""CPython, without packages."""

from .language import Language

_CHECK = "import os, sys\nfor name in sys.argv[1:]: compile(open(name, 'rb').read(), name, 'exec')\nos._exit(0)"
"""It ends at once: what Python does at its end takes longer than the check."""

LANGUAGE = Language(
    name="python3",
    title="Python",
    tags=("python", "py", "cpython"),
    extensions=(".py", ".py3"),
    compile=("python3", "-c", _CHECK, "{sources}"),
    run=("python3", "-X", "int_max_str_digits=0", "{main}"),
    self_test="print(2 * int(input()))\n",
    package="python3",
)
