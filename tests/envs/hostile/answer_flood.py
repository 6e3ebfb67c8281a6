# expect: OLE
def f(host):
    return "x" * 30_000_000
