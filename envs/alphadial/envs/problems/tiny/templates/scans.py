# ruff: noqa


def prefix_max_quadratic(a, k):
    """the total over all i of the largest of k and the elements up to place i

    K = 1, 5"""
    r = 0
    for i in range(len(a)):
        m = k
        for j in range(i + 1):
            m = max(m, a[j])
        r += m
    return r


def prefix_max_linear(a, k):
    r = 0
    m = k
    for x in a:
        m = max(m, x)
        r += m
    return r


def suffix_min_quadratic(a, k):
    """the total over all i of the smallest element from place i on, plus k"""
    r = k
    for i in range(len(a)):
        m = a[i]
        for j in range(i, len(a)):
            m = min(m, a[j])
        r += m
    return r


def suffix_min_linear(a, k):
    r = k
    m = a[-1]
    for x in reversed(a):
        m = min(m, x)
        r += m
    return r


def leaders_quadratic(a, k):
    """the number of elements that are larger than every element after them minus k

    K = 0, 3"""
    r = 0
    for i in range(len(a)):
        g = 1
        for j in range(i + 1, len(a)):
            if a[i] <= a[j] - k:
                g = 0
        r += g
    return r


def leaders_linear(a, k):
    r = 0
    m = -1
    for x in reversed(a):
        if x > m - k:
            r += 1
        m = max(m, x)
    return r


def split_gap_quadratic(a, k):
    """the smallest absolute difference between the sum of the first i elements and k plus the sum of the rest, over all i from 0 to the length of a"""
    r = 9999
    for i in range(len(a) + 1):
        s = -k
        for j in range(len(a)):
            if j < i:
                s += a[j]
            else:
                s -= a[j]
        r = min(r, abs(s))
    return r


def split_gap_linear(a, k):
    s = -k - sum(a)
    r = abs(s)
    for x in a:
        s += 2 * x
        r = min(r, abs(s))
    return r


def above_mean_quadratic(a, k):
    """the number of elements that are at least the mean of all elements before them minus k (the first always counts)

    K = 0, 3"""
    r = 0
    for i in range(len(a)):
        s = 0
        for j in range(i):
            s += a[j] - k
        if a[i] * i >= s:
            r += 1
    return r


def above_mean_linear(a, k):
    r = 0
    s = 0
    for i in range(len(a)):
        if a[i] * i >= s:
            r += 1
        s += a[i] - k
    return r


def window_best_quadratic(a, k):
    """the largest sum of at most k neighbouring elements, where the window may hang over the start

    K = 3, 9"""
    r = 0
    for i in range(len(a)):
        s = 0
        for j in range(i + 1):
            if i - j < k:
                s += a[j]
        r = max(r, s)
    return r


def window_best_linear(a, k):
    r = 0
    s = 0
    for i in range(len(a)):
        s += a[i]
        if i >= k:
            s -= a[i - k]
        r = max(r, s)
    return r


def far_pairs_quadratic(a, k):
    """the total of a[i] * a[j] over all pairs with j - i at least k"""
    r = 0
    for i in range(len(a)):
        for j in range(i):
            if i - j >= k:
                r += a[i] * a[j]
    return r


def far_pairs_linear(a, k):
    r = 0
    s = 0
    for i in range(k, len(a)):
        s += a[i - k]
        r += s * a[i]
    return r


def next_greater_quadratic(a, k):
    """the total over all elements of the distance to the next element that is larger, or k where there is none"""
    r = 0
    for i in range(len(a)):
        d = k
        for j in range(len(a) - 1, i, -1):
            if a[j] > a[i]:
                d = j - i
        r += d
    return r


def next_greater_linear(a, k):
    r = 0
    s = []
    for i in range(len(a)):
        while s and a[i] > a[s[-1]]:
            r += i - s.pop()
        s.append(i)
    r += k * len(s)
    return r


def water_quadratic(a, k):
    """the water held between walls of heights a, where each place holds at most k

    K = 3, 9"""
    r = 0
    for i in range(len(a)):
        p = 0
        q = 0
        for j in range(len(a)):
            if j <= i and a[j] > p:
                p = a[j]
            if j >= i and a[j] > q:
                q = a[j]
        r += min(k, min(p, q) - a[i])
    return r


def water_linear(a, k):
    r = 0
    q = []
    m = 0
    for x in reversed(a):
        m = max(m, x)
        q.append(m)
    p = 0
    for x in a:
        p = max(p, x)
        r += min(k, min(p, q.pop()) - x)
    return r


def h_index_quadratic(a, k):
    """the largest h such that at least h elements are at least h + k (0 if there is none)

    K = 0, 2"""
    r = 0
    for h in range(1, len(a) + 1):
        c = 0
        for x in a:
            if x >= h + k:
                c += 1
        if c >= h:
            r = h
    return r


def h_index_linear(a, k):
    r = 0
    a = sorted(a)
    for x in reversed(a):
        if x >= r + 1 + k:
            r += 1
    return r


def rotation_quadratic(a, k):
    """the largest total of j * b[j] + k over the places j of b, where b is any rotation of a"""
    r = 0
    n = len(a)
    for i in range(n):
        s = 0
        for j in range(n):
            s += j * a[(i + j) % n] + k
        r = max(r, s)
    return r


def rotation_linear(a, k):
    n = len(a)
    t = sum(a)
    s = 0
    for j in range(n):
        s += j * a[j] + k
    r = s
    for x in a:
        s += n * x - t
        r = max(r, s)
    return r
