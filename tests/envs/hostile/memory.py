# expect: MLE
def f(host):
    hoard = []
    while True:
        hoard.append(bytearray(1 << 24))
