# expect: OLE
def f(host):
    return "x" * 3_000_000
