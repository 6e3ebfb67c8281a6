# expect: AC
import resource


def f(host):
    found = []
    for which in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
        soft, hard = resource.getrlimit(which)
        try:
            resource.setrlimit(which, (hard + 1, hard + 1))
            found.append(which)
        except (ValueError, OSError):
            pass
        if hard == resource.RLIM_INFINITY:
            found.append(-which)
    return found
