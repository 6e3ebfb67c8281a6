# Forks in every process, for ever.
# expect: TLE
import os

while True:
    try:
        os.fork()
    except OSError:
        pass
