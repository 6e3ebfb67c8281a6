# Looks in its own interpreter for what belongs to the judge: modules, frames, objects, sockets.
# expect: AC
import gc
import sys

found = [name for name in sys.modules if name.partition(".")[0] in ("guest", "alphadial")]
frame = sys._getframe()
while frame is not None:
    if frame.f_code.co_filename != __file__ and not frame.f_code.co_filename.startswith("<frozen"):
        found.append(f"frame {frame.f_code.co_filename}")
    frame = frame.f_back
for each in gc.get_objects():
    name = type(each).__module__
    if isinstance(name, str) and name.partition(".")[0] in ("guest", "alphadial"):
        found.append(f"object {type(each).__name__}")
    if isinstance(each, dict) and str(each.get("__name__", "")).partition(".")[0] in ("guest", "alphadial"):
        found.append(f"globals of {each['__name__']}")
print(*dict.fromkeys(found) or ["nothing"])
