"""The AWS mock: moto, with the AWS behaviour that moto lacks. Runs in the `aws` container.

The package imports nothing else of the harness: the image holds this folder as the package `aws_mock`.
"""
