# expect: AC
# Writes wherever it can but on a tmpfs of its own.
import os


def f(host):
    found = []
    for top, folders, files in os.walk("/"):
        if top.startswith(("/w", "/tmp", "/dev/shm")):
            folders.clear()
            continue
        if top.count("/") > 1:
            folders.clear()
        try:
            path = top + "/hostile"
            open(path, "w").close()
            found.append(path)
            os.unlink(path)
        except OSError:
            pass
    try:
        open(host["folder"] + "/hostile", "w").close()
        found.append("the host's folder")
    except OSError:
        pass
    for path in ("/opt/alphadial/guest/server.py", "/opt/alphadial/guest/steps.py"):
        try:
            open(path, "a").close()
            found.append(path)
        except OSError:
            pass
    return found
