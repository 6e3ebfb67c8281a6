#!/bin/bash
cd /logs/artifacts || exit 1
if python3 -c 'import os, words; assert words.count("one  two three") == int(os.environ["EXPECTED"])'; then reward=1; else reward=0; fi
echo "{\"reward\": $reward}" > /logs/verifier/reward.json
