"""This repository's Python environments. Standard library, and any Python from 3.9 on."""
