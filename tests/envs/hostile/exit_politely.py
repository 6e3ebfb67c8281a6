# expect: RTE
import sys


def f(host):
    sys.exit(0)
