# expect: AC
# gvisor: WA
# Its own kernel shows figures of its own in /proc and /sys.
# Looks for the judge: its files, its environment, its processes, its packages, its tests.
import os


def f(host):
    found = []
    paths = [host["secret"], "/etc/passwd", "/etc/shadow", "/root", "/home", "/proc/1/environ", "/proc/self/environ"]
    paths += ["/var", "/srv", "/sys", "/proc/%d/mem" % host["pid"], "/proc/%d/root/etc/passwd" % host["pid"]]
    for path in paths:
        try:
            os.listdir(path) if os.path.isdir(path) else open(path, "rb").read()
            found.append(path)
        except OSError:
            pass
    try:
        import alphadial.envs.problems  # noqa: F401

        found.append("the problems")
    except ImportError:
        pass
    found += ["environment " + key for key in os.environ if key.startswith("ALPHADIAL")]
    found += ["process " + name for name in os.listdir("/proc")]
    return found
