# Standard modules that few programs use.
import array
import bisect
import ctypes
import curses.ascii
import decimal
import difflib
import fractions
import gzip
import hashlib
import itertools
import lzma
import pickle
import random
import ssl
import statistics
import unicodedata
import uuid
import zoneinfo

n, *numbers = map(int, open(0).read().split())
packed = gzip.compress(pickle.dumps(array.array("q", numbers)))
total = sum(itertools.chain(map(fractions.Fraction, pickle.loads(gzip.decompress(packed)))))
assert hashlib.sha256(packed).digest() and decimal.Decimal(int(total)) == total
print(ctypes.c_int64(int(total)).value)
