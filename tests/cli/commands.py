"""The command line, seen from outside: exit codes, sentences, outputs. Python 3, standard library only.

    python3 tests/cli/commands.py PROGRAM [WORD]      only tests whose name contains WORD

Servers that replay and suggestions talk to are small ones of this file, on ports that the system chooses.
"""
import gzip
import http.server
import json
import os
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import yaml

PROGRAM = os.path.abspath(sys.argv[1])
SECOND = 1_000_000_000
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def run(*arguments, stdin=b"", env=None, timeout=60):
    """Runs the program; returns (exit code, stdout, stderr) as text."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SEISMESH_")}
    clean.update(env or {})
    done = subprocess.run([PROGRAM, *arguments], input=stdin, capture_output=True, env=clean, timeout=timeout)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check(condition, what=""):
    if not condition:
        raise AssertionError(what)


def refuses(*arguments, saying, code=2, **options):
    got, out, err = run(*arguments, **options)
    check(got == code, f"exit code {got}, not {code}; said: {err or out}")
    for words in [saying] if isinstance(saying, str) else saying:
        check(words in err, f"did not say '{words}' but: {err}")
    check(len(err.strip().splitlines()) == 1, f"more than one line: {err}")


def write(name, content):
    path = os.path.join(PLACE.name, name)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path


# ---- a server to send to ----

class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what it is sent; `answers` is a list of (code, headers, body) to give first."""

    def __init__(self, answers=()):
        super().__init__(("127.0.0.1", 0), ReceiverHandler)
        self.answers, self.requests, self.connections = list(answers), [], 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class ReceiverHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        code, headers, answer = self.server.answers.pop(0) if self.server.answers else (200, {}, b"")
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET = answer

    def log_message(self, *_):
        pass


def traces(*ends_s, name="span"):
    spans = [{"traceId": "%032x" % (i + 1), "spanId": "%016x" % (i + 1), "name": name, "kind": 2,
              "startTimeUnixNano": str(int(end * SECOND) - 1000), "endTimeUnixNano": str(int(end * SECOND))}
             for i, end in enumerate(ends_s)]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n"


def metrics(*times_s):
    points = [{"timeUnixNano": str(int(time_s * SECOND)), "asDouble": 1} for time_s in times_s]
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "cpu", "gauge": {"dataPoints": points}}]}]}]}) + "\n"


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def block(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def span_request(end_s):
    span = block(1, b"\1" * 16) + block(2, b"\2" * 8) + block(5, b"n") + varint(7 << 3 | 1) + struct.pack(
        "<Q", int(end_s * SECOND) - 5) + varint(8 << 3 | 1) + struct.pack("<Q", int(end_s * SECOND))
    return block(1, block(2, block(2, span)))


# ---- help, version ----

@test
def help_lists_every_command_and_explains_each():
    code, out, _ = run("help")
    check(code == 0)
    names = re.findall(r"^  ([a-z-]+) +\S", out, re.M)
    check(names[0] == "serve" and "replay" in names and "help" in names, out)
    for name in names:
        code, text, _ = run("help", name)
        check(code == 0 and text.startswith(f"usage: seismesh {name}"), name)
        check(run(name, "--help")[1] == text, f"{name} --help")
    check(run("--help")[1] == out and run("-h")[1] == out)


@test
def without_a_command_help_is_printed_and_the_code_is_2():
    code, out, _ = run()
    check(code == 2 and out.startswith("seismesh feels"))


@test
def unknown_commands_and_arguments_are_refused():
    refuses("srve", saying=["there is no command 'srve'", "seismesh help"])
    refuses("help", "srve", saying="there is no command 'srve'")
    refuses("version", "x", saying="takes no argument")


@test
def version_is_the_makefiles():
    with open("Makefile") as makefile:
        version = re.search(r"^VERSION := (\S+)", makefile.read(), re.M).group(1)
    check(run("version") == (0, f"seismesh {version}\n", ""))
    check(run("--version")[1] == f"seismesh {version}\n")


@test
def the_manual_page_is_in_step_with_help():
    with open("docs/seismesh.1") as page:
        manual = page.read()
    for name in re.findall(r"^  ([a-z-]+) +\S", run("help")[1], re.M):
        check(f".It Cm {name}\n" in manual, f"the manual does not explain {name}")
        check(f".Cm {name}\n" in manual.split(".Sh DESCRIPTION")[0], f"the synopsis lacks {name}")
        for option in re.findall(r"--([a-z]+)\b", run("help", name)[1]):
            check(f"Fl Fl {option}" in manual, f"the manual does not explain --{option}")


@test
def output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "help", "config"], stdout=full, stderr=subprocess.PIPE)
    check(done.returncode == 1 and b"standard output" in done.stderr)


# ---- configuration ----

@test
def the_described_configuration_is_accepted():
    code, out, _ = run("help", "config")
    check(code == 0 and "limits:" in out)
    path = write("described.yaml", out)
    check(run("check-config", path) == (0, f"{path}: fine\n", ""))


@test
def mistakes_in_a_configuration_name_the_line():
    path = write("wrong.yaml", "data: x\nlimits:\n  nmaes: 5\n")
    refuses("check-config", path, saying=[f"{path}:3:", "limits.nmaes", "is limits.names meant"])
    refuses("serve", "--config", path, saying=[f"{path}:3:", "limits.nmaes"])
    refuses("check-config", write("list.yaml", "data: [a, b]\n"), saying=":1:")
    refuses("check-config", "/nowhere.yaml", saying=["/nowhere.yaml", "No such file"])
    refuses("check-config", saying="give one file")
    refuses("check-config", "--quick", path, saying="--quick")


# ---- the store ----

@test
def backup_and_check_refuse_what_they_cannot_do():
    nothing = os.path.join(PLACE.name, "nothing")
    refuses("check", "--data", nothing, saying=["there is no store at", "--data"])
    refuses("check", "--data", nothing, "more", saying="more")
    refuses("check", "--depth", "3", saying="depth")
    refuses("backup", saying="give one directory")
    refuses("backup", os.path.join(PLACE.name, "to"), "--data", nothing, saying=["there is no store at", "--data"])
    refuses("backup", os.path.join(PLACE.name, "to"), "--server", "http://127.0.0.1:9", code=1, saying="127.0.0.1:9")
    check(not os.path.exists(os.path.join(PLACE.name, "to")), "the destination was made all the same")


@test
def mistakes_in_dialects_name_the_line_of_the_file():
    path = write("dialect.yaml", "data: x\ndialects:\n  - name: shop\n    span:\n      - {key: a, role: emperor}\n")
    refuses("check-config", path, saying=[path, "line 5", "emperor"])
    good = write("good.yaml", "dialects:\n  - name: shop\n    span:\n      - {key: a, role: peer}\ndata: x\n")
    check(run("check-config", good)[0] == 0, run("check-config", good)[2])
    check(run("check-config", "datasets/incidents.yaml")[0] == 0, run("check-config", "datasets/incidents.yaml")[2])


@test
def mistakes_in_variables_and_flags_are_named():
    refuses("serve", env={"SEISMESH_LIMITS_NMAES": "5"}, saying=["SEISMESH_LIMITS_NMAES", "SEISMESH_LIMITS_NAMES"])
    refuses("serve", "--limits.names", "many", saying=["--limits.names", "whole number"])
    refuses("serve", "--limits.names", saying="--limits.names needs a value")
    refuses("serve", "somewhere", saying="somewhere")


# ---- detect ----

@test
def detect_adds_a_score_to_every_line_and_keeps_the_header():
    rows = ["timestamp,value"] + [f"2014-04-01 {i // 12:02}:{i % 12 * 5:02}:00,{20 + i % 3}" for i in range(200)]
    code, out, err = run("detect", stdin="\n".join(rows).encode())
    check(code == 0, err)
    lines = out.splitlines()
    check(lines[0] == "timestamp,value,anomaly_score" and len(lines) == len(rows))
    for row, line in zip(rows[1:], lines[1:]):
        check(line.startswith(row + ",") and 0 <= float(line[len(row) + 1:]) <= 1, line)


@test
def detect_reads_timestamps_as_they_come():
    for stamp in ["2014-04-01 00:05:00", "2014-04-01T00:05:00Z", "2014-04-01T02:05:00.123+02:00", "1396310700",
                  "1396310700.5", "1396310700000", "1396310700000000000", "2014-04-01", '"2014-04-01 00:05"']:
        code, out, err = run("detect", "--period", "300", stdin=f"{stamp},1.5e3\r\n".encode())
        check(code == 0 and out.startswith(f"{stamp},1.5e3,"), f"{stamp}: {err}")


@test
def detect_names_the_line_that_it_cannot_read():
    good = "timestamp,value\n2014-04-01 00:00:00,1\n"
    for bad, saying in [("2014-02-30 00:00:00,1", "not a timestamp"), ("2014-04-01 00:05:00,much", "not a number"),
                        ("2014-04-01 00:05:00", "not timestamp,value"), ("1,2,3,4", "not"),
                        ("2014-04-01 00:05:00,0x10", "not a number"), ("yesterday,1", "not a timestamp"),
                        ("2014-04-01 00:05:00,inf", "not a number")]:
        refuses("detect", stdin=(good + bad + "\n").encode(), saying=["line 3", saying])
    refuses("detect", stdin=b"", saying="nothing on standard input")
    refuses("detect", "file.csv", saying="detect < file.csv")
    refuses("detect", "--period", "often", stdin=b"1,1\n", saying="--period")
    refuses("detect", "--perod", "5", stdin=b"1,1\n", saying="--perod")


@test
def detect_keeps_lines_without_a_value():
    code, out, _ = run("detect", stdin=b"1396310700,1\n1396310760,\n1396310820,NaN\n1396310880,1\n")
    check(code == 0 and out.splitlines()[1] == "1396310760,,0" and out.splitlines()[2] == "1396310820,NaN,0", out)


# ---- replay ----

@test
def replay_sends_all_files_merged_by_event_time_as_protobuf():
    a = write("a.traces.jsonl", traces(100, 101) + traces(110))
    b = write("b.metrics.jsonl.gz", gzip.compress((metrics(99) + "\n" + metrics(105, 104)).encode()))
    c = write("c-traces.pb", b"".join(varint(len(r)) + r for r in [span_request(102), span_request(120)]))
    with Receiver() as server:
        code, out, err = run("replay", a, b, c, "--to", server.url + "/", "--speed", "max")
        check(code == 0, err)
        check([path for _, path, _, _ in server.requests] ==
              ["/v1/metrics", "/v1/traces", "/v1/traces", "/v1/metrics", "/v1/traces", "/v1/traces"], server.requests)
        check(all(headers["Content-Type"] == "application/x-protobuf" for _, _, headers, _ in server.requests))
        check(server.requests[2][3] == span_request(102) and server.requests[5][3] == span_request(120))
        check(b"cpu" in server.requests[0][3])
        check(server.connections == 1, "the connection is kept")
        check("replayed 6 requests" in out and "5 spans, 3 points" in out, out)


@test
def replay_reads_standard_input():
    with Receiver() as server:
        bare = server.url.removeprefix("http://")  # http is meant when nothing is said
        code, out, _ = run("replay", "-", "--to", bare, "--speed", "max", stdin=traces(1).encode())
        check(code == 0 and len(server.requests) == 1 and "1 spans" in out)


@test
def replay_sends_again_when_asked_and_counts_it():
    answers = [(503, {"Retry-After": "1"}, b""), (429, {}, b""), (502, {}, b""), (504, {}, b"")]
    with Receiver(answers) as server:
        start = time.monotonic()
        code, out, err = run("replay", write("r.jsonl", traces(1)), "--to", server.url, "--speed", "max")
        check(code == 0, err)
        check(len(server.requests) == 5 and len({body for _, _, _, body in server.requests}) == 1)
        check(time.monotonic() - start >= 1, "Retry-After is kept")
        check("sent again 4 times" in out and "1 spans" in out, out)


@test
def replay_goes_on_behind_a_refused_request_and_fails_at_the_end():
    with Receiver([(400, {}, block(2, b"too \x1b[31mbad"))]) as server:
        code, out, _ = run("replay", write("r.jsonl", traces(1) + traces(2)), "--to", server.url, "--speed", "max")
        check(code == 1 and len(server.requests) == 2)
        check("refused: 1 requests" in out and "HTTP 400: too \\x1b[31mbad" in out, out)


@test
def replay_reports_a_partial_success():
    partial = block(1, varint(1 << 3) + varint(1) + block(2, b"1 span in the future"))
    with Receiver([(200, {}, partial)]) as server:
        code, out, _ = run("replay", write("r.jsonl", traces(1, 2, 3)), "--to", server.url, "--speed", "max")
        check(code == 0 and "2 spans" in out and "1 items" in out and "1 span in the future" in out, out)


@test
def replay_paces_by_event_time():
    with Receiver() as server:
        start = time.monotonic()
        code, _, err = run("replay", write("p.jsonl", traces(100) + traces(110)), "--to", server.url, "--speed", "20")
        check(code == 0 and len(server.requests) == 2, err)
        check(time.monotonic() - start >= 0.5, "10 s at speed 20 take half a second")


@test
def replay_is_interrupted_cleanly():
    with Receiver() as server:
        process = subprocess.Popen([PROGRAM, "replay", write("p.jsonl", traces(100) + traces(9999)), "--to", server.url],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not server.requests:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        # Whether the first one's answer had come is chance.
        said = any(out.startswith(b"interrupted after %d requests" % count) for count in (0, 1))
        check(process.returncode == 130 and said and err == b"", (out, err))


@test
def replay_says_what_is_wrong_with_a_recording():
    send = ["--to", "http://127.0.0.1:9", "--speed", "max"]
    refuses("replay", "/nowhere.jsonl", *send, saying=["/nowhere.jsonl", "No such file"])
    refuses("replay", "/tmp", *send, saying=["/tmp", "directory"])
    refuses("replay", write("w.jsonl", '{"resourceSpans": [}\n'), *send, saying="w.jsonl:1:")
    refuses("replay", write("w.jsonl", '\n\n{"hello": 1}\n'), *send, saying=["w.jsonl:3:", "resourceSpans"])
    refuses("replay", write("w.gz", gzip.compress(traces(1).encode())[:60]), *send, saying=["w.gz", "cut short"])
    refuses("replay", write("w.traces.pb", b"\x50\x0a\x03"), *send, saying=["w.traces.pb, message 1", "cut short"])
    with Receiver() as server:
        refuses("replay", write("w.jsonl", traces(1) + "{}{\n"), "--to", server.url, "--speed", "max", code=1,
                saying="w.jsonl:2:")


@test
def replay_says_how_it_is_used():
    path = write("r.jsonl", traces(1))
    refuses("replay", saying="which recordings")
    refuses("replay", path, saying="--to")
    refuses("replay", path, "--to", saying="--to needs a value")
    refuses("replay", path, "--to", "a", "--to", "b", saying="--to is given twice")
    refuses("replay", path, "--to", "ftp://127.0.0.1", saying="ftp://127.0.0.1")
    refuses("replay", path, "--to", "http://127.0.0.1:9", "--speed", "0", saying="--speed")
    refuses("replay", path, "--to", "http://127.0.0.1:9", "--sped", "1", saying="--sped")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refuses("replay", path, "--to", f"127.0.0.1:{unused.getsockname()[1]}", code=1,
                saying=["cannot be reached", "seismesh serve"])


# ---- suggestions ----

SUGGESTION = {"id": "7", "incident": "3", "state": "open", "title": "roll back v2 of \x1b[31mreviews",
              "sentence": "v2 fails 12 % of its requests.", "created_ms": 1700000000000, "confidence": 0.93,
              "capacity": {"fits": True, "sentence": "v1 has borne this load before."},
              "objects": [{"diff": "-    weight: 50\n+    weight: 0"}], "wrong_if": ["v2 holds a migration"],
              "apply": "kubectl apply -f -", "undo": "kubectl rollout undo"}


def as_json(document, code=200):
    return code, {"Content-Type": "application/json"}, json.dumps(document).encode()


@test
def suggestions_are_listed_over_all_pages():
    pages = [as_json({"suggestions": [SUGGESTION], "next": "a b"}),
             as_json({"suggestions": [dict(SUGGESTION, id="8", title="eject a pod")], "next": None})]
    with Receiver(pages) as server:
        code, out, err = run("suggestions", "--server", server.url)
        check(code == 0, err)
        check("roll back v2 of ?[31mreviews" in out and "eject a pod" in out and "93 %" in out, out)
        check("2023-11-14 22:13:20" in out, out)
        check(server.requests[1][1].endswith("cursor=a%20b"), server.requests[1][1])
    with Receiver([as_json({"suggestions": [], "next": None})]) as server:
        check(run("suggestions", "list", "--server", server.url)[1] == "no open suggestions\n")


@test
def a_suggestion_is_shown_with_its_change():
    with Receiver([as_json(SUGGESTION)]) as server:
        code, out, _ = run("suggestions", "show", "7", "--server", server.url)
        check(code == 0 and server.requests[0][1] == "/api/v1/suggestions/7")
        for words in ["+    weight: 0", "kubectl apply", "undo", "v2 holds a migration", "borne this load"]:
            check(words in out, out)
        check("\x1b" not in out)


ACTION = {"kind": "set_timeout", "service": "reviews", "namespace": "shop", "timeout_s": 0.5}
LIVE = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mine, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - retries: {attempts: 3}
    timeout: 9s
    route: [{destination: {host: reviews}}]
"""


@test
def a_suggestion_is_shown_in_another_language():
    with Receiver([as_json(SUGGESTION)]) as server:
        check(run("suggestions", "show", "7", "--as", "linkerd", "--server", server.url)[0] == 0)
        check(server.requests[0][1] == "/api/v1/suggestions/7?as=linkerd", server.requests[0][1])
    written = dict(SUGGESTION, mesh="osm", cannot="it has no request timeout", limits=["whole numbers"],
                   beside={"mesh": "gateway-api", "objects": [{"diff": "+beside"}], "apply": "kubectl b", "undo": ""})
    with Receiver([as_json(written)]) as server:
        out = run("suggestions", "show", "7", "--as", "osm", "--server", server.url)[1]
        for words in ["it has no request timeout", "whole numbers", "The same for gateway-api", "+beside", "kubectl b"]:
            check(words in out, out)
    refuses("suggestions", "show", "7", "--as", "cobol", saying=["cobol", "gateway-api"])
    refuses("suggestions", "list", "--as", "istio", saying="belong to 'show'")


@test
def a_suggestion_is_shown_against_the_live_object():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "live.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(LIVE)
        suggestion = dict(SUGGESTION, mesh="istio", action=ACTION)
        with Receiver([as_json(suggestion)] * 5) as server:
            code, out, err = run("suggestions", "show", "7", "--against", path, "--server", server.url)
            check(code == 0, err)
            changed = [line for line in out.splitlines() if line[:1] in ("+", "-") and line[:3] not in ("+++", "---")]
            check(changed == ['-    timeout: "9s"', '+    timeout: "500ms"'], out)
            check("attempts: 3" in out and "name: mine" in out, out)
            out = run("suggestions", "show", "7", "--as", "kuma", "--against", path, "--server", server.url)[1]
            check("kind: MeshTimeout" in out and "this one is new" in out, out)
            refuses("suggestions", "show", "7", "--against", path + "x", "--server", server.url, code=1, saying="cannot be opened")
            with open(path, "w", encoding="utf-8") as file:
                file.write("a: yes\n")
            refuses("suggestions", "show", "7", "--against", path, "--server", server.url, code=1, saying="line 1")
        with Receiver([as_json(dict(SUGGESTION, action=None))]) as server:
            refuses("suggestions", "show", "7", "--against", path, "--server", server.url, code=1, saying="changes nothing")


KUBECTL = """#!/bin/sh
echo "$@" >> "$ASKED"
[ "$1" = get ] || exit 64
[ ! -e "$ASKED.deny" ] || { echo 'Error from server (Forbidden): virtualservices is forbidden' >&2; exit 1; }
cat "$ASKED.live"
"""


@test
def a_suggestion_is_shown_against_what_the_cluster_holds():
    with tempfile.TemporaryDirectory() as folder:
        asked, tool = os.path.join(folder, "asked"), os.path.join(folder, "kubectl")
        with open(tool, "w", encoding="utf-8") as file:
            file.write(KUBECTL)
        os.chmod(tool, 0o755)
        listed = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(LIVE)]}
        env = {"ASKED": asked, "PATH": folder + ":" + os.environ["PATH"]}

        def show(items, *more):
            with open(asked + ".live", "w", encoding="utf-8") as file:
                json.dump(dict(listed, items=items), file)
            with Receiver([as_json(dict(SUGGESTION, mesh="istio", action=ACTION))]) as server:
                return run("suggestions", "show", "7", "--live", *more, "--server", server.url, env=env)

        code, out, err = show(listed["items"])
        check(code == 0 and "reading: kubectl get" in err, err)
        changed = [line for line in out.splitlines() if line[:1] in ("+", "-") and line[:3] not in ("+++", "---")]
        check(changed == ['-    timeout: "9s"', '+    timeout: "500ms"'], out)
        code, out, err = show([])
        check(code == 0 and "holds no VirtualService" in out and "this one is new" in out, err + out)
        with open(asked, encoding="utf-8") as file:
            check(file.read() == "get -n shop virtualservice.networking.istio.io -o json\n" * 2)
        open(asked + ".deny", "w", encoding="utf-8").close()
        code, out, err = show(listed["items"])
        check(code == 1 and "forbidden" in err and "nothing is compared" in err and "+" not in out, err + out)
        code, out, err = show([], "--as", "traefik-file")
        check(code == 1, out + err)
    refuses("suggestions", "show", "7", "--live", "--against", "x", saying="one of them")
    refuses("suggestions", "list", "--live", saying="belong to 'show'")


@test
def decisions_are_posted_with_the_header_and_the_reason():
    with Receiver([as_json(SUGGESTION), as_json(SUGGESTION)]) as server:
        check(run("suggestions", "accept", "7", "--server", server.url)[0] == 0)
        check(run("suggestions", "dismiss", "7/x", "--reason", 'no "thanks"', "--server", server.url)[0] == 0)
        (method, path, headers, body), second = server.requests
        check((method, path, headers["X-Seismesh"], json.loads(body)) == ("POST", "/api/v1/suggestions/7/accept", "1", {}))
        check(second[1] == "/api/v1/suggestions/7%2Fx/dismiss" and json.loads(second[3]) == {"reason": 'no "thanks"'})


@test
def the_servers_errors_are_passed_on():
    with Receiver([as_json({"error": {"code": "not_found", "message": "there is no suggestion 9"}}, 404)]) as server:
        refuses("suggestions", "show", "9", "--server", server.url, code=1, saying="there is no suggestion 9")
    with Receiver([(200, {}, b"<html>")]) as server:
        refuses("suggestions", "--server", server.url, code=1, saying="not as seismesh does")
    refuses("suggestions", "--server", "http://127.0.0.1:9", code=1, saying=["cannot be reached", "seismesh serve"])
    refuses("suggestions", "approve", "9", saying="approve")
    refuses("suggestions", "show", saying="show which one")


# ---- canary ----

def verdict(name):
    return as_json({"verdict": name, "sentence": "v2 of \x1b[31mcart: 12 of 1,940 requests."})


@test
def the_verdict_on_a_canary_is_the_exit_code():
    for name, expected in [("pass", 0), ("fail", 1), ("not_enough_data", 3)]:
        with Receiver([verdict(name)]) as server:
            code, out, _ = run("canary", "shop/cart", "v1", "v2", "--server", server.url)
            check(code == expected and out == name + "\nv2 of ?[31mcart: 12 of 1,940 requests.\n", out)
            check(server.requests[0][:2] == ("GET", "/api/v1/canary?service=shop%2Fcart&baseline=v1&canary=v2"))


@test
def what_a_canary_is_asked_with_is_passed_on():
    with Receiver([verdict("pass"), verdict("pass"), verdict("maybe")]) as server:
        code, out, _ = run("canary", "s", "a&b", "v 2", "--last", "10m", "--error-points", "1", "--alpha=0.05",
                           "--confidence", "0.9", "--latency-factor", "1.5", "--json", "--server", server.url)
        check(code == 0 and json.loads(out)["verdict"] == "pass")
        path = server.requests[0][1]
        for words in ["baseline=a%26b", "canary=v%202", "start=-10m", "error_points=1", "alpha=0.05", "confidence=0.9",
                      "latency_factor=1.5"]:
            check(words in path, path)
        run("canary", "s", "v1", "v2", "--since", "2026-11-25T22:00:00+01:00", "--until", "-5m", "--server", server.url)
        check(server.requests[1][1].endswith("&start=2026-11-25T22%3A00%3A00%2B01%3A00&end=-5m"), server.requests[1][1])
        refuses("canary", "s", "v1", "v2", "--server", server.url, saying="no verdict")


@test
def without_a_verdict_on_a_canary_the_code_is_2():
    with Receiver([as_json({"error": {"code": "not_found", "message": "There is no such service."}}, 404)]) as server:
        refuses("canary", "s", "v1", "v2", "--server", server.url, saying="There is no such service.")
    refuses("canary", "s", "v1", "v2", "--server", "http://127.0.0.1:9", saying=["cannot be reached", "seismesh serve"])
    refuses("canary", "s", "v1", saying="give a service")
    refuses("canary", "s", "v1", "v2", "v3", saying="give a service")
    refuses("canary", "s", "v1", "v2", "--since", "1", "--last", "5m", saying="not both")
    refuses("canary", "s", "v1", "v2", "--alhpa", "1", saying="--alhpa")


def requests_to(version, count, fail_each, bucket, first):
    spans = []
    for i in range(count):
        end = int((first + bucket * 10 + i % 10) * SECOND) + i
        fails = fail_each > 0 and (i + bucket) % fail_each == 0
        spans.append({"traceId": "%032x" % (bucket << 16 | i), "spanId": "%016x" % (bucket << 16 | i), "kind": 2,
                      "name": "GET", "startTimeUnixNano": str(end - 20_000_000 - 100_000 * (i % 50)),
                      "endTimeUnixNano": str(end), "attributes": [
                          {"key": "http.response.status_code", "value": {"intValue": "503" if fails else "200"}}]})
    names = {"service.name": "cart", "service.namespace": "shop", "service.version": version}
    resource = {"attributes": [{"key": k, "value": {"stringValue": v}} for k, v in names.items()]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()


def backup_and_check(data, ask):
    copy = os.path.join(PLACE.name, "copy")
    code, out, err = run("backup", copy, *ask)
    check(code == 0 and "before journal position" in out and copy in out, out + err)
    refuses("backup", copy, *ask, saying="is not an empty directory")
    for directory in (data, copy):
        code, out, _ = run("check", "--data", directory)
        check(code == 0 and "all read back as they were written" in out, out)
    store = sqlite3.connect(os.path.join(copy, "seismesh.sqlite"))
    store.execute("UPDATE span_block SET bytes=zeroblob(50) WHERE id=1")
    store.commit()
    store.close()
    code, out, _ = run("check", "--data", copy)
    check(code == 1 and "damaged: span block 1: it does not read back" in out, out)


@test
def a_running_server_gives_a_verdict_from_spans():
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        otlp, web = (f"127.0.0.1:{free.getsockname()[1]}" for free in (one, other))
    arguments = ["--listen.otlp_grpc", "", "--listen.otlp_http", otlp, "--listen.web", web,
                 "--listen.web_names", "seismesh.observability", "--data", os.path.join(PLACE.name, "canary")]
    daemon = subprocess.Popen([PROGRAM, "serve", *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        line = b"begin"
        while b"page and API at" not in line:
            line = daemon.stderr.readline()
            check(line, "it ended")
        threading.Thread(target=daemon.stderr.read, daemon=True).start()
        first = time.time() // 10 * 10 - 600
        for bucket in range(40):
            for version, count, fail_each in [("v1", 60, 100), ("v2", 30, 100), ("v3", 30, 10)]:
                request = urllib.request.Request(f"http://{otlp}/v1/traces",
                                                 requests_to(version, count, fail_each, bucket, first),
                                                 {"Content-Type": "application/json"})
                urllib.request.urlopen(request).read()
        ask = ["--server", f"http://{web}"]
        while run("canary", "shop/cart", "v1", "v3", *ask)[0] != 1:  # the suite's limit ends it if it never comes
            time.sleep(0.2)
        while run("canary", "shop/cart", "v1", "v2", *ask)[0] != 0:
            time.sleep(0.2)
        code, out, _ = run("canary", "shop/cart", "v1", "v9", *ask)
        check(code == 3 and "it has had no requests" in out, out)
        gate = f"http://{web}/api/v1/canary/gate?service=shop/cart&baseline=v1&canary=v2"
        hook = urllib.request.Request(gate, b'{"name":"cart","phase":"Progressing"}',
                                      {"Content-Type": "application/json", "Host": "seismesh.observability:7117"})
        with urllib.request.urlopen(hook) as answer:
            check(answer.status == 200 and b"v2 of shop/cart passes" in answer.read())
        backup_and_check(os.path.join(PLACE.name, "canary"), ask)
    finally:
        daemon.terminate()
        check(daemon.wait(60) == 0, "it stops cleanly")


# ---- serve and backtest: only what they say when they cannot ----

@test
def serve_refuses_what_it_cannot_use_in_one_sentence():
    free = ["--listen.otlp_grpc", "127.0.0.1:0", "--listen.otlp_http", "127.0.0.1:0", "--listen.web", "127.0.0.1:0"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refuses("serve", *free, "--data", os.path.join(PLACE.name, "d1"), "--listen.otlp_http", address, saying=address)
    blocked = write("not-a-directory", "x")
    refuses("serve", *free, "--data", blocked, saying="not-a-directory")


@test
def backtest_says_how_it_is_used():
    refuses("backtest", saying="--out")
    refuses("backtest", "/nowhere.jsonl", "--out", "/dev/null", saying="/nowhere.jsonl")


def main():
    passed = failed = 0
    for function in TESTS:
        if len(sys.argv) > 2 and sys.argv[2] not in function.__name__:
            continue
        try:
            function()
            passed += 1
            print("ok  ", function.__name__, flush=True)
        except Exception as problem:  # a test may fail in any way: all are told, none ends the run
            failed += 1
            print("FAIL", function.__name__, f"({type(problem).__name__}: {problem})", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="seismesh-cli-") as directory:
        PLACE = type("Place", (), {"name": directory})
        sys.exit(main())
