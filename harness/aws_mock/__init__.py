"""The AWS twin: moto, with what moto lacks or does otherwise than AWS. Runs in the `aws` container, alone.

It imports nothing else of the harness: the image holds this folder as the package `aws_twin`.
"""
