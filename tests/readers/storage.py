"""An object storage that speaks S3, on loopback, with one bucket: `customers`.

It says its address on its first line, then each request that it answered: method, path, status. It ends when
its input does. A line of input tells it what to do:

    lose NAME       the next PUT of an object of that name is taken, and answered with 500
    refuse NAME     every PUT of an object of that name is answered with 403
    withhold NAME   every GET of an object of that name is answered with 403
    hold NAME       whoever GETs an object of that name waits until all is well
    held            it says `done` as soon as somebody waits so
    careless NAME   requests' headers If-Match or If-None-Match, whichever is named, are not seen from now on
    guarded         signatures are checked from now on; it says a key and its secret, which may do all
    folder NAME     makes the empty object that consoles show as a folder
    well            it is as it was at the start

It answers each with the line `done`, and what else there is to say behind it.
"""

import json
import os
import sys
import threading

os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "anybody"
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"

import boto3
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


def storage(environ, start_response):
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    is_of = lambda it, name: name and method == it and path.endswith("/" + name)
    if "careless" in orders:
        environ.pop("HTTP_" + orders["careless"].upper().replace("-", "_"), None)
    if is_of("PUT", orders.get("refuse")) or is_of("GET", orders.get("withhold")):
        say(method, path, "403")
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]
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
    elif order == "folder":
        boto3.client("s3", endpoint_url=url).put_object(Bucket=BUCKET, Key=f"{name}/")
    else:
        orders[order] = name
        if order == "hold":
            held.clear()
            let_go.clear()
    say("done")
