# expect: TLE
# mode: steps
# Hides its work in C: sorting, slices, membership, starred calls.
def f(host):
    a = list(range(400))
    t = 0
    for x in a:
        t += max(*a) + len(a[1:]) + (x in a)
    return []
