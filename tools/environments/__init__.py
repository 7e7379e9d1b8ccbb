"""This repository's Python environments. Uses only the standard library of Python 3.9 or later."""
