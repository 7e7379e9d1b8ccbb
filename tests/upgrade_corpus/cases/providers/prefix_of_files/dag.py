"""FTPToS3Operator selects files by prefix, no longer by any part of the name."""

from __future__ import annotations

import os
import tempfile
import threading
from datetime import datetime
from pathlib import Path

from airflow.providers.amazon.aws.transfers.ftp_to_s3 import FTPToS3Operator
from airflow.sdk import DAG
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


class FromOwnServer(FTPToS3Operator):
    """Serves two files by FTP while it runs."""

    def execute(self, context):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("visits_1.csv", "old_visits.csv"):
                (Path(folder) / name).write_text("nights")
            authorizer = DummyAuthorizer()
            authorizer.add_user("user", "word", folder)
            handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
            server = FTPServer(("127.0.0.1", 0), handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            os.environ["AIRFLOW_CONN_FILES"] = f"ftp://user:word@127.0.0.1:{server.address[1]}"
            try:
                super().execute(context)
            finally:
                server.close_all()


with DAG("prefix_of_files", schedule=None, start_date=datetime(2024, 1, 1)):
    FromOwnServer(
        task_id="copy",
        ftp_conn_id="files",
        aws_conn_id="store",
        ftp_path="/",
        ftp_filenames="visits",
        s3_bucket="prefix-of-files",
        s3_key="in/",
        s3_filenames="visits",
    )
