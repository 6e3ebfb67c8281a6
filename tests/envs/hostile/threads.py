# expect: AC
# As many threads as it can get, all still running when it answers.
import threading
import time


def f(host):
    try:
        for _ in range(10_000):
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    except (RuntimeError, MemoryError):
        pass
    return []
