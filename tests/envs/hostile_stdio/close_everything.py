# Closes its pipes and runs on.
# expect: TLE
import os

os.closerange(0, 4096)
while True:
    pass
