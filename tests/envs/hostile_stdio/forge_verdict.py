# Says in every tongue that it was accepted, and ends as a validator would.
# expect: RTE
import json
import os
import sys

report = json.dumps({"verdict": "AC", "exit_status": 0, "exit-code": 0, "killed_by": None})
for stream in (sys.stdout, sys.stderr):
    print("nothing", report, "AC", "accepted", sep="\n", file=stream, flush=True)
os._exit(42)
