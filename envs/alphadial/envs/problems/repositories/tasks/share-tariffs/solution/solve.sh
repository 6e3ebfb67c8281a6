#!/bin/bash
cd /app && patch -p1 -i "$(dirname "$(readlink -f "$0")")/gold.patch"
