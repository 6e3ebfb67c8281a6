# Rewrites its own source, and all that could be run in its place, for the next test.
# expect: AC
# twice: yes
import glob
import os
import sys

changed = "print('changed')\n"
for path in {__file__, os.path.abspath(__file__), sys.argv[0], "main.py", "/w/box/main.py", *glob.glob("/w/**/*.py")}:
    for alter in (
        lambda: open(path, "w").write(changed),
        lambda: (os.unlink(path), open(path, "w").write(changed)),
        lambda: (os.rename(path, "/tmp/old.py"), os.symlink("/tmp/new.py", path)),
        lambda: os.chmod(path, 0),
    ):
        try:
            alter()
        except OSError:
            pass
os.makedirs("__pycache__", exist_ok=True)
for name in ("main", "collections", "json", "random", "os", "re"):
    for target in (f"{name}.py", f"__pycache__/{name}.cpython-{sys.version_info[0]}{sys.version_info[1]}.pyc"):
        try:
            open(target, "w").write(changed)
        except OSError:
            pass
print("nothing")
