# Lets a database add.
import sqlite3

n, *numbers = map(int, open(0).read().split())
base = sqlite3.connect("numbers.sqlite")
base.execute("CREATE TABLE numbers (value INTEGER)")
base.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in numbers])
base.commit()
print(base.execute("SELECT SUM(value) FROM numbers").fetchone()[0])
