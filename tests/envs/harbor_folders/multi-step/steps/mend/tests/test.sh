#!/bin/bash
[ -s /app/notes.txt ]; echo $((1 - $?)) > /logs/verifier/reward.txt
