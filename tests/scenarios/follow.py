#!/usr/bin/env python3
"""follow.py [PROGRAM] [WORD]: what comes of a suggestion that is applied to the simulation, as `seismesh backtest` and a daemon
tell it. Python 3, standard library only. The last line is "N passed, N failed"."""
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from check import PROGRAM, check, main, place, program, scorer

TESTS = []
SCENARIO = """name: followed
duration: %s
services:
  front: {time: {median: 3ms, p99: 12ms}, namespace: shop, calls: [cart]}
  cart:
    time: {median: 5ms, p99: 20ms}
    namespace: shop
    versions: {v1: {weight: 80, instances: 3}, v2: {weight: 20, instances: 1}}
traffic:
  - {to: front, rate: 50}
events:
  - {at: 8m, service: cart, version: v2, errors: 40%%, status: 503}
%s"""


def test(function):
    TESTS.append(function)
    return function


def simulate(work, duration='15m', event='', actions=None, out='telemetry.pb'):
    """The simulation into a file; returns its path and its summary."""
    path, out = place(work, 'scenario.yaml'), place(work, out)
    with open(path, 'w', encoding='utf-8') as handle:
        handle.write(SCENARIO % (duration, event))
    more = []
    if actions is not None:
        more = ['--actions', place(work, 'actions.jsonl')]
        with open(more[1], 'w', encoding='utf-8') as handle:
            handle.writelines(json.dumps(action) + '\n' for action in actions)
    return out, scorer.simulate(PROGRAM, path, out, ['--out', out, *more])


def told(work, telemetry):
    """All states of all suggestions that change something, as backtest tells them, in order."""
    program('backtest', telemetry, '--out', place(work, 'found.json'), '--suggestions', place(work, 'suggestions.json'))
    with open(place(work, 'suggestions.json'), encoding='utf-8') as handle:
        return [s for s in json.load(handle) if s['action'] is not None]


def applied(work, **options):
    """The same chances twice: once to hear what is suggested, then with that done 20 s later (and `event`, from a minute
    after it was suggested). Returns the telemetry and when the change was made."""
    telemetry, summary = simulate(work)
    first = told(work, telemetry)[0]
    check(first['kind'] == 'roll_back_version' and first['state'] == 'open', f'suggested: {first}')
    said = scorer.seconds(first['time']) - summary['start_s']
    if 'event' in options:
        options['event'] = options['event'] % (said + 20)
    action = {**first['action'], 'at': f'{said + 20:.0f}s'}
    return simulate(work, actions=[action], **options)[0], (summary['start_s'] + said + 20) * 1000


@test
def a_change_that_helps_is_seen_when_it_was_made_and_verified(work):
    telemetry, made_ms = applied(work)
    states = told(work, telemetry)
    check([s['state'] for s in states] == ['open', 'seen', 'verified'], [s['state'] for s in states])
    seen, verified = states[-1]['seen'], states[-1]['verified']
    check(abs(seen['since_ms'] - made_ms) <= 10000, f"made at {made_ms}, said to show since {seen['since_ms']}")
    check(verified['verdict'] == 'helped' and verified['undo'] is None, verified)
    check(verified['requests'] >= 300 and verified['window']['start_ms'] >= seen['since_ms'] + 30000, verified)
    check(verified['observed']['error_ratio'] < 0.002 < 0.02 < verified['before']['error_ratio'], verified)
    check(verified['predicted']['error_ratio']['high'] < 0.05, verified)
    load = {row['target']: row for row in verified['predicted']['load']}
    check(abs(load['v1']['observed_rate'] - 50) < 5 and load['v2']['observed_rate'] == 0, load)


@test
def a_change_after_which_it_is_worse_is_refuted_with_the_way_back(work):
    telemetry, _ = applied(work, event='  - {at: %.0fs, service: cart, version: v1, errors: 50%%, status: 503}\n')
    last = told(work, telemetry)[-1]
    check(last['state'] == 'refuted' and last['verified']['verdict'] == 'harmed', last)
    check(last['verified']['undo'] == last['undo'] != '', last['verified'])
    check(last['verified']['inside'] is False, last['verified'])


@test
def what_nobody_applies_is_never_seen(work):
    telemetry, _ = simulate(work, duration='45m')
    check({s['state'] for s in told(work, telemetry)} == {'open'}, 'it was seen, though nobody did it')


# ---- a daemon ----

class Daemon:
    def __init__(self, work):
        self.work, self.process = work, None

    def start(self):
        with socket.create_server(('127.0.0.1', 0)) as free:
            self.otlp = f'127.0.0.1:{free.getsockname()[1]}'
        log = open(place(self.work, 'log'), 'ab')
        self.process = subprocess.Popen(
            [PROGRAM, 'serve', '--data', place(self.work, 'data'), '--listen.otlp_grpc', '127.0.0.1:0', '--listen.otlp_http',
             self.otlp, '--listen.web', '127.0.0.1:0'], stderr=log, stdout=log)
        log.close()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with open(place(self.work, 'log'), encoding='utf-8') as handle:
                text = handle.read().split('--- start ---')[-1]
            if 'page and API at ' in text:
                self.web = text.split('page and API at ')[1].split()[0].rstrip('/')
                return
            time.sleep(0.05)
        raise AssertionError('the daemon did not start')

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        with open(place(self.work, 'log'), 'a', encoding='utf-8') as handle:
            handle.write('--- start ---\n')

    def ask(self, path):
        with urllib.request.urlopen(self.web + '/api/v1' + path, timeout=20) as answer:
            return json.load(answer)

    def wait_for(self, what, holds):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if holds():
                    return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.1)
        raise AssertionError(f'waited in vain for {what}')

    def state(self):
        found = [s for s in self.ask('/suggestions')['suggestions'] if s['action'] is not None]
        return found[0]['state'] if found else None


def first_lines(path, out, share):
    """Splits recorded requests, one a line, in two files."""
    with open(path, encoding='utf-8') as handle:
        lines = handle.readlines()
    at = int(len(lines) * share)
    for name, part in ((out + '.1.jsonl', lines[:at]), (out + '.2.jsonl', lines[at:])):
        with open(name, 'w', encoding='utf-8') as handle:
            handle.writelines(part)
    return out + '.1.jsonl', out + '.2.jsonl'


def rounded(document):
    """The API gives ten digits of a number, a file all of them."""
    return json.loads(json.dumps(document), parse_float=lambda text: float(f'{float(text):.8g}'))


@test
def a_daemon_that_is_killed_in_between_verifies_what_backtest_verifies(work):
    telemetry, _ = applied(work, out='telemetry.jsonl')
    expected = told(work, telemetry)[-1]
    seen_part, rest = first_lines(telemetry, place(work, 'part'), 0.66)
    daemon = Daemon(work)
    daemon.start()
    try:
        program('replay', seen_part, '--to', 'http://' + daemon.otlp, '--speed', 'max')
        daemon.wait_for('the change to be seen', lambda: daemon.state() in ('seen', 'verified'))
        check(daemon.state() == 'seen', 'the first part of the telemetry tells it all: the kill would prove nothing')
        daemon.kill()
        daemon.start()
        check(daemon.ask('/track-record')['total']['seen'] == 1, 'forgotten')
        program('replay', rest, '--to', 'http://' + daemon.otlp, '--speed', 'max')
        daemon.wait_for('a verdict', lambda: daemon.state() == 'verified')
        found = daemon.ask('/suggestions?state=verified')['suggestions'][0]
        for key in ('seen', 'verified', 'state'):
            check(rounded(found[key]) == rounded(expected[key]), f'{key}: {found[key]}, not {expected[key]}')
        record = daemon.ask('/track-record')
        check(record['total']['proposed'] == record['total']['helped'] == 1, record)
        said = program('suggestions', 'show', str(found['id']), '--server', daemon.web).stdout
        check('It helped' in said and 'The change shows since' in said, said)
        check('1 verified: 1 helped' in program('suggestions', 'record', '--server', daemon.web).stdout, 'no record')
        run = program('suggestions', 'dry-run', str(found['id']), '--minutes', '10', '--server', daemon.web).stdout
        check('In these 10 minutes' in run and len(run.splitlines()) > 30, run)
    finally:
        daemon.process.kill()
        daemon.process.wait()


if __name__ == '__main__':
    sys.exit(main(TESTS))
