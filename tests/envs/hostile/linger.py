# expect: TLE
# calls: 2
# Answers the first call and burns CPU in the background while the judge thinks; the second call pays.
import threading

calls = []


def burn():
    while True:
        pass


def f(host):
    calls.append(1)
    if len(calls) == 1:
        threading.Thread(target=burn, daemon=True).start()
        return []
    while True:
        pass
