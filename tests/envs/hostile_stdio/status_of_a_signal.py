# An exit status that shells use for SIGKILL.
# expect: RTE
import os

print("nothing", flush=True)
os._exit(137)
