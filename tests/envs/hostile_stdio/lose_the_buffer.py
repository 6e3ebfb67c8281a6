# Leaves without writing what it has printed: no answer.
# expect: WA
import os

print("nothing")
os._exit(0)
