"""Start moto's server with the mock's behaviour: `python -m aws_mock -H HOST -p PORT`."""

from __future__ import annotations

from moto.server import main

from . import authorization, backend, calls, control, responses, runtime

for part in (authorization, backend, responses, runtime, calls, control):
    part.install()

if __name__ == "__main__":
    main()
