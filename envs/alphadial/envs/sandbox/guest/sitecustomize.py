"""Holds an interpreter just before its program: Python imports this module when all else is ready for that.

Every process that is forked here goes on as the interpreter that was started, which then reads the program from its
file and runs it, in no way otherwise than if it had been started for this program alone.
"""

import os
import sys
import time

_start_s = time.process_time()
_bare = frozenset(sys.modules)
_told = {name: os.environ.pop(name) for name in ("PYTHONPATH", "ALPHADIAL_CONTROL")}
_guest = _told["PYTHONPATH"]
sys.path.remove(_guest)
sys.path_importer_cache.pop(_guest, None)
sys.path.insert(0, os.path.dirname(_guest))  # noqa: PTH120 - pathlib is not what every program pays for
from guest.holding import hold  # type: ignore[import-not-found]  # noqa: E402

del sys.path[0]
hold(_told, _bare, _start_s)
raise ImportError(name=__name__)  # as if there were none: no trace of it is left
