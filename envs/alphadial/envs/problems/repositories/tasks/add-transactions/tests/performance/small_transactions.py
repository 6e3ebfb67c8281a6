"""Many small transactions in a large store, nested ones too; prints what is there at the end."""

import sys

sys.path.append("src")
from keepsake import Store

store = Store()
for number in range(30_000):
    store.set(f"name:{number}", number, None if number % 3 else 10_000_000)
for number in range(2_500):
    store.begin()
    store.add(f"name:{number % 500}", 1)
    store.begin()
    store.set(f"new:{number % 700}", number)
    store.delete(f"name:{29_999 - number}")
    store.rollback() if number % 3 else store.commit()
    store.rollback() if number % 5 else store.commit()
names = store.names()
print(len(names), names[-3:], sum(store.get(name) for name in names))
