"""An object storage that speaks S3, on loopback, with one bucket: `customers`.

It says its address on its first line, then each request that it answered: method, path, status. It ends when
its input does. A line of input tells it what to do:

    lose NAME       the next PUT of an object whose name begins so is taken, and answered with 500
    refuse NAME     every PUT of such an object is answered with 403
    withhold NAME   every GET of such an object is answered with 403
    hold NAME       whoever GETs such an object waits until all is well
    held            it says `done` as soon as somebody waits so
    careless NAME   requests' headers If-Match or If-None-Match, whichever is named, are not seen from now on
    guarded         signatures are checked from now on; it says a key and its secret, which may do all
    folder NAME     makes the empty object that consoles show as a folder
    google          Google's language is understood, too; it says a service account's key, who alone may speak it
    well            it is as it was at the start

It answers each with the line `done`, and what else there is to say behind it.
"""

import base64
import itertools
import json
import os
import sys
import threading

os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "anybody"
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"

import boto3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from moto import settings
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "customers"

moto = DomainDispatcherApplication(create_backend_app)
said = threading.Lock()
orders = {}
held, let_go = threading.Event(), threading.Event()


def say(*words):
    with said:
        print(*words, flush=True)


def refusal(start_response, status, code, message):
    start_response(status, [("Content-Type", "application/xml")])
    return [f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()]


class Google:
    """What Google's XML API has beside what it shares with S3: bearers, and generations that a PUT may depend on.

    https://cloud.google.com/storage/docs/xml-api/reference-headers has x-goog-generation and x-goog-if-generation-match;
    https://google.aip.dev/auth/4111 has the token that a service account signs for itself.
    """

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.puts = threading.Lock()
        self.next = itertools.count(1_700_000_000_000_001)
        self.generations = {}

    def service_account(self):
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        key = self.key.private_bytes(*form).decode()
        return json.dumps({"private_key": key, "private_key_id": "1", "client_email": "twsync@customers.example"})

    def is_signed(self, bearer):
        said, _, signature = bearer.rpartition(".")
        signature = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        try:
            self.key.public_key().verify(signature, said.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def __call__(self, environ, start_response):
        bearer = environ["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
        method, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]
        if not self.is_signed(bearer):
            say(method, path, "401")
            return refusal(start_response, "401 Unauthorized", "AuthenticationRequired", "Authentication required.")
        environ["HTTP_AUTHORIZATION"] = "AWS4-HMAC-SHA256 Credential=anybody/20260101/us-east-1/s3/aws4_request"
        makes_object = method == "PUT" and "partNumber" not in query or method == "POST" and "uploadId" in query

        def answer(status, headers, info=None):
            if status.startswith("2") and makes_object:
                self.generations[path] = next(self.next)
            if path in self.generations:
                headers = [*headers, ("x-goog-generation", str(self.generations[path]))]
            return start_response(status, headers, info)

        with self.puts:
            if method == "DELETE":
                self.generations.pop(path, None)
            expected = environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None)
            if expected is not None and int(expected) != self.generations.get(path, 0):
                say(method, path, "412")
                return refusal(start_response, "412 Precondition Failed", "PreconditionFailed", "It is another generation.")
            return s3(environ, answer)


def storage(environ, start_response):
    if environ.get("HTTP_AUTHORIZATION", "").startswith("Bearer "):
        return google(environ, start_response)
    return s3(environ, start_response)


def s3(environ, start_response):
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    is_of = lambda it, name: name and method == it and "/" + name in path
    if "careless" in orders:
        environ.pop("HTTP_" + orders["careless"].upper().replace("-", "_"), None)
    if is_of("PUT", orders.get("refuse")) or is_of("GET", orders.get("withhold")):
        say(method, path, "403")
        return refusal(start_response, "403 Forbidden", "AccessDenied", "Access Denied")
    if is_of("GET", orders.get("hold")):
        held.set()
        let_go.wait()
    lost = is_of("PUT", orders.get("lose"))

    def answer(status, headers, info=None):
        say(method, path, status.split()[0])
        if lost and status.startswith("200"):
            del orders["lose"]
            status = "500 Internal Server Error"
        return start_response(status, headers, info)

    return moto(environ, answer)


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


def guard(url):
    """Makes a user who may do all, and has moto check signatures from then on."""
    iam = boto3.client("iam", endpoint_url=url)
    iam.create_user(UserName="twsync")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    iam.put_user_policy(UserName="twsync", PolicyName="all", PolicyDocument=policy)
    key = iam.create_access_key(UserName="twsync")["AccessKey"]
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    return key["AccessKeyId"], key["SecretAccessKey"]


server = make_server("127.0.0.1", 0, storage, threaded=True, request_handler=Quiet)
url = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()
boto3.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
say(url)
for line in sys.stdin:
    order, _, name = line.strip().partition(" ")
    if order == "well":
        orders.clear()
        let_go.set()
    elif order == "held":
        held.wait()
    elif order == "guarded":
        say("done", *guard(url))
        continue
    elif order == "google":
        google = Google()
        say("done", google.service_account())
        continue
    elif order == "folder":
        boto3.client("s3", endpoint_url=url).put_object(Bucket=BUCKET, Key=f"{name}/")
    else:
        orders[order] = name
        if order == "hold":
            held.clear()
            let_go.clear()
    say("done")
