"""The digit classifier as a web service that calls the SageMaker endpoint.

GET  /hello   responds with `Hello world`
POST /        takes a JPEG (Content-Type image/jpeg) of 28 x 28 pixels with a light digit on dark ground, as in MNIST;
              responds as the endpoint: {"predictions": [{"closest_cluster": number, "distance_to_cluster": number}]}

Errors are JSON with `Code` and `Message`, like Chalice's: 400 for an invalid picture, 415 for another content type, 502
if the endpoint is unreachable or returns an error.

Environment: DIGITS_ENDPOINT is the endpoint's name (default: mnistclassifier). boto3 reads AWS_DEFAULT_REGION, the
credentials and, for a server other than AWS, AWS_ENDPOINT_URL.
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
    """Convert a picture to the training format: a row of 784 float32, 0 (black) to 1 (white)."""
    try:
        # Image.open reads only the header, so a huge picture costs nothing here.
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
    """Return one client for all requests, which reuses its connections."""
    return boto3.client("sagemaker-runtime")
