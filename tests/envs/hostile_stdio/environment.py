# What the judge's environment tells.
# expect: AC
import os

own = {"PATH", "HOME", "LANG", "PWD", "LC_CTYPE", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "PYPY_GC_NURSERY", "OLDPWD", "SHLVL", "_"}
found = sorted(set(os.environ) - own)
for process in filter(str.isdigit, os.listdir("/proc")):
    try:
        shown = open(f"/proc/{process}/environ", "rb").read().split(b"\0")
    except OSError:
        continue
    found += [item.decode() for item in shown if item and item.partition(b"=")[0].decode() not in own]
print(*found or ["nothing"])
