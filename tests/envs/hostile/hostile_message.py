# expect: RTE
# An exception with a very long message.
class Endless(Exception):
    def __str__(self):
        return "x" * 3 * 10**7


def f(host):
    raise Endless
