"""floods.py: N1, bombs in every coding; N2, what HTTP/2 allows and nobody needs."""
import gzip
import io
import socket
import struct
import threading
import time
import zlib

from clients import at, probe
from kit import MIB, cpu_s, forget_peak, memory_mib, post, status_of, until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 8, 9


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def gzip_zeros(size):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9) as packer:
        zeros = bytes(MIB)
        for _ in range(size // MIB):
            packer.write(zeros)
    return out.getvalue()


def zstd_zeros(size):
    """Frames of run-length blocks (RFC 8878, 3.1.1.2): 128 KiB of zeros in four bytes."""
    block = 128 * 1024
    head = b"\x28\xb5\x2f\xfd" + bytes([0x00, 0x58])  # window of 2 MiB, no content size
    blocks = size // block
    run = struct.pack("<I", block << 3 | 1 << 1)[:3] + b"\0"
    last = struct.pack("<I", block << 3 | 1 << 1 | 1)[:3] + b"\0"
    return head + run * (blocks - 1) + last


def bombs(short):
    size = (256 if short else 1024) * MIB
    zeros = gzip_zeros(size)
    return {"gzip": ("gzip", zeros), "gzip in gzip": ("gzip", gzip.compress(zeros, 9)),
            "many gzip members": ("gzip", gzip.compress(bytes(1000), 9) * 100000), "deflate": ("deflate", zlib.compress(bytes(size), 9)),
            "zstd": ("zstd", zstd_zeros(size)), "zstd that lies about its size": ("zstd", b"\x28\xb5\x2f\xfd\xe0" + bytes([255] * 8) + b"\1\0\0")}


def n1(bench):
    limit = 64
    server = bench.server("bombs", "--limits.request_bytes", f"{limit}MiB")
    server.start()
    server.wait_ready()
    made = bombs(bench.options.short)
    post(server, b"")
    for name, (coding, body) in made.items():
        before = memory_mib(server)
        forget_peak(server)
        began = cpu_s(server)
        status, headers = post(server, body, Content_Encoding=coding)
        spent, risen = cpu_s(server) - began, memory_mib(server, "VmHWM") - before
        bench.claim(f"{name}: refused for good, within twice the limit of a body",
                    status in (400, 413, 415) and "Retry-After" not in headers and risen <= 2 * limit,
                    f"{status}, {len(body) / MIB:.1f} MiB on the wire, {risen:.0f} MiB more, {spent * 1e3:.0f} CPU-ms")
    bench.claim("and the next request is served", post(server, b"")[0] == 200)
    server.stop()


def literal(name, value):
    """An HPACK header that goes into the peer's table (RFC 7541, 6.2.1)."""
    return b"\x40" + bytes([len(name)]) + name + bytes([len(value)]) + value


REQUEST = b"\x83\x86\x44\x01/\x41\x01x"  # POST, http, path "/", authority "x"


def rapid_reset(number):
    stream = 2 * number + 1
    return frame(HEADERS, 4, stream, REQUEST) + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))


def hpack_bomb(number):
    return frame(HEADERS, 4, 2 * number + 1, REQUEST + literal(b"x-a", b"a" * 120) * 8 + b"\xbe" * 8000)


FLOODS = {"rapid reset": rapid_reset, "SETTINGS": lambda n: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535 + n % 9)),
          "PING": lambda n: frame(PING, 0, 0, struct.pack(">Q", n)),
          "CONTINUATION": lambda n: frame(HEADERS, 0, 1, REQUEST) if n == 0 else frame(CONTINUATION, 0, 1, literal(b"x", b"a" * 100) * 10),
          "empty DATA": lambda n: frame(HEADERS, 4, 1, REQUEST) if n == 0 else frame(DATA, 0, 1),
          "PRIORITY": lambda n: frame(PRIORITY, 0, 2 * n + 1, struct.pack(">IB", 0, 9)),
          "WINDOW_UPDATE": lambda n: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)),
          "HPACK bomb": hpack_bomb}


def flood(bench, make, seconds):
    """Sends as fast as the server reads. Frames that went out, and seconds until it closed, or None."""
    batches = [b"".join(make(n) for n in range(start, start + 50)) for start in range(0, 20000, 50)]
    peer = socket.create_connection(("127.0.0.1", bench.options.port + 1), timeout=2)
    peer.sendall(PREFACE + frame(SETTINGS, 0, 0))
    began, sent = time.monotonic(), 0
    peer.setblocking(False)
    rest = b""
    while time.monotonic() - began < seconds:
        try:
            if not rest:
                rest = batches[sent // 50 % len(batches)]
                sent += 50
            rest = rest[peer.send(rest):]
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            peer.close()
            return sent, time.monotonic() - began
        try:
            if peer.recv(65536) == b"":
                peer.close()
                return sent, time.monotonic() - began
        except BlockingIOError:
            pass
        except OSError:
            peer.close()
            return sent, time.monotonic() - began
    peer.close()
    return sent, None


def n2(bench):
    server = bench.server("floods")
    server.start()
    server.wait_ready()
    calm, _ = probe(server, 2)
    for name, make in FLOODS.items():
        before, began = memory_mib(server), cpu_s(server)
        seen = []
        watcher = threading.Thread(target=lambda: seen.append(probe(server, 2)[0]))
        watcher.start()
        ends = [flood(bench, make, 2 * bench.options.slack) for _ in range(3)]
        watcher.join()
        slowest = max((99 if end is None else end) for _, end in ends)
        bench.claim(f"{name}: the connection is closed within a second", slowest <= bench.options.slack,
                    f"{slowest:.2f} s, {max(sent for sent, _ in ends)} frames, {cpu_s(server) - began:.2f} CPU-s, "
                    f"others' p99 {at(seen[0], .99):.1f} ms ({at(calm, .99):.1f} before), {memory_mib(server) - before:.0f} MiB more")
    bench.claim("the server lives", until(lambda: status_of(server.url("/readyz"))[0] == 200, 5) is not None)
    server.stop()
