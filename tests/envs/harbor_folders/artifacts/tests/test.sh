#!/bin/bash
score=0
[ "$(cat /app/report/state.txt)" = done ] && [ "$(cat /app/data/summary.txt)" = 1 ] && score=1
echo $score > /logs/verifier/reward.txt
