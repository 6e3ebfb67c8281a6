# expect: TLE
# mode: steps
def f(host):
    a = [0]
    while True:
        a = a + a
