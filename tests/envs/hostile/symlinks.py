# expect: AC
# Reaches for the host through links, mounts and file handles.
import os


def f(host):
    found = []
    targets = (host["secret"], "/proc/1/root" + host["secret"], "/proc/self/root" + host["secret"], "../../../etc/shadow")
    for number, target in enumerate(targets):
        name = f"link{number}"
        os.symlink(target, name)
        try:
            found.append(open(name).read())
        except OSError:
            pass
        try:
            open(name, "w").close()
            found.append(target)
        except OSError:
            pass
    for name in ("/tmp", "/dev/shm", "/lib", "/w/box"):
        try:
            os.unlink(name)
            found.append("unlinked " + name)
        except OSError:
            pass
    try:
        os.chroot(".")
        found.append("chroot")
    except OSError:
        pass
    return found
