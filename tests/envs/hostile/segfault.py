# expect: RTE
import ctypes


def f(host):
    ctypes.string_at(0)
