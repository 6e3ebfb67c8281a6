"""What the workspaces hold at first."""

LEDGER_SPEC = """\
# The ledger

`ledger(lines)` takes a list of lines and returns the final balances as a list of `[name, balance]`, sorted by name.

A line is one command, its words separated by single spaces. Amounts are whole numbers.

| command | effect |
|---|---|
| `open NAME` | a new account with balance 0; ignored if the account is open |
| `pay NAME AMOUNT` | adds the amount; ignored if there is no such account |
| `move FROM TO AMOUNT` | moves the amount; ignored unless both accounts are open and FROM holds at least the amount |
| `close NAME` | removes the account; ignored unless it is open and its balance is 0 |

Amounts below 1 make any command ignored. An account that was closed can be opened again.
A line that is none of these commands, or has too few or too many words, is ignored.
Lines can be many: tens of thousands, with thousands of accounts.
"""

LEDGER_STUB = '''\
"""See SPEC.md."""


def ledger(lines):
    raise NotImplementedError
'''

INTERVALS_WRONG = '''\
"""Merging of closed intervals of whole numbers."""


def merge(intervals):
    """The union of [start, end] pairs as a sorted list of pairs that neither overlap nor touch.

    [1, 3] and [4, 6] touch: they become [1, 6].
    """
    merged = []
    for start, end in intervals:
        if merged and start < merged[-1][1]:
            merged[-1][1] = end
        else:
            merged.append([start, end])
    return merged
'''

INVERSIONS_SLOW = '''\
"""How far a list is from being sorted."""


def inversions(a):
    """The number of pairs i < j with a[i] > a[j]."""
    count = 0
    for i in range(len(a)):
        for j in range(i + 1, len(a)):
            if a[i] > a[j]:
                count += 1
    return count
'''
