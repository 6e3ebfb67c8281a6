# Crashes its interpreter, which must be nobody else's.
# expect: RTE
# twice: yes
import ctypes
import faulthandler

print("nothing", flush=True)
faulthandler.disable()
ctypes.memset(0, 1, 1 << 20)
