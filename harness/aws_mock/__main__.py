"""`python -m aws_twin -H HOST -p PORT`: moto's server, with the twin's behaviour put in before it begins."""

from __future__ import annotations

from moto.server import main

from . import authorization, backend, calls, control, responses, runtime

for part in (authorization, backend, responses, runtime, calls, control):
    part.install()

if __name__ == "__main__":
    main()
