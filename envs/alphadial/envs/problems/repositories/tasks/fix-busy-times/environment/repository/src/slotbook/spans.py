"""Arithmetic with spans: pairs (start, end) of minutes."""


def merge(spans):
    """The spans in order, with those that overlap or touch put together; spans without length are left out."""
    merged = []
    for start, end in sorted(spans):
        if start == end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def gaps(spans, opening, closing):
    """What the spans leave free between two moments, in order."""
    free = []
    at = opening
    for start, end in merge(spans):
        if start > at:
            free.append((at, start))
        at = end
    if at < closing:
        free.append((at, closing))
    return free


def total(spans):
    """The minutes that the spans cover, each counted once."""
    return sum(end - start for start, end in merge(spans))
