# What it prints cannot be written: an interpreter ends with status 120 then.
# expect: RTE
import os

print("nothing")
os.close(1)
