# expect: RTE
# An exception whose message never ends.
class Endless(Exception):
    def __str__(self):
        return "x" * 10**9


def f(host):
    raise Endless
