# ruff: noqa
# Every function is a reference solution: <template>_<tier>. The first docstring of a template is its statement.
# "K = lo, hi" in the docstring's last line is the range of k (default 2, 9).


def sub_best_cubic(a, k):
    """the largest total of (x - k) over the elements x of a contiguous non-empty subarray"""
    r = a[0] - k
    for i in range(len(a)):
        for j in range(i, len(a)):
            s = 0
            for t in range(i, j + 1):
                s += a[t] - k
            if s > r:
                r = s
    return r


def sub_best_quadratic(a, k):
    r = a[0] - k
    for i in range(len(a)):
        s = 0
        for j in range(i, len(a)):
            s += a[j] - k
            if s > r:
                r = s
    return r


def sub_best_linear(a, k):
    r = a[0] - k
    s = 0
    for x in a:
        s += x - k
        if s > r:
            r = s
        if s < 0:
            s = 0
    return r


def sub_sum_mod_cubic(a, k):
    """the number of contiguous non-empty subarrays whose sum is divisible by k"""
    r = 0
    for i in range(len(a)):
        for j in range(i, len(a)):
            s = 0
            for t in range(i, j + 1):
                s += a[t]
            if s % k == 0:
                r += 1
    return r


def sub_sum_mod_quadratic(a, k):
    r = 0
    for i in range(len(a)):
        s = 0
        for j in range(i, len(a)):
            s += a[j]
            if s % k == 0:
                r += 1
    return r


def sub_sum_mod_linear(a, k):
    r = 0
    c = [0] * k
    c[0] = 1
    s = 0
    for x in a:
        s = (s + x) % k
        r += c[s]
        c[s] += 1
    return r


def sub_sum_eq_cubic(a, k):
    """the number of contiguous non-empty subarrays whose sum is exactly k

    K = 4, 30"""
    r = 0
    for i in range(len(a)):
        for j in range(i, len(a)):
            s = 0
            for t in range(i, j + 1):
                s += a[t]
            if s == k:
                r += 1
    return r


def sub_sum_eq_quadratic(a, k):
    r = 0
    for i in range(len(a)):
        s = 0
        for j in range(i, len(a)):
            s += a[j]
            if s == k:
                r += 1
    return r


def sub_sum_eq_linear(a, k):
    r = 0
    c = {0: 1}
    s = 0
    for x in a:
        s += x
        r += c.get(s - k, 0)
        c[s] = c.get(s, 0) + 1
    return r


def sub_long_cubic(a, k):
    """the length of the longest contiguous subarray whose sum is at most k (0 if there is none)

    K = 10, 60"""
    r = 0
    for i in range(len(a)):
        for j in range(i, len(a)):
            s = 0
            for t in range(i, j + 1):
                s += a[t]
            if s <= k:
                r = max(r, j - i + 1)
    return r


def sub_long_quadratic(a, k):
    r = 0
    for i in range(len(a)):
        s = 0
        for j in range(i, len(a)):
            s += a[j]
            if s <= k:
                r = max(r, j - i + 1)
    return r


def sub_long_linear(a, k):
    r = 0
    i = 0
    s = 0
    for j in range(len(a)):
        s += a[j]
        while s > k:
            s -= a[i]
            i += 1
        r = max(r, j - i + 1)
    return r


def sub_short_cubic(a, k):
    """the length of the shortest contiguous subarray whose sum is at least k (the length of a plus 1 if there is none)

    K = 10, 60"""
    r = len(a) + 1
    for i in range(len(a)):
        for j in range(i, len(a)):
            s = 0
            for t in range(i, j + 1):
                s += a[t]
            if s >= k:
                r = min(r, j - i + 1)
    return r


def sub_short_quadratic(a, k):
    r = len(a) + 1
    for i in range(len(a)):
        s = 0
        for j in range(i, len(a)):
            s += a[j]
            if s >= k:
                r = min(r, j - i + 1)
    return r


def sub_short_linear(a, k):
    r = len(a) + 1
    i = 0
    s = 0
    for j in range(len(a)):
        s += a[j]
        while s >= k:
            r = min(r, j - i + 1)
            s -= a[i]
            i += 1
    return r


def sub_small_cubic(a, k):
    """the number of contiguous non-empty subarrays in which every element is at most k

    K = 4, 16"""
    r = 0
    for i in range(len(a)):
        for j in range(i, len(a)):
            m = 0
            for t in range(i, j + 1):
                if a[t] > m:
                    m = a[t]
            if m <= k:
                r += 1
    return r


def sub_small_quadratic(a, k):
    r = 0
    for i in range(len(a)):
        m = 0
        for j in range(i, len(a)):
            m = max(m, a[j])
            if m <= k:
                r += 1
    return r


def sub_small_linear(a, k):
    r = 0
    c = 0
    for x in a:
        c += 1
        if x > k:
            c = 0
        r += c
    return r


def sub_odd_cubic(a, k):
    """the number of contiguous non-empty subarrays that hold exactly k odd elements

    K = 1, 4"""
    r = 0
    for i in range(len(a)):
        for j in range(i, len(a)):
            s = 0
            for t in range(i, j + 1):
                s += a[t] % 2
            if s == k:
                r += 1
    return r


def sub_odd_quadratic(a, k):
    r = 0
    for i in range(len(a)):
        s = 0
        for j in range(i, len(a)):
            s += a[j] % 2
            if s == k:
                r += 1
    return r


def sub_odd_linear(a, k):
    r = 0
    c = [0] * (len(a) + 1)
    c[0] = 1
    s = 0
    for x in a:
        s += x % 2
        if s >= k:
            r += c[s - k]
        c[s] += 1
    return r


def sub_total_cubic(a, k):
    """the number of elements above k, summed over all contiguous non-empty subarrays

    K = 3, 12"""
    r = 0
    for i in range(len(a)):
        for j in range(i, len(a)):
            for t in range(i, j + 1):
                if a[t] > k:
                    r += 1
    return r


def sub_total_quadratic(a, k):
    r = 0
    for i in range(len(a)):
        s = 0
        for j in range(i, len(a)):
            if a[j] > k:
                s += 1
            r += s
    return r


def sub_total_linear(a, k):
    r = 0
    n = len(a)
    for i in range(n):
        if a[i] > k:
            r += (i + 1) * (n - i)
    return r


def sub_alternate_cubic(a, k):
    """the number of contiguous non-empty subarrays in which no two neighbours have the same remainder modulo k

    K = 2, 4"""
    r = 0
    for i in range(len(a)):
        for j in range(i, len(a)):
            g = 1
            for t in range(i, j):
                if a[t] % k == a[t + 1] % k:
                    g = 0
            r += g
    return r


def sub_alternate_quadratic(a, k):
    r = 0
    for i in range(len(a)):
        g = 1
        for j in range(i, len(a)):
            if j > i and a[j - 1] % k == a[j] % k:
                g = 0
            r += g
    return r


def sub_alternate_linear(a, k):
    r = 0
    c = 0
    for i in range(len(a)):
        c += 1
        if i > 0 and a[i - 1] % k == a[i] % k:
            c = 1
        r += c
    return r


def sub_rising_cubic(a, k):
    """the length of the longest contiguous subarray in which each element is at least the one before it minus k"""
    r = 0
    for i in range(len(a)):
        for j in range(i, len(a)):
            g = j - i + 1
            for t in range(i, j):
                if a[t + 1] < a[t] - k:
                    g = 0
            r = max(r, g)
    return r


def sub_rising_quadratic(a, k):
    r = 0
    for i in range(len(a)):
        g = 1
        for j in range(i, len(a)):
            if j > i and a[j] < a[j - 1] - k:
                g = 0
            if g > 0:
                r = max(r, j - i + 1)
    return r


def sub_rising_linear(a, k):
    r = 0
    c = 0
    for i in range(len(a)):
        c += 1
        if i > 0 and a[i] < a[i - 1] - k:
            c = 1
        r = max(r, c)
    return r
