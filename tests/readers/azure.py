"""An object storage that speaks Azure's language, on loopback, with one container: `customers`.

    python azure.py …/azurite-blob

Azurite, Microsoft's own emulator, does the work. It says an address, an account and
its key on its first line, and ends when its input does.
"""

import base64
import email.utils
import hashlib
import hmac
import subprocess
import sys
import tempfile
import urllib.request

# The account that every Azurite has; its key is in the documentation and opens nothing else.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTAINER = "customers"
VERSION = "2023-11-03"


def make_container(url):
    """Asks for it, signed as Azure's documentation says: the request's own line, its headers, its path."""
    date = email.utils.formatdate(usegmt=True)
    headers = {"x-ms-date": date, "x-ms-version": VERSION, "Content-Length": "0"}
    own = "".join(f"{name}:{headers[name]}\n" for name in ("x-ms-date", "x-ms-version"))
    said = "PUT" + "\n" * 12 + own + f"/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container"
    signature = hmac.new(base64.b64decode(KEY), said.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}"
    address = f"{url}/{ACCOUNT}/{CONTAINER}?restype=container"
    urllib.request.urlopen(urllib.request.Request(address, method="PUT", headers=headers)).close()


options = ["--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent"]
with tempfile.TemporaryDirectory() as folder:
    azurite = subprocess.Popen([sys.argv[1], *options], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        url = next(line.split()[-1] for line in azurite.stdout if "successfully listens on" in line)
        make_container(url)
        print(f"{url}/{ACCOUNT}", ACCOUNT, KEY, flush=True)
        sys.stdin.read()
    finally:
        azurite.terminate()
        azurite.wait()
