"""For each problem of the set ``workspaces``: a program that is right, one that is wrong and one that is too slow."""

LEDGER = """
def ledger(lines):
    open_accounts = {}
    for line in lines:
        words = line.split(" ")
        amount = 0
        if words[0] in ("pay", "move"):
            if not words[-1].isdigit():
                continue
            amount = int(words.pop())
            if amount < 1:
                continue
        match words:
            case ["open", name]:
                open_accounts.setdefault(name, 0)
            case ["close", name]:
                if open_accounts.get(name) == 0:
                    del open_accounts[name]
            case ["pay", name]:
                if name in open_accounts:
                    open_accounts[name] += amount
            case ["move", a, b]:
                if a in open_accounts and b in open_accounts and open_accounts[a] >= amount:
                    open_accounts[a] -= amount
                    open_accounts[b] += amount
    return sorted([name, balance] for name, balance in open_accounts.items())
"""
LEDGER_WRONG = LEDGER.replace(" and open_accounts[a] >= amount", "")
LEDGER_SLOW = """
def ledger(lines):
    accounts = []
    def find(name):
        for account in accounts:
            if account[0] == name:
                return account
        return None
    for line in lines:
        words = line.split(" ")
        amount = 0
        if words[0] in ("pay", "move"):
            if not words[-1].isdigit():
                continue
            amount = int(words.pop())
            if amount < 1:
                continue
        found = [find(name) for name in words[1:]]
        if words[0] == "open" and len(words) == 2 and found[0] is None:
            accounts.append([words[1], 0])
        elif len(words) < 2 or None in found:
            continue
        elif words[0] == "close" and len(words) == 2 and found[0][1] == 0:
            accounts.remove(found[0])
        elif words[0] == "pay" and len(words) == 2:
            found[0][1] += amount
        elif words[0] == "move" and len(words) == 3 and found[0][1] >= amount:
            found[0][1] -= amount
            found[1][1] += amount
    return sorted(accounts)
"""
INTERVALS = """
def merge(intervals):
    merged = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged
"""
INTERVALS_WRONG = INTERVALS.replace(" + 1", "")
INTERVALS_SLOW = """
def merge(intervals):
    left = [list(pair) for pair in intervals]
    merged = []
    while left:
        start, end = left.pop()
        again = True
        while again:
            again = False
            for pair in left:
                if pair[0] <= end + 1 and start <= pair[1] + 1:
                    start, end = min(start, pair[0]), max(end, pair[1])
                    left.remove(pair)
                    again = True
                    break
        merged.append([start, end])
    return sorted(merged)
"""
INVERSIONS = """
def inversions(a):
    def count(part):
        if len(part) < 2:
            return part, 0
        left, x = count(part[: len(part) // 2])
        right, y = count(part[len(part) // 2 :])
        merged, total, i = [], x + y, 0
        for value in right:
            while i < len(left) and left[i] <= value:
                merged.append(left[i])
                i += 1
            total += len(left) - i
            merged.append(value)
        return merged + left[i:], total
    return count(a)[1]
"""
INVERSIONS_WRONG = INVERSIONS.replace("<= value", "< value")
INVERSIONS_SLOW = """
def inversions(a):
    return sum(a[i] > a[j] for i in range(len(a)) for j in range(i + 1, len(a)))
"""
PROGRAMS = {
    "ledger": (LEDGER, LEDGER_WRONG, LEDGER_SLOW),
    "intervals": (INTERVALS, INTERVALS_WRONG, INTERVALS_SLOW),
    "inversions": (INVERSIONS, INVERSIONS_WRONG, INVERSIONS_SLOW),
}
