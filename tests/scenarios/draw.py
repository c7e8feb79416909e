#!/usr/bin/env python3
"""draw.py FOLDER [--count 100] [--seed 1] [--program PATH] [--kind WORD]...

Draws scenarios by chance: meshes of any shape, traffic, dialects, faults and what must not alarm, all of random size.
A drawn fault is kept only when the scenario itself holds (run.py --cures): its users are fine before, are not while it
lasts, and are again after the cure. run.py scores them: `tests/scenarios/run.py --heal FOLDER/*.yaml`.

The scenarios beside this file are chosen; these show what nobody thought of. The same seed draws the same."""
import argparse
import os
import random
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import generate
import run

NAMES = ('accounts auth basket billing booking broker calendar campaigns catalog chat checkout claims comments content '
         'coupons credit currency delivery devices directory discounts documents events export feed files forms fraud '
         'gifts identity images index inventory invoices jobs ledger library limits listing loyalty mail maps media '
         'members menus messages metering notes offers orders partners payments permits phones plans points policies '
         'prices profiles quotas quotes ratings receipts refunds reports returns reviews risk routes rules scores search '
         'seats sessions settings shipments stock streams subscriptions support tags tariffs tasks taxes tenants terms '
         'tickets tokens tours trades tracking users vault vendors vouchers wallets warehouse').split()
VOICES = [['otel_spans', 'otel_gauges'], ['otel_spans'], ['istio_metrics', 'otel_gauges'], ['istio_metrics'],
          ['istio_metrics', 'otel_spans'], ['linkerd_metrics'], ['istio_spans', 'otel_gauges'], ['otel_metrics', 'otel_spans']]
OBJECTIVE_ROOM = 1.35  # users bear so many times the usual 99th percentile


def draw_mesh(chance):
    """(services, entry, rate, how often each service is called per request, who calls whom)."""
    names = chance.sample(NAMES, 16)
    layers = [[names.pop()]]
    for _ in range(chance.randint(1, 4)):
        layers.append([names.pop() for _ in range(chance.choice([1, 1, 2, 2, 3, 4]))][:max(1, len(names) - 4)])
    namespace = chance.choice([None, None, 'prod', 'shop'])
    services, callers = {}, {}
    for depth, layer in enumerate(layers):
        for name in layer:
            median = round(chance.choice([0.6, 2, 5, 9, 16, 30]) * chance.uniform(0.7, 1.4), 2)
            made = generate.service(median, round(median * chance.uniform(2.5, 6), 2),
                                    instances=chance.choice([2, 3, 3, 4, 5, 6]))
            if namespace:
                made['namespace'] = namespace
            if chance.random() < 0.2:
                made['balance'] = chance.choice(['random', 'least_request'])
            if chance.random() < 0.15:
                made['errors'] = f'{chance.uniform(0.02, 0.3):.2f}%'
            services[name] = made
            if depth:
                above = [n for l in layers[max(0, depth - 2):depth] for n in l]
                near = [n for n in above if n in layers[depth - 1]]
                chosen = [chance.choice(near), *([chance.choice(above)] if chance.random() < 0.4 else [])]
                callers[name] = list(dict.fromkeys(chosen))
    for name, froms in callers.items():
        for caller in froms:
            call = {'to': name}
            if chance.random() < 0.4:
                call['timeout'] = chance.choice(['1s', '2s', '3s'])
            if chance.random() < 0.2:
                call['retries'] = chance.choice([1, 2])
            if chance.random() < 0.15:
                call['optional'] = True
            if chance.random() < 0.2:
                call['probability'] = f'{chance.randint(30, 90)}%'
            if services[caller].get('calls') and chance.random() < 0.35:
                call['together'] = True
            services[caller].setdefault('calls', []).append(call)
    entry = layers[0][0]
    flows = {entry: 1.0}
    for layer in layers:
        for name in layer:
            for call in services[name].get('calls', []):
                share = float(call.get('probability', '100%')[:-1]) / 100
                flows[call['to']] = flows.get(call['to'], 0) + flows.get(name, 0) * share
    if chance.random() < 0.6:
        draw_operations(chance, services[entry])
    return services, entry, chance.choice([12, 25, 40, 60, 90, 130]), flows, callers


def draw_operations(chance, service):
    """Some of the entry's calls belong to some of its operations only."""
    calls = service.pop('calls', [])
    words = chance.sample(NAMES, 3)
    made = {f"{chance.choice(['GET', 'POST'])} /{word}": {'share': chance.randint(1, 5), 'calls': []} for word in words}
    for call in calls:
        call.pop('together', None)
        for operation in chance.sample(list(made), chance.choice([1, 2, 3, 3])):
            made[operation]['calls'].append(call)
    service['operations'] = {k: {x: y for x, y in v.items() if y} for k, v in made.items()}


def draw_effect(chance, service, harsh=1.0):
    median = float(service['time']['median'][:-2])
    kind = chance.random()
    if kind < 0.5:
        return {'errors': f'{chance.randint(int(12 * harsh), 90)}%', **({'status': 503} if chance.random() < 0.4 else {})}
    if kind < 0.75:
        return {'delay': f'{chance.choice([150, 300, 500, 900, 1500])}ms'}
    return {'slower': max(3, round(chance.uniform(120, 600) / median))}


class Drawn:
    """One scenario in the making."""

    def __init__(self, chance):
        self.chance = chance
        self.services, self.entry, self.rate, self.flows, self.callers = draw_mesh(chance)
        self.zones = list('abc')[:chance.choice([1, 2, 3, 3])]
        self.voices = chance.choice(VOICES)
        self.duration, self.actions = '16m', []
        self.traffic = [{'to': self.entry, 'rate': self.rate, 'noise': chance.choice(['5%', '10%', '20%'])}]

    def busy(self, least=3.0, inner=False):
        """A service that hears enough for its users to feel it."""
        fit = [n for n, f in self.flows.items() if f * self.rate >= least and not (inner and n == self.entry)]
        return self.chance.choice(fit) if fit else None

    def versions(self, who):
        weight = self.chance.choice([10, 20, 25, 34, 50])
        spare = {50: 3, 34: 2}.get(weight, 1)
        self.services[who].pop('instances', None)
        self.services[who]['versions'] = {'v1': {'weight': 100 - weight, 'instances': self.chance.randint(2, 5)},
                                          'v2': {'weight': weight, 'instances': spare}}


def bad_version(d):
    who = d.busy(5)
    d.versions(who)
    return ([{'at': '10m', 'service': who, 'version': 'v2', **draw_effect(d.chance, d.services[who])}],
            generate.must('bad_version', {'service': who, 'version': 'v2'}, cure=generate.back(who)))


def instance_of(d, who):
    return f"{who}-v1-{d.chance.randint(1, d.services[who]['instances'])}"


def bad_instance(d):
    who = d.busy(5)
    instance = instance_of(d, who)
    return ([{'at': '10m', 'service': who, 'instance': instance, **draw_effect(d.chance, d.services[who])}],
            generate.must('bad_instance', {'service': who, 'instance': instance},
                          cure={'kind': 'drain_instance', 'service': who, 'instance': instance}))


def black_hole(d):
    who = d.busy(5, inner=True)
    instance = instance_of(d, who)
    return ([{'at': '10m', 'service': who, 'instance': instance, 'blackhole': True}],
            generate.must('black_hole', {'service': who, 'instance': instance}, also=d.callers.get(who, []),
                          cure={'kind': 'drain_instance', 'service': who, 'instance': instance}))


def crash(d):
    who = d.busy(5, inner=True)  # of the first service nobody would tell the calls that never arrive
    instance = instance_of(d, who)
    flap = {'flap': f'{d.chance.randint(20, 60)}s'} if d.chance.random() < 0.5 else {}
    return ([{'at': '10m', 'service': who, 'instance': instance, 'crash': True, **flap}],
            generate.must('crash', {'service': who, 'instance': instance},
                          cure={'kind': 'drain_instance', 'service': who, 'instance': instance}))


def bad_zone(d):
    d.zones = list('abc')
    who = d.busy(6)
    d.services[who]['instances'] = 6
    bad = d.chance.choice(d.zones)
    return ([{'at': '10m', 'service': who, 'zone': bad, **draw_effect(d.chance, d.services[who])}],
            generate.must('bad_zone', {'service': who, 'zone': bad},
                          cure={'kind': 'shift_zones', 'service': who,
                                'weights': {z: 0 if z == bad else 50 for z in d.zones}}))


def slow_service(d):
    who = d.busy(4)
    median = float(d.services[who]['time']['median'][:-2])
    ramp = {'ramp': f'{d.chance.randint(10, 120)}s'} if d.chance.random() < 0.4 else {}
    return ([{'at': '10m', **ramp, 'service': who, 'slower': max(3, round(d.chance.uniform(80, 500) / median))}],
            generate.must('slow_dependency', {'service': who}))


def cascade(d):
    who = d.busy(5, inner=True)
    for caller in d.callers[who]:
        d.services[caller]['concurrency'] = d.chance.choice([8, 12, 16])
    return ([{'at': '10m', 'service': who, 'delay': f'{d.chance.choice([1000, 2000, 4000])}ms'}],
            generate.must('slow_dependency', {'service': who}))


def failing_service(d):
    who = d.busy(4)
    return ([{'at': '10m', 'service': who, 'errors': f'{d.chance.randint(8, 100)}%'}],
            generate.must('bad_service', {'service': who}))


def surge(d):
    who = d.busy(5)
    service = d.services[who]
    mean_s = float(service['time']['median'][:-2]) * 1.2e-3
    load = d.flows[who] * d.rate * mean_s
    service.update(instances=2, concurrency=max(1, round(load)), queue=60, releases=True, calls=service.get('calls', []))
    if not service['calls']:
        service.pop('calls')
    room = 2 * service['concurrency'] / load
    if room > 12:
        return None
    return ([{'at': '10m', 'ramp': '20s', 'surge': round(room * d.chance.uniform(1.5, 2.2), 1)}],
            generate.must('surge', {'service': who}))


def timeout(d):
    who = d.busy(5, inner=True)
    caller = d.chance.choice(d.callers[who])
    median = float(d.services[who]['time']['median'][:-2])
    return ([{'at': '10m', 'from': caller, 'service': who, 'timeout': f'{median * d.chance.uniform(1.0, 1.6) + 0.8:.1f}ms'}],
            generate.must('mis_set_timeout', {'service': caller}, also=[who],
                          cure={'kind': 'set_timeout', 'service': who, 'caller': caller, 'timeout_s': 3}))


def denied(d):
    who = d.busy(4, inner=True)
    caller = d.chance.choice(d.callers[who])
    return ([{'at': '10m', 'from': caller, 'service': who, 'deny': d.chance.choice(['policy', 'certificate'])}],
            generate.must('denied', {'service': who}, also=[caller]))


def leak(d):
    who = d.busy(5)
    one = d.chance.random() < 0.6
    instance = {'instance': instance_of(d, who)} if one else {}
    d.duration = '18m'
    return ([{'at': '8m', 'ramp': '6m', 'service': who, **instance, 'leak_mb_per_minute': 40, 'pause': '2500ms',
              'pause_every': '4s'}],
            generate.must('memory_leak', {'service': who, **instance}, at='8m', cure=None if not one else {
                'kind': 'drain_instance', 'service': who, **instance}))


def quiet(d):
    d.duration = '2h'
    return [], generate.quiet('quiet')


def deploy(d):
    who = d.busy()
    d.versions(who)
    weight = d.chance.choice([10, 50, 100])
    for version in d.services[who]['versions'].values():
        version['instances'] = 3
    d.services[who]['versions']['v1']['weight'], d.services[who]['versions']['v2']['weight'] = 100, 0
    d.duration = '30m'
    d.actions = [{'at': '12m', 'over': f'{d.chance.randint(1, 6)}m', 'kind': 'shift_versions', 'service': who,
                  'weights': {'v1': 100 - weight, 'v2': weight}}]
    return [], generate.quiet('deploy')


def busier(d):
    d.duration = '30m'
    return ([{'at': '12m', 'for': f'{d.chance.randint(3, 10)}m', 'ramp': f'{d.chance.randint(5, 90)}s',
              'surge': round(d.chance.uniform(1.5, 4), 1)}], generate.quiet('surge'))


def telemetry(d):
    who, d.duration = d.busy(), '30m'
    event = d.chance.choice([
        {'sampling': f'{d.chance.choice([5, 10, 25, 50])}%'}, {'for': '5m', 'service': who, 'silent': True},
        {'for': '6m', 'service': who, 'instance': instance_of(d, who), 'silent': True},
        {'service': who, 'clock_skew': f"{d.chance.choice(['-3s', '-500ms', '2s', '5s'])}"}])
    return [{'at': '12m', **event}], generate.quiet('telemetry')


def scale(d):
    who, d.duration = d.busy(), '40m'
    d.actions = [{'at': '12m', 'kind': 'scale', 'service': who, 'instances': d.chance.randint(2, 8)},
                 {'at': '26m', 'kind': 'scale', 'service': who, 'instances': d.services[who]['instances']}]
    return [], generate.quiet('scale')


def client(d):
    d.duration = '30m'
    d.traffic.append({'to': d.entry, 'name': 'partner', 'rate': round(d.rate * d.chance.uniform(0.05, 0.4), 1)})
    return ([{'at': '12m', 'for': '8m', 'traffic': 'partner', 'client_errors': f'{d.chance.randint(30, 100)}%'}],
            generate.quiet('client'))


def little(d):
    d.duration, d.traffic[0]['rate'] = '1d', round(d.chance.uniform(0.1, 1), 2)
    return [], generate.quiet('low_traffic')


def batch(d):
    d.duration = '3h'
    d.traffic[0]['rate'] = max(4, d.rate // 6)
    d.traffic.append({'to': d.busy(), 'name': 'batch', 'rate': d.chance.randint(20, 60),
                      'every': f'{d.chance.randint(4, 15)}m', 'on': f'{d.chance.randint(10, 80)}s'})
    return [], generate.quiet('season')


def days(d):
    d.duration = '2d'
    d.traffic = [{'to': d.entry, 'rate': 3, 'daily': f'{d.chance.randint(30, 90)}%', 'noise': '15%'}]
    return [], generate.quiet('season')


FAULTS = [bad_version, bad_version, bad_version, bad_instance, bad_instance, black_hole, crash, bad_zone, slow_service,
          slow_service, cascade, failing_service, surge, timeout, denied, leak]
PEACE = [quiet, deploy, deploy, busier, telemetry, scale, client, little, batch, days]


def usual(program, path):
    """The users' usual error ratio and 99th percentile (in seconds): of the first windows, before anything happens."""
    with tempfile.TemporaryDirectory() as work:
        summary = run.simulate(program, path, os.path.join(work, 'out'), [])
    return run.outcome(summary, 60, min(480, summary['duration_s']))


def write(path, drawn, name, seed, events, truth, objective):
    scenario = {'name': name, 'about': 'drawn by chance', 'seed': seed, 'duration': drawn.duration, 'zones': drawn.zones,
                'telemetry': drawn.voices, 'services': drawn.services, 'traffic': drawn.traffic}
    if events:
        scenario['events'] = events
    if drawn.actions:
        scenario['actions'] = drawn.actions
    scenario['truth'] = {**truth, 'objective': {'service': drawn.entry, **objective}}
    with open(path, 'w', encoding='utf-8') as out:
        out.write('\n'.join(line for key, value in scenario.items() for line in generate.block(key, value)) + '\n')


def draw(options, number):
    """The path of one scenario that holds, or None."""
    chance = random.Random(f'{options.seed}/{number}')
    made = [f for f in FAULTS + FAULTS + PEACE if not options.kind or f.__name__ in options.kind]
    family = chance.choice(made)
    drawn = Drawn(chance)
    if drawn.busy(6, inner=True) is None:
        return None
    outcome = family(drawn)
    if outcome is None:
        return None
    events, truth = outcome
    name = f'{family.__name__.replace("_", "-")}-{options.seed}-{number}'
    path = os.path.join(options.folder, name + '.yaml')
    write(path, drawn, name, number + 1, events, truth, {'errors': '50%', 'p99': '60s'})
    errors, p99_s = usual(options.program, path)
    goal = {'errors': f'{100 * (errors * 1.5 + 0.005):.2f}%', 'p99': f'{1e3 * p99_s * OBJECTIVE_ROOM + 5:.0f}ms'}
    write(path, drawn, name, number + 1, events, truth, goal)
    if truth['alarm'] == 'must':
        with tempfile.TemporaryDirectory() as work:
            if run.check_cure(SimpleNamespace(program=options.program), path, None, work):
                os.remove(path)
                return None
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder')
    parser.add_argument('--count', type=int, default=100)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--kind', action='append', default=[], choices=sorted({f.__name__ for f in FAULTS + PEACE}))
    parser.add_argument('--program', default=os.path.join(run.ROOT, 'build/release/seismesh'))
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    number = kept = 0
    while kept < options.count:
        kept += draw(options, number) is not None
        number += 1
        print(f'\r{kept} of {options.count} kept, {number} drawn', end='', file=sys.stderr)
    print(file=sys.stderr)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failed:
        sys.exit(f'draw.py: {run.ended(failed)}')
