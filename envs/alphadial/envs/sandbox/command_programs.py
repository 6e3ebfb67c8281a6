"""Programs whose outcome shows how an interpreter was started, what it found, and how it ended."""

from __future__ import annotations

FILES = {
    "heapq.py": "def heappush(*given): return 'of the submission'\n",
    "helper/__init__.py": "",
    "helper/tools.py": "def double(x): return 2 * x\n",
    "data.txt": "text of a file\n",
}
"""Beside the program; one stands before a module of the library."""

SAME = {
    "what it is": """
import os, resource, signal, sys
print(__name__, __file__, __spec__, type(__loader__).__name__, __doc__, sorted(globals()))
print(sys.argv, sys.orig_argv, sys.path, sys.flags, sys.executable, sys.warnoptions, sys._xoptions)
print(os.getpid(), os.getpgrp(), os.getcwd(), os.umask(0o22), sorted(os.environ.items()))
print(sys._getframe().f_back, sys._getframe().f_code.co_filename, os.listdir('/proc/self/fd'), sorted(os.listdir('.')))
print([(n, signal.getsignal(n)) for n in (1, 2, 9, 13, 15, 17, 25)], sys.getrecursionlimit(), hash('x'))
print([resource.getrlimit(n) for n in (0, 1, 2, 3, 4, 6, 7, 9)])
for s in (sys.stdin, sys.stdout, sys.stderr):
    print(s, s.seekable(), s.line_buffering, s.errors, s.buffer.raw, s.isatty())
print([name for name in ('guest', 'sitecustomize', 'usercustomize', 'main') if name in sys.modules])
""",
    "a session of its own": "import os\nos.setsid()\nprint(os.getsid(0), os.getpgrp())",
    "input()": "n = int(input())\nprint(n, sum(map(int, input().split())), repr(input()))\ninput()\n",
    "lines of stdin": "import sys\nprint([line for line in sys.stdin], sys.stdin.read())",
    "bytes of stdin": "import sys\nprint(sys.stdin.buffer.readline(), sys.stdin.readline(), sys.stdin.buffer.read())",
    "descriptor 0": "import os\nprint(os.read(0, 4), open(0).readline(), os.lseek(0, 0, 1), os.fstat(0).st_size)",
    "names of stdin": "print(open('/dev/stdin').read(), open('/proc/self/fd/0', 'rb').read())",
    "stdin is sought in": "import sys\nsys.stdin.seek(2)\nprint(sys.stdin.readline(), sys.stdin.tell())",
    "stdout by other ways": """
import os, sys
out = open(1, 'w', closefd=False)
out.write('a')
os.write(1, b'b')
print('c')
sys.stdout.buffer.write(b'd')
open('/dev/stdout', 'w').write('e')
os.system('echo f')
sys.__stdout__.write('g')
""",
    "libc's own buffer": "import ctypes\nctypes.CDLL(None).printf(b'of C, %d', 7)",
    "stdout closed": "import sys\nprint(1)\nsys.stdout.close()",
    "stdout gone": "import os\nos.close(1)\nprint(1)",
    "stdout replaced": "import io, sys\nprint(1)\nsys.stdout = io.StringIO()\nprint(2)",
    "stdout buffered anew": "import sys\nsys.stdout = open(1, 'w', 65536, closefd=False)\nprint('kept to the end')",
    "undecodable": "import sys\nsys.stdout.buffer.write(b'\\xff')\nprint('\\udc80')",
    "exit": "import sys\nprint(1)\nsys.exit()",
    "exit with a status": "print(1)\nraise SystemExit(7)",
    "exit with words": "print(1)\nexit('words')",
    "exit at once": "import os\nprint(1)\nos._exit(4)",
    "exit in a function": "import atexit, sys\natexit.register(print, 'bye')\ndef f(): sys.exit(300)\nf()",
    "an error": "def f(x):\n    return g(x)\ndef g(x):\n    return [][x]\nprint(1)\nf(0)\n",
    "an error in an error": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('again') from e",
    "a syntax error": "def f(:\n    pass",
    "an error of a hook": "import sys\nsys.excepthook = lambda *said: print('hook', said[1])\nraise ValueError(1)",
    "an interrupt": "raise KeyboardInterrupt",
    "a warning": "x = 1\nprint(x is 1)\nimport warnings\nwarnings.warn('told', stacklevel=2)",
    "a signal": "import os, signal\nprint(1, flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)",
    "an abort": "import os\nos.abort()",
    "a signal that is handled": "import signal as s\ns.signal(10, lambda *a: print('got'))\ns.raise_signal(10)",
    "an alarm": "import signal, time\nsignal.alarm(1)\ntime.sleep(30)",
    "an open pipe": "import os\nread, write = os.pipe()\nos.close(read)\nos.write(write, b'x')",
    "recursion": "def f(n):\n    return 0 if n == 0 else f(n - 1)\nprint(f(990))\nprint(f(998))",
    "recursion, deeper": "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return n and f(n - 1)\nprint(f(50_000))",
    "recursion in C": """
import sys, functools
sys.setrecursionlimit(10**6)
@functools.lru_cache(None)
def f(n): return n and 1 + f(n - 1)
print(f(20_000))
""",
    "a thread's stack": """
import sys, threading
sys.setrecursionlimit(10**6)
threading.stack_size(64 << 20)
def f(n): return n and 1 + f(n - 1)
thread = threading.Thread(target=lambda: print(f(30_000)))
thread.start()
thread.join()
""",
    "long numbers": "print(len(str(10 ** 10_000)))",
    "its own modules": "import heapq\nfrom helper.tools import double\nprint(heapq.heappush([], 1), double(4))",
    "its own file": "import inspect\ndef f(): pass\nprint(open(__file__).read(), inspect.getsource(f))",
    "a file beside it": "print(open('data.txt').read(), open('helper/tools.py').read())",
    "many files": "for n in range(5000): open(f'n{n}', 'w').close()\nimport os\nprint(len(os.listdir('.')))",
    "a module that is not imported": "import importlib\nprint(importlib.util)",
    "a module written": "open('made.py', 'w').write('x = 5')\nimport made\nprint(made.x)",
    "at the end": """
import atexit, sys, weakref
class Last:
    def __init__(self, name): self.name = name
    def __del__(self): print('gone', self.name)
_private, shown = Last('private'), Last('shown')
cycle = Last('in a cycle')
cycle.itself = cycle
kept = []
sys.kept = Last('kept by a module of the library')
weakref.finalize(shown, print, 'finalised')
atexit.register(print, 'registered')
def f(of=Last('of a function')): return shown
""",
    "a generator at the end": "def g():\n    try: yield 1\n    finally: print('closed')\nheld = g()\nprint(next(held))",
    "a file at the end": "import os\nkept = open(os.dup(1), 'w')\nkept.write('written when it is closed')",
    "threads": """
import threading, time
def work():
    time.sleep(0.1)
    print('after the end of the file')
threading.Thread(target=work).start()
""",
    "a daemon": "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()\nprint(1)",
    "futures": """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
print(list(pool.map(abs, [-1, 2])))
pool.submit(print, 'submitted')
""",
    "processes": """
import multiprocessing
def double(x): return 2 * x
if __name__ == '__main__':
    with multiprocessing.Pool(2) as pool: print(pool.map(double, [1, 2]))
    other = multiprocessing.get_context('spawn').Process(target=print, args=('spawned',))
    other.start()
    other.join()
    print(other.exitcode)
""",
    "subprocesses": """
import subprocess, sys
print(subprocess.run(['cat'], input='given', capture_output=True, text=True).stdout)
print(subprocess.run([sys.executable, '-c', 'import sys; print(sys.flags, sys.path)'], capture_output=True).stdout)
print(subprocess.run(['cat'], stdout=subprocess.PIPE).stdout)
""",
    "asynchronous": "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    print(1)\nasyncio.run(f())",
    "other random numbers": "import random\nprint(random.Random(5).random(), random.random() != random.random())",
}
"""Name to source: what each says does not depend on where it runs."""
