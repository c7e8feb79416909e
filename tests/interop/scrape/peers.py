"""peers: what the scraping tests need at the other end: a running seismesh, a server of pages, an API server."""
import atexit
import gzip
import http.server
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.request

PROGRAM = os.environ.get("SEISMESH", "build/release/seismesh")
RESULTS = []
RUNNING = []
WORK = tempfile.TemporaryDirectory()
tempfile.tempdir = WORK.name  # all that is made goes with it


@atexit.register
def clean_up():
    for process in RUNNING:
        process.kill()
        process.wait()
    WORK.cleanup()


def claim(name, fine, detail=""):
    RESULTS.append(fine)
    print(f"{'ok  ' if fine else 'FAIL'} {name}" + ("" if fine else f": {detail}"), flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, seconds=20):
    """Asks until there is a true answer; returns the last one."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.1)


class Server(http.server.ThreadingHTTPServer):
    """Answers GET by `answer(path, headers)` -> (status, headers, body)."""
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answer, address="127.0.0.1", port=0, tls=None):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, headers, body = outer.answer(self.path, self.headers)
                if callable(body):  # writes by itself
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Connection", "close")
                    self.end_headers()
                    body(self.wfile)
                    self.close_connection = True
                    return
                body = body.encode() if isinstance(body, str) else body
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.answer = answer
        super().__init__((address, port), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that goes is part of the tests

    @property
    def at(self):
        return f"{self.server_address[0]}:{self.server_address[1]}"


class Seismesh:
    """The program with a `scrape:` section."""

    def __init__(self, scrape, otlp=False, data=None, more=""):
        self.folder = data or tempfile.mkdtemp()
        self.port, self.otlp = free_port(), free_port() if otlp else 0
        self.config = os.path.join(self.folder, "config.yaml")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(f'listen: {{otlp_grpc: "", otlp_http: "{f"127.0.0.1:{self.otlp}" if otlp else ""}", web: "127.0.0.1:{self.port}"}}\n'
                      f"data: {self.folder}/data\n{more}\n" + ("scrape: " + json.dumps(scrape) + "\n" if scrape else ""))
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.start()

    def start(self):
        self.process = subprocess.Popen([PROGRAM, "serve", "--config", self.config], stderr=self.log)
        RUNNING.append(self.process)
        if not until(self.ready):
            with open(self.log.name, encoding="utf-8", errors="replace") as log:
                raise RuntimeError("seismesh did not start: " + log.read()[-1000:])

    def ready(self):
        try:
            return self.get("/readyz") is not None
        except OSError:
            return False

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            text = answer.read().decode()
        return json.loads(text) if path.startswith("/api") else text

    def targets(self):
        return {t["instance"]: t for t in self.get("/api/v1/status")["scrape"]["targets"]}

    def discovery(self):
        return " ".join(d["error"] for d in self.get("/api/v1/status")["scrape"]["discovery"])

    def counter(self, name):
        found = re.search(r"^" + re.escape(name) + r" (\S+)$", self.get("/metrics"), re.M)
        return float(found.group(1)) if found else 0.0

    def graph(self, seconds=600):
        now = int(time.time() * 1000)
        return self.get(f"/api/v1/graph?start={now - seconds * 1000}&end={now + 20000}&limit=1000")

    def requests(self, node):
        for n in self.graph()["nodes"]:
            if n["id"] == node:
                return n["golden"]["requests"]
        return 0

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=30)


def page_server(pages, headers=None):
    """Serves pages by path; a value may be a function."""
    def answer(path, _):
        page = pages.get(path)
        if page is None:
            return 404, {}, "no such page"
        return 200, headers or {"Content-Type": "text/plain; version=0.0.4"}, page() if callable(page) else page
    return Server(answer)


def zipped(body):
    return gzip.compress(body.encode())


def job(targets, **more):
    return {"job_name": more.pop("name", "job"), "static_configs": [{"targets": targets}], **more}


def scrape(*jobs, interval="200ms"):
    return {"scrape_interval": interval, "scrape_timeout": interval, "scrape_configs": list(jobs)}
