"""An S3 server for tests: moto's, with conditional writes that are atomic, keys
that are checked, a list of all requests, and faults on demand.

Called as `server.py [HOST [BUCKET]]`. Prints its port, and ends when its standard
input does."""

import http.client
import os
import sys
import threading
import urllib.parse

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

REFUSED = b"""<?xml version="1.0"?><Error><Code>InvalidAccessKeyId</Code><Message>no such key</Message>
<AWSAccessKeyId>%s</AWSAccessKeyId></Error>"""


class Fault:
    """Something that happens to the first request that matches."""

    def __init__(self, kind, method, part):
        self.kind, self.method, self.part = kind, method, part
        self.met, self.released = threading.Event(), threading.Event()


class Server:
    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.writing = threading.Lock()
        self.requests, self.faults = [], []

    def __call__(self, environ, start):
        path = environ["PATH_INFO"]
        query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", "")))
        if path.startswith("/_test/"):
            text = self.control(path.removeprefix("/_test/"), query).encode()
            start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
            return [text]
        method = "LIST" if "list-type" in query else environ["REQUEST_METHOD"]
        what = f"{method} {path.encode('latin-1').decode()}"
        if method == "LIST":
            what += f" {query.get('prefix', '')}"
        self.requests.append(what)
        if "Credential=test-key/" not in environ.get("HTTP_AUTHORIZATION", ""):
            start("403 Forbidden", [("Content-Type", "application/xml")])
            return [REFUSED % b"test-key"]
        fault = self.fault(method, path)
        if fault and fault.kind in ("hold", "stop"):
            fault.met.set()
            fault.released.wait(60)
            if fault.kind == "stop":
                start("500 Internal Server Error", [])
                return [b""]
        answer = self.answer(environ, start if not fault or fault.kind != "lose" else lambda *_: None)
        if fault and fault.kind == "lose":
            # It was done, and nobody hears of it.
            start("500 Internal Server Error", [])
            return [b""]
        return answer

    def answer(self, environ, start):
        # moto looks and then writes; a store does both in one step.
        if environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE"):
            with self.writing:
                return list(self.moto(environ, start))
        return self.moto(environ, start)

    def fault(self, method, path):
        for fault in self.faults:
            if not fault.met.is_set() and fault.method == method and fault.part in path:
                fault.met.set()
                return fault
        return None

    def control(self, command, query):
        if command == "requests":
            bucket = f" /{query['bucket']}"
            found = [one for one in self.requests if bucket in one]
            self.requests = [one for one in self.requests if bucket not in one]
            return "\n".join(found)
        if command == "fault":
            self.faults.append(Fault(query["kind"], query["method"], query["part"]))
            return str(len(self.faults) - 1)
        fault = self.faults[int(query["fault"])]
        if command == "await":
            return str(fault.met.wait(60))
        fault.released.set()
        return ""


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
def make(bucket):
    connection = http.client.HTTPConnection(host, server.server_port)
    key = "AWS4-HMAC-SHA256 Credential=test-key/20200101/us-east-1/s3/aws4_request"
    connection.request("PUT", f"/{bucket}", headers={"Authorization": key})
    assert connection.getresponse().status == 200


host, *buckets = sys.argv[1:] or ["127.0.0.1"]
server = make_server(host, 0, Server(), threaded=True, request_handler=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
for bucket in buckets:
    make(bucket)
print(server.server_port, flush=True)
threading.Event().wait()
