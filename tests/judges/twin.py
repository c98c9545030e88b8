"""Starts the provider twin for a judge and speaks to its admin side."""

import json
import subprocess
import urllib.request

API_KEY = "sk_test_judge"


class Twin:
    """A twin of its own for one judge; ends with it."""

    def __init__(self, binary, *arguments):
        command = [binary, "--port", "0", "--api-key", API_KEY, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit(f"the twin did not start: {line!r}")
        self.base = line.split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def admin(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}/_twin/{path}", data=data, method=method)
        request.add_header("Authorization", f"Bearer {API_KEY}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
