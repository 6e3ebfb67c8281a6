# Is replaced by another program, which answers and ends well.
# expect: AC
import os
import sys

os.execv(sys.executable, [sys.executable, "-c", "import os; os.write(1, b'nothing\\n')"])
