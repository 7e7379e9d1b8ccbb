"""The digit classifier as a web service: a picture of a digit in, the cluster that the SageMaker endpoint finds out.

GET  /hello   answers `Hello world`
POST /        a JPEG (Content-Type image/jpeg) of 28 x 28 pixels, the digit light on dark as in MNIST; answers what the
              endpoint does: {"predictions": [{"closest_cluster": number, "distance_to_cluster": number}]}

Refusals are JSON with `Code` and `Message`, as Chalice's own: 400 for a picture that can't be used, 415 for another
content type, 502 where the endpoint refuses or can't be reached.

Environment: DIGITS_ENDPOINT, the endpoint's name (default: mnistclassifier); AWS_DEFAULT_REGION, credentials and, for
another place than AWS, AWS_ENDPOINT_URL, all as boto3 reads them.
"""

import io
import os
from functools import cache

import boto3
import numpy as np
from botocore.exceptions import BotoCoreError, ClientError
from chalice import BadRequestError, Chalice, Response
from PIL import Image
from recordio import write_records

SIDE = 28
JPEG = "image/jpeg"
RECORDS = "application/x-recordio-protobuf"

app = Chalice(app_name="digit-classifier-api")


@app.route("/hello")
def hello():
    return "Hello world"


@app.route("/", methods=["POST"], content_types=[JPEG])
def classify():
    record = io.BytesIO()
    write_records(record, pixels(app.current_request.raw_body))
    endpoint = os.environ.get("DIGITS_ENDPOINT", "mnistclassifier")
    try:
        answer = sagemaker().invoke_endpoint(EndpointName=endpoint, ContentType=RECORDS, Body=record.getvalue())
        body = answer["Body"].read().decode()
    except (ClientError, BotoCoreError) as error:
        return Response({"Code": "BadGatewayError", "Message": str(error)}, status_code=502)
    return Response(body, headers={"Content-Type": "application/json"})


def pixels(jpeg):
    """The picture as the model was trained: one row of 784 float32, from 0 (black) to 1 (white)."""
    try:
        # Only the header is read here, so that a picture of any size costs nothing.
        picture = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
    except Image.DecompressionBombError as error:
        raise BadRequestError(f"The picture is far too large; it has to be {SIDE} x {SIDE} pixels.") from error
    except OSError as error:
        raise BadRequestError("The body is not a JPEG.") from error
    if picture.size != (SIDE, SIDE):
        width, height = picture.size
        raise BadRequestError(f"The picture is {width} x {height} pixels; it has to be {SIDE} x {SIDE}.")
    try:
        grey = picture.convert("L")
    except OSError as error:
        raise BadRequestError(f"The JPEG is damaged: {error}.") from error
    return np.asarray(grey, dtype=np.float32).reshape(1, -1) / 255


@cache
def sagemaker():
    """One client for all requests: its connections are kept."""
    return boto3.client("sagemaker-runtime")
