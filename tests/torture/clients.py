"""clients.py: O3, thousands of clients that are slow, silent, or never read."""
import os
import resource
import socket
import threading
import time
import urllib.request

from kit import cpu_s, memory_mib, post

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
BODY = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 100000\r\n\r\n"

# What a client says when it is connected (port offset, bytes), and then, byte by byte, once a second.
KINDS = {"silent": (0, b"", b""), "slow head": (0, b"POST /v1/traces HT", b"TP/1.1\r\nHost: x\r\nX: aaaaaaaaaaaaaaaaaaaaaa"),
         "slow body": (0, BODY, b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "silent HTTP/2": (1, PREFACE, b""),
         "never reads": (2, b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 50, b"")}


def connect(bench, count):
    """Connections of all kinds, in turn; those that the server refuses are fine."""
    kinds, open_ones = list(KINDS.values()), []
    for number in range(count):
        offset, first, drip = kinds[number % len(kinds)]
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            client.settimeout(5)
            client.connect(("127.0.0.1", bench.options.port + offset))
            client.setblocking(False)
            if first:
                client.send(first)
        except OSError:
            pass
        open_ones.append((client, drip))
    return open_ones


def drip_all(clients, stop):
    """A byte a second from each that has one left."""
    second = 0
    while not stop.wait(1):
        for client, drip in clients:
            if second < len(drip):
                try:
                    client.send(drip[second:second + 1])
                except OSError:
                    pass
        second += 1


def probe(server, seconds):
    """How long a good client's requests and a person's questions take meanwhile, in ms: two sorted lists."""
    posts, questions, end = [], [], time.monotonic() + seconds
    while time.monotonic() < end:
        for times, ask in ((posts, lambda: post(server, b"")[0]), (questions, lambda: question(server))):
            began = time.monotonic()
            status = ask()
            times.append((time.monotonic() - began) * 1e3 if status == 200 else float("inf"))
        time.sleep(0.01)
    return sorted(posts), sorted(questions)


def question(server):
    try:
        with urllib.request.urlopen(server.url("/api/v1/services?limit=5"), timeout=5) as answer:
            answer.read()
            return answer.status
    except OSError:
        return 0


def at(times, share):
    return times[min(len(times) - 1, int(len(times) * share))]


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def o3(bench):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(bench.options.clients, hard - 500)
    server = bench.server("clients")
    server.start()
    server.wait_ready()
    before_mib = memory_mib(server)
    calm, _ = probe(server, 2)
    clients = connect(bench, count)
    stop = threading.Event()
    dripping = threading.Thread(target=drip_all, args=(clients, stop))
    dripping.start()
    began_cpu, began = cpu_s(server), time.monotonic()
    posts, questions = probe(server, 5 if bench.options.short else 45)
    cores = (cpu_s(server) - began_cpu) / (time.monotonic() - began)
    held, grown = descriptors(server), memory_mib(server) - before_mib
    stop.set()
    dripping.join()
    bench.claim(f"{count} slow, silent and deaf clients: a good one is served", at(posts, 1) < float("inf"),
                f"requests p99 {at(posts, .99):.1f} ms ({at(calm, .99):.1f} without them), page p99 {at(questions, .99):.1f} ms")
    bench.claim("descriptors are bounded", held <= 2 * 2000 + 600, f"{held} open of {count} that connected")
    bench.claim("memory is bounded", grown <= 64, f"{grown:.0f} MiB more, {cores:.2f} cores")
    for client, _ in clients:
        client.close()
    bench.claim("all is as before when they are gone", post(server, b"")[0] == 200)
    server.stop()
