# expect: MLE
# gvisor: TLE
# Catches MemoryError and goes on, for ever.
def f(host):
    hoard = []
    while True:
        try:
            hoard.append(bytearray(1 << 24))
        except MemoryError:
            pass
