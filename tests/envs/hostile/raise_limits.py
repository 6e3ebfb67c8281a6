# expect: AC
# Memory is limited by RLIMIT_AS only where there is no cgroup.
import resource


def f(host):
    found = []
    for which in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
        soft, hard = resource.getrlimit(which)
        try:
            resource.setrlimit(which, (hard + 1, hard + 1))
            found += [which] if hard != resource.RLIM_INFINITY else []
        except (ValueError, OSError):
            pass
        if hard == resource.RLIM_INFINITY and which != resource.RLIMIT_AS:
            found.append(-which)
    return found
