"""jaeger_check.py SEISMESH_OTLP JAEGER_QUERY SEISMESH_WEB: sends traces to one, looks for them in the other."""
import json
import sys
import time
import urllib.request

TRACES, REQUESTS = 200, 20
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def text(key, value):
    return {'key': key, 'value': {'stringValue': value}}


def span(trace, number, name, kind, parent, start_ns):
    return {
        'traceId': f'{trace:032x}', 'spanId': f'{trace * 16 + number:016x}',
        'parentSpanId': f'{trace * 16 + parent:016x}' if parent else '', 'name': name, 'kind': kind,
        'startTimeUnixNano': str(start_ns + number * 1000), 'endTimeUnixNano': str(start_ns + 5_000_000),
        'attributes': [text('http.route', '/<b>é</b>')],
    }


def request_of(traces, now_ns):
    def resource(service, spans):
        return {'resource': {'attributes': [text('service.name', service)]}, 'scopeSpans': [{'spans': spans}]}
    front = [s for t in traces for s in (span(t, 1, 'GET /', 2, 0, now_ns), span(t, 2, 'cart', 3, 1, now_ns))]
    return {'resourceSpans': [resource('front', front), resource('cart', [span(t, 3, 'GET /cart', 2, 2, now_ns) for t in traces])]}


def get(url):
    with opener.open(url, timeout=20) as answer:
        return answer.read().decode()


def main():
    otlp, jaeger, web = sys.argv[1:]
    now_ns = time.time_ns() - 1_000_000_000
    for number in range(REQUESTS):
        traces = range(1 + number * TRACES // REQUESTS, 1 + (number + 1) * TRACES // REQUESTS)
        body = json.dumps(request_of(traces, now_ns)).encode()
        opener.open(urllib.request.Request(otlp + '/v1/traces', body, {'Content-Type': 'application/json'}), timeout=20).close()
    found = {}
    for _ in range(100):
        time.sleep(0.2)
        answer = json.loads(get(f'{jaeger}/api/traces?service=front&limit={TRACES * 2}&lookback=1h'))
        found = {t['traceID'].zfill(32): t for t in answer['data']}
        if len(found) == TRACES and all(len(t['spans']) == 3 for t in found.values()):
            break
    failures = [line for line in get(web + '/metrics').splitlines()
                if line.startswith('seismesh_forward') and 'dropped' in line and not line.endswith(' 0')]
    wanted = {f'{t:032x}' for t in range(1, TRACES + 1)}
    wrong = [t for t, trace in found.items()
             if len(trace['spans']) != 3 or {p['serviceName'] for p in trace['processes'].values()} != {'front', 'cart'}]
    ok = set(found) == wanted and not wrong and not failures
    print(f'{"ok  " if ok else "FAIL"} {len(found)} of {TRACES} traces in Jaeger, {len(wrong)} not whole, dropped: {failures}')
    print(f'{int(ok)} passed, {int(not ok)} failed')
    sys.exit(0 if ok else 1)


main()
