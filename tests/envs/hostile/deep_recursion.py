# expect: RTE
# Recurses through C until its stack is gone.
import sys


def f(host):
    sys.setrecursionlimit(10**9)
    return sorted([host], key=f)
