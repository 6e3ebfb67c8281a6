# ruff: noqa


def pair_sum_mod_quadratic(a, k):
    """the number of pairs i < j with a[i] + a[j] divisible by k"""
    r = 0
    for i in range(len(a)):
        for j in range(i):
            if (a[i] + a[j]) % k == 0:
                r += 1
    return r


def pair_sum_mod_linear(a, k):
    r = 0
    c = [0] * k
    for x in a:
        r += c[-x % k]
        c[x % k] += 1
    return r


def pair_equal_mod_quadratic(a, k):
    """the number of pairs i < j whose elements have the same remainder modulo k"""
    r = 0
    for i in range(len(a)):
        for j in range(i):
            if a[i] % k == a[j] % k:
                r += 1
    return r


def pair_equal_mod_linear(a, k):
    r = 0
    c = [0] * k
    for x in a:
        r += c[x % k]
        c[x % k] += 1
    return r


def pair_diff_eq_quadratic(a, k):
    """the number of pairs i < j whose elements differ by exactly k

    K = 1, 6"""
    r = 0
    for i in range(len(a)):
        for j in range(i):
            if abs(a[i] - a[j]) == k:
                r += 1
    return r


def pair_diff_eq_linear(a, k):
    r = 0
    c = {}
    for x in a:
        r += c.get(x - k, 0) + c.get(x + k, 0)
        c[x] = c.get(x, 0) + 1
    return r


def pair_sum_eq_quadratic(a, k):
    """the number of pairs i < j with a[i] + a[j] equal to k

    K = 6, 18"""
    r = 0
    for i in range(len(a)):
        for j in range(i):
            if a[i] + a[j] == k:
                r += 1
    return r


def pair_sum_eq_linear(a, k):
    r = 0
    c = {}
    for x in a:
        r += c.get(k - x, 0)
        c[x] = c.get(x, 0) + 1
    return r


def pair_parity_quadratic(a, k):
    """the number of pairs i < j of which one element is at least k and the other is below k

    K = 3, 10"""
    r = 0
    for i in range(len(a)):
        for j in range(i):
            if (a[i] < k) != (a[j] < k):
                r += 1
    return r


def pair_parity_linear(a, k):
    c = 0
    for x in a:
        if x < k:
            c += 1
    r = c * (len(a) - c)
    return r


def pair_diff_total_quadratic(a, k):
    """k plus the total of the absolute differences of all pairs of elements"""
    r = k
    for i in range(len(a)):
        for j in range(i):
            r += abs(a[i] - a[j])
    return r


def pair_diff_total_linear(a, k):
    r = k
    s = 0
    a = sorted(a)
    for i in range(len(a)):
        r += a[i] * i - s
        s += a[i]
    return r


def pair_gain_quadratic(a, k):
    """the largest a[j] - a[i] over i < j, or k where that is larger or there is none

    K = 0, 3"""
    r = k
    for i in range(len(a)):
        for j in range(i):
            r = max(r, a[i] - a[j])
    return r


def pair_gain_linear(a, k):
    r = k
    m = a[0]
    for x in a:
        r = max(r, x - m)
        m = min(m, x)
    return r


def pair_spread_quadratic(a, k):
    """the largest a[i] + a[j] + k * (j - i) over i <= j

    K = 1, 3"""
    r = 0
    for i in range(len(a)):
        for j in range(i, len(a)):
            r = max(r, a[i] + a[j] + k * (j - i))
    return r


def pair_spread_linear(a, k):
    r = 0
    m = 0
    for i in range(len(a)):
        m = max(m, a[i] - k * i)
        r = max(r, a[i] + k * i + m)
    return r


def pair_product_quadratic(a, k):
    """the total of a[i] * a[j] over all pairs i < j, plus k"""
    r = k
    for i in range(len(a)):
        for j in range(i):
            r += a[i] * a[j]
    return r


def pair_product_linear(a, k):
    r = k
    s = 0
    for x in a:
        r += s * x
        s += x
    return r


def pair_max_total_quadratic(a, k):
    """the total over all pairs i < j of the larger of the two elements, plus k"""
    r = k
    for i in range(len(a)):
        for j in range(i):
            r += max(a[i], a[j])
    return r


def pair_max_total_linear(a, k):
    r = k
    a = sorted(a)
    for i in range(len(a)):
        r += a[i] * i
    return r


def pair_closest_quadratic(a, k):
    """the smallest absolute difference of two elements that are at different places and not equal (99 if there is none), plus k"""
    r = 99
    for i in range(len(a)):
        for j in range(i):
            if a[i] != a[j]:
                r = min(r, abs(a[i] - a[j]))
    r += k
    return r


def pair_closest_linear(a, k):
    r = 99
    a = sorted(a)
    for i in range(1, len(a)):
        if a[i] != a[i - 1]:
            r = min(r, a[i] - a[i - 1])
    r += k
    return r


def near_equal_quadratic(a, k):
    """the smallest distance j - i of two equal elements a[i] = a[j], i < j (the length of a plus k if there is none)"""
    r = len(a) + k
    for i in range(len(a)):
        for j in range(i):
            if a[i] == a[j]:
                r = min(r, i - j)
    return r


def near_equal_linear(a, k):
    r = len(a) + k
    c = {}
    for i in range(len(a)):
        if a[i] in c:
            r = min(r, i - c[a[i]])
        c[a[i]] = i
    return r


def far_equal_quadratic(a, k):
    """the largest distance j - i of two elements, i < j, with the same remainder modulo k (0 if there is none)"""
    r = 0
    for i in range(len(a)):
        for j in range(i):
            if a[i] % k == a[j] % k:
                r = max(r, i - j)
    return r


def far_equal_linear(a, k):
    r = 0
    c = [-1] * k
    for i in range(len(a)):
        x = a[i] % k
        if c[x] < 0:
            c[x] = i
        r = max(r, i - c[x])
    return r


def repeated_quadratic(a, k):
    """the number of elements that have an equal element anywhere before them, plus k"""
    r = k
    for i in range(len(a)):
        g = 0
        for j in range(i):
            if a[i] == a[j]:
                g = 1
        r += g
    return r


def repeated_linear(a, k):
    r = k
    c = set()
    for x in a:
        if x in c:
            r += 1
        c.add(x)
    return r


def rank_quadratic(a, k):
    """the total over all elements of the number of elements that are at least k smaller

    K = 1, 5"""
    r = 0
    for i in range(len(a)):
        for j in range(len(a)):
            if a[j] + k <= a[i]:
                r += 1
    return r


def rank_linear(a, k):
    r = 0
    j = 0
    a = sorted(a)
    for x in a:
        while a[j] + k <= x:
            j += 1
        r += j
    return r
