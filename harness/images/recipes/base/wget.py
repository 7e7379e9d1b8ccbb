"""Replace wget for debootstrap on machines without it: `wget [options] -O FILE URL`."""

import shutil
import sys
import urllib.request

file = sys.argv[sys.argv.index("-O") + 1]
try:
    with urllib.request.urlopen(sys.argv[-1], timeout=60) as answer, open(file, "wb") as out:  # noqa: PTH123, S310
        shutil.copyfileobj(answer, out)
except OSError as error:
    sys.exit(f"{sys.argv[-1]}: {error}")
