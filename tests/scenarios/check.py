#!/usr/bin/env python3
"""check.py [PROGRAM] [WORD]: `seismesh simulate` and `demo` from outside, and the scenarios against what they claim of themselves.
Python 3, standard library only. The last line is "N passed, N failed"."""
import filecmp
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import run as scorer  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, '../../build/release/seismesh'))
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def check(condition, what=''):
    if not condition:
        raise AssertionError(what)


def program(*arguments, code=0, **options):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120, check=False, **options)
    check(done.returncode == code, f'exit code {done.returncode}, not {code}: {done.stderr[-500:]}')
    return done


def scenario(name):
    return os.path.join(HERE, name + '.yaml')


def place(work, name):
    return os.path.join(work, name)


@test
def the_same_seed_gives_the_same_bytes(work):
    for at, seed in enumerate(['5', '5', '6']):
        program('simulate', scenario('retry-storm-2'), '--seed', seed, '--duration', '3m', '--out', place(work, f'{at}.pb'),
                '--summary', place(work, f'{at}.json'))
    check(filecmp.cmp(place(work, '0.pb'), place(work, '1.pb'), shallow=False), 'the same seed, other bytes')
    check(filecmp.cmp(place(work, '0.json'), place(work, '1.json'), shallow=False), 'the same seed, another summary')
    check(not filecmp.cmp(place(work, '0.pb'), place(work, '2.pb'), shallow=False), 'another seed, the same bytes')


@test
def every_form_of_file_holds_the_same_and_is_read_back(work):
    seen = []
    for name in ('a.pb', 'b.pb.zst', 'c.pb.gz', 'd.jsonl', 'e.jsonl.zst', 'f.jsonl.gz'):
        said = program('simulate', scenario('denied-rpc-ledger'), '--duration', '2m', '--out', place(work, name)).stderr
        program('backtest', place(work, name), '--out', place(work, 'found.json'), '--summary', place(work, 'seen.json'))
        with open(place(work, 'seen.json'), encoding='utf-8') as handle:
            seen.append(json.load(handle))
        counts = f"said {seen[-1]['spans']} spans, {seen[-1]['points']} points"
        check(counts in said, f'{name}: backtest found {counts}, but: {said}')
    check(seen[0]['spans'] > 10000 and seen[0]['points'] > 100, 'too little to compare')
    check(all(one == seen[0] for one in seen), 'files differ by form')


def counted(work, services):
    """Runs two services, and returns the world's totals and the last point of every counter with its labels."""
    path = place(work, 'mesh.yaml')
    with open(path, 'w', encoding='utf-8') as out:
        out.write(f'name: counted\nduration: 5m\nservices:\n{services}traffic: [{{to: front, rate: 40}}]\n'
                  'events: [{at: 200s, surge: 0}]\n')
    program('simulate', path, '--out', place(work, 'out.jsonl'), '--summary', place(work, 'summary.json'))
    with open(place(work, 'summary.json'), encoding='utf-8') as handle:
        totals = json.load(handle)['totals']
    last = {}
    with open(place(work, 'out.jsonl'), encoding='utf-8') as handle:
        for line in handle:
            for resource in json.loads(line).get('resourceMetrics', []):
                for metric in resource['scopeMetrics'][0]['metrics']:
                    for point in metric.get('sum', {}).get('dataPoints', []):
                        labels = {a['key']: a['value']['stringValue'] for a in point['attributes']}
                        last[json.dumps(labels, sort_keys=True)] = (labels, point['asDouble'])
    check(totals['live_calls'] == 0, 'calls on the way at the end')
    return totals, list(last.values())


def count(points, **wanted):
    return sum(v for labels, v in points if all(labels.get(k) == w for k, w in wanted.items()))


@test
def what_proxies_count_is_what_happened(work):
    """The proxies' counters against the world's own totals: every call between services, and nothing twice."""
    for voice, server, client, failed in [
            ('istio_metrics', {'reporter': 'destination'}, {'reporter': 'source'}, {'response_code': '500'}),
            ('linkerd_metrics', {'direction': 'inbound'}, {'direction': 'outbound'}, {'classification': 'failure'})]:
        totals, points = counted(work, f'  front: {{calls: [back], telemetry: [{voice}]}}\n'
                                       f'  back: {{errors: 5%, telemetry: [{voice}, otel_metrics]}}\n')
        check(count(points, **server) == totals['served'], f'{voice}: callees count what was served')
        check(count(points, **client) == totals['calls'] - totals['requests'], f'{voice}: callers count calls')
        check(count(points, **client, **failed) == totals['calls_failed'] - totals['requests_failed'], f'{voice}: failures')


@test
def a_call_that_leaves_its_mesh_is_told_by_both_with_what_each_knows(work):
    totals, points = counted(work, '  front: {calls: [back], telemetry: [istio_metrics]}\n'
                                   '  back: {namespace: far, telemetry: [linkerd_metrics]}\n')
    between = totals['calls'] - totals['requests']
    check(count(points, reporter='source', destination_workload='unknown', destination_service_namespace='far') == between,
          'the caller knows the host only')
    check(count(points, direction='inbound', tls='no_identity', namespace='far') == between, 'the callee knows no caller')
    check(not any('client_id' in labels for labels, _ in points), 'nobody has an identity of the other mesh')


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.server.paths.append(self.path)
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_):
        pass


@test
def a_running_simulation_obeys_actions_and_answers_each(work):
    del work
    lines = ['{"kind": "shift_versions", "service": "fraud", "weights": {"v1": 100, "v2": 0}}',
             '{"kind": "drain_instance", "service": "fraud", "instance": "fraud-v1-2"}',
             '{"kind": "shift_versions", "service": "fruad", "weights": {"v1": 100}}', 'nonsense']
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Receiver) as server:
        server.paths = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = program('simulate', scenario('bad-version-errors-rpc-fraud'), '--to', f'http://127.0.0.1:{server.server_port}',
                       '--speed', 'max', '--duration', '20s', '--actions', '-', input='\n'.join(lines) + '\n')
        server.shutdown()
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    check([a['done'] for a in answers] == [True, True, False, False], f'answers: {answers}')
    check("did you mean 'fraud'?" in answers[2]['what'], answers[2]['what'])
    check('/v1/traces' in server.paths and '/v1/metrics' in server.paths, f'sent to {set(server.paths)}')


@test
def the_demo_finds_its_canary_applies_the_suggestion_and_leaves_nothing(work):
    ports = [word for key in ('listen.web', 'listen.otlp_http', 'listen.otlp_grpc') for word in (f'--{key}', '127.0.0.1:0')]
    done = program('demo', '--once', '--speed', '15', *ports, env={**os.environ, 'TMPDIR': work})
    check('incident: money/payments' in done.stdout, done.stdout) # which version may be seen a bucket later
    check('applied to the simulated mesh: versions of payments have new weights' in done.stdout, done.stdout)
    check('the incident is over' in done.stdout, done.stdout)
    check(os.listdir(work) == [], f'left behind: {os.listdir(work)}')


@test
def misuse_is_answered_with_a_sentence(work):
    bad = place(work, 'bad.yaml')
    with open(bad, 'w', encoding='utf-8') as out:
        out.write('name: bad\nservices:\n  a: {tiem: 1s}\n')
    good, wrong = scenario('quiet-small'), place(work, 'wrong.jsonl')
    with open(wrong, 'w', encoding='utf-8') as out:
        out.write('{"kind": "reset", "service": "back", "at": "5s"}\n{"kind": "reset", "service": "bakc"}\n')
    for arguments, words in [((), 'one scenario is wanted'), ((good,), 'where to?'),
                             ((good, '--out', 'x', '--speed', '2'), '--speed goes with --to'),
                             ((good, '--summary', '-', '--actions', wrong), 'line 2: there is no service \'bakc\''),
                             ((good, '--summary', '-', '--seed', 'x'), '--seed is a whole number'),
                             ((good, '--summary', '-', '--duration', 'soon'), '--duration is a time such as'),
                             ((good, '--to', 'http://h', '--speed', '0'), '--speed is how many times'),
                             ((place(work, 'none.yaml'), '--summary', '-'), 'No such file'),
                             ((good, '--out', place(work, 'no/such/folder')), 'cannot write'),
                             ((good, '--out', place(work, 'traces.pb')), 'would be read as holding only traces'),
                             ((bad, '--summary', '-'), "line 3: a service has no key 'tiem'; did you mean 'time'?")]:
        done = program('simulate', *arguments, code=2)
        check(words in done.stderr and len(done.stderr.strip().splitlines()) == 1, f'{arguments}: {done.stderr}')


@test
def the_generator_writes_the_scenarios_that_are_here(work):
    subprocess.run([sys.executable, os.path.join(HERE, 'generate.py'), work], check=True, capture_output=True)
    ours = sorted(f for f in os.listdir(HERE) if f.endswith('.yaml'))
    theirs = sorted(f for f in os.listdir(work) if f.endswith('.yaml'))
    check(len(ours) >= 60, f'{len(ours)} scenarios')
    check(ours == theirs, f'not the same files: {set(ours) ^ set(theirs)}')
    check(not filecmp.cmpfiles(HERE, work, ours, shallow=False)[1], 'files differ: run generate.py')


@test
def each_fault_hurts_users_and_each_cure_heals_them(work):
    del work
    done = subprocess.run([sys.executable, os.path.join(HERE, 'run.py'), '--program', PROGRAM, '--cures'],
                          capture_output=True, text=True, check=False)
    failed = [line for line in done.stdout.splitlines() if line.startswith('FAIL')]
    check(done.returncode == 0, '; '.join(failed) or done.stderr)


@test
def scenarios_drawn_by_chance_hold_and_bad_versions_among_them_are_found(work):
    for again in ('a', 'b'):
        subprocess.run([sys.executable, os.path.join(HERE, 'draw.py'), place(work, again), '--program', PROGRAM, '--count', '4',
                        '--seed', '11', '--kind', 'bad_version'], check=True, capture_output=True)
    drawn = sorted(os.listdir(place(work, 'a')))
    check(len(drawn) == 4 and drawn == sorted(os.listdir(place(work, 'b'))), f'{drawn}')
    check(not filecmp.cmpfiles(place(work, 'a'), place(work, 'b'), drawn, shallow=False)[1], 'the same seed draws others')
    options = type('Options', (), {'program': PROGRAM})
    for name in drawn:
        result = scorer.run_analyzer(options, os.path.join(work, 'a', name), None, work)
        check(result['detected'] and result['top1'], f'{name}: {result}')


@test
def gross_faults_are_found_and_named_and_calm_is_kept(work):
    options = type('Options', (), {'program': PROGRAM})
    for name in ('bad-version-errors-chain-stock', 'bad-instance-shop-cart', 'slow-dependency-chain-store'):
        result = scorer.run_analyzer(options, scenario(name), None, work)
        check(result['detected'] and result['top1'] and result['false'] == 0, f'{name}: {result}')
    for name in ('client-misbehaves-rpc', 'deploy-without-effect-chain', 'surge-within-capacity-fan'):
        result = scorer.run_analyzer(options, scenario(name), None, work)
        check(result['false'] == 0, f'{name}: {result}')


def main(tests):
    passed = failed = 0
    for function in tests:
        if len(sys.argv) > 2 and sys.argv[2] not in function.__name__:
            continue
        with tempfile.TemporaryDirectory() as work:
            try:
                function(work)
                passed += 1
                print(f'ok   {function.__name__}')
            except (AssertionError, subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
                failed += 1
                print(f'FAIL {function.__name__}: {error}')
        sys.stdout.flush()
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(TESTS))
