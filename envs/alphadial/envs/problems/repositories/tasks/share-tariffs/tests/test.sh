#!/bin/bash
# The verifier of Harbor and of others who read its format. alphadial takes what task.toml says in its stead.
cd /app && cp -r /tests/repository/. . || exit 1
if python3 -B -m pytest -q -p no:cacheprovider tests && python3 -B - <<'END'
import importlib, json, pathlib, sys

sys.path.insert(0, "src")
for call in json.loads(pathlib.Path("/tests/calls.json").read_text()):
    module, _, function = call["call"].partition(":")
    value = getattr(importlib.import_module(module), function)(*call["arguments"])
    if json.loads(json.dumps(value)) != call["value"]:
        sys.exit(f"{call['name']}: {value!r}")
END
then reward=1; else reward=0; fi
mkdir -p /logs/verifier && echo "{\"reward\": $reward}" > /logs/verifier/reward.json
