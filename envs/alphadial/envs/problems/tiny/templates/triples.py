# ruff: noqa


def triple_mod_cubic(a, k):
    """the number of triples i < j < l with a[i] + a[j] + a[l] divisible by k

    K = 2, 5"""
    r = 0
    for i in range(len(a)):
        for j in range(i):
            for l in range(j):
                if (a[i] + a[j] + a[l]) % k == 0:
                    r += 1
    return r


def triple_mod_quadratic(a, k):
    r = 0
    c = [0] * k
    for i in range(len(a)):
        for j in range(i + 1, len(a)):
            r += c[-(a[i] + a[j]) % k]
        c[a[i] % k] += 1
    return r


def triple_mod_linear(a, k):
    r = 0
    c = [0] * k
    p = [0] * k
    for x in a:
        r += p[-x % k]
        for s in range(k):
            p[(s + x) % k] += c[s]
        c[x % k] += 1
    return r


def triple_equal_cubic(a, k):
    """the number of triples i < j < l whose three elements have the same remainder modulo k

    K = 2, 6"""
    r = 0
    for i in range(len(a)):
        for j in range(i):
            for l in range(j):
                if a[i] % k == a[j] % k and a[j] % k == a[l] % k:
                    r += 1
    return r


def triple_equal_quadratic(a, k):
    r = 0
    for i in range(len(a)):
        c = 0
        for j in range(i):
            if a[i] % k == a[j] % k:
                r += c
                c += 1
    return r


def triple_equal_linear(a, k):
    r = 0
    c = [0] * k
    for x in a:
        s = c[x % k]
        r += s * (s - 1) // 2
        c[x % k] += 1
    return r


def triple_gain_cubic(a, k):
    """the largest a[i] - a[j] + a[l] over i < j < l, or k where that is larger or there is none"""
    r = k
    for i in range(len(a)):
        for j in range(i + 1, len(a)):
            for l in range(j + 1, len(a)):
                r = max(r, a[i] - a[j] + a[l])
    return r


def triple_gain_quadratic(a, k):
    r = k
    for j in range(1, len(a)):
        m = a[0]
        for i in range(j):
            if a[i] > m:
                m = a[i]
        for l in range(j + 1, len(a)):
            if m - a[j] + a[l] > r:
                r = m - a[j] + a[l]
    return r


def triple_gain_linear(a, k):
    r = k
    p = -999
    m = -999
    for x in a:
        r = max(r, p + x)
        p = max(p, m - x)
        m = max(m, x)
    return r


def triple_above_cubic(a, k):
    """the number of triples i < j < l whose first two elements are above k and whose last is not

    K = 3, 12"""
    r = 0
    for i in range(len(a)):
        for j in range(i + 1, len(a)):
            for l in range(j + 1, len(a)):
                if a[i] > k and a[j] > k and a[l] <= k:
                    r += 1
    return r


def triple_above_quadratic(a, k):
    r = 0
    for i in range(len(a)):
        if a[i] <= k:
            c = 0
            for j in range(i):
                if a[j] > k:
                    r += c
                    c += 1
        else:
            for j in range(i):
                r += 0
    return r


def triple_above_linear(a, k):
    r = 0
    c = 0
    p = 0
    for x in a:
        if x > k:
            p += c
            c += 1
        else:
            r += p
    return r
