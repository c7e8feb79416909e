#!/usr/bin/env python3
"""generate.py [FOLDER]: writes the scenarios of this folder, from families written by hand below.

A family is a fault (or something that must not alarm) put into several meshes of different shape, with different seeds.
Each file stands alone and can be changed or copied by hand; run.py scores all of them."""
import os
import re
import sys
from copy import deepcopy

FOLDER = os.path.dirname(os.path.abspath(__file__))


def lognormal(median_ms, p99_ms):
    return {'median': f'{median_ms}ms', 'p99': f'{p99_ms}ms'}


def service(median_ms, p99_ms, calls=(), **more):
    made = {'time': lognormal(median_ms, p99_ms)}
    if calls:
        made['calls'] = list(calls)
    made.update(more)
    return made


# ---- meshes ----

def shop():
    """A dozen services, four operations, a database and a cache."""
    return {
        'frontend': service(3, 12, namespace='shop', operations={
            'GET /': {'share': 50, 'calls': [{'to': 'catalog', 'timeout': '2s'}, {'to': 'ads', 'optional': True, 'together': True}]},
            'GET /product/{id}': {'share': 30, 'calls': ['catalog', 'recommendation']},
            'POST /cart': {'share': 12, 'calls': ['cart']},
            'POST /checkout': {'share': 8, 'calls': ['checkout']}}),
        'catalog': service(3, 14, ['product-db'], namespace='shop'),
        'recommendation': service(5, 25, ['catalog'], namespace='shop'),
        'ads': service(4, 20, namespace='shop'),
        'cart': service(2, 9, ['cart-cache'], namespace='shop'),
        'checkout': service(6, 25, ['cart', 'payments', 'shipping', {'to': 'email', 'optional': True}],
                            namespace='shop'),
        'payments': service(15, 60, ['bank'], namespace='shop'),
        'shipping': service(5, 22, namespace='shop'),
        'email': service(8, 40, namespace='shop', instances=2),
        'bank': service(20, 70, namespace='shop', instances=2),
        'product-db': service(1, 6, namespace='shop', instances=2, concurrency=64),
        'cart-cache': service(0.5, 3, namespace='shop', instances=2, concurrency=64),
    }


def chain():
    """Each service calls the next one."""
    names = ['edge', 'orders', 'stock', 'ledger', 'store']
    made = {}
    for at, name in enumerate(names):
        calls = [{'to': names[at + 1], 'timeout': '2s'}] if at + 1 < len(names) else []
        made[name] = service(4 + at, 18 + 4 * at, calls)
    return made


def fan():
    """One service asks five others at the same time; two of those share a cache."""
    return {
        'api': service(3, 10, ['users', {'to': 'news', 'together': True}, {'to': 'prices', 'together': True},
                               {'to': 'weather', 'together': True}, {'to': 'maps', 'together': True}]),
        'users': service(6, 25, ['cache']),
        'news': service(10, 45),
        'prices': service(5, 20, ['cache']),
        'weather': service(12, 50),
        'maps': service(8, 40),
        'cache': service(0.6, 4, instances=2, concurrency=64),
    }


def rpc():
    """gRPC between services, with two ways in."""
    return {
        'gateway': service(2, 8, namespace='bank', operations={
            'GET /accounts': {'share': 3, 'calls': [{'to': 'accounts', 'operation': 'bank.Accounts/List'}]},
            'POST /transfer': {'share': 1, 'calls': [{'to': 'accounts', 'operation': 'bank.Accounts/Get'},
                                                     {'to': 'transfers', 'operation': 'bank.Transfers/Create'}]}}),
        'accounts': service(7, 28, namespace='bank',
                            operations={'bank.Accounts/List': {'share': 3}, 'bank.Accounts/Get': {'share': 1}}),
        'transfers': service(9, 36, ['ledger', 'fraud'], namespace='bank',
                             operations={'bank.Transfers/Create': {}}),
        'fraud': service(18, 70, namespace='bank', operations={'bank.Fraud/Check': {}}),
        'ledger': service(4, 16, namespace='bank', operations={'bank.Ledger/Write': {}}),
    }


def small():
    """Three services and little traffic."""
    return {'front': service(4, 16, ['back']), 'back': service(8, 30, ['data']), 'data': service(2, 9, instances=2)}


MESHES = {'shop': (shop, 'frontend', 120), 'chain': (chain, 'edge', 60), 'fan': (fan, 'api', 60),
          'rpc': (rpc, 'gateway', 80), 'small': (small, 'front', 15)}
NAMESPACES = {'shop': 'shop', 'rpc': 'bank'}

# ---- writing ----

PLAIN = re.compile(r'[A-Za-z_][A-Za-z0-9_./%-]*|-?[0-9][0-9.]*(us|ms|s|m|h|d|%)?')


def flow(value):
    if isinstance(value, dict):
        return '{' + ', '.join(f'{flow(k)}: {flow(v)}' for k, v in value.items()) + '}'
    if isinstance(value, (list, tuple)):
        return '[' + ', '.join(flow(v) for v in value) + ']'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    text = str(value)
    return text if PLAIN.fullmatch(text) else '"' + text.replace('"', '\\"') + '"'


def block(key, value):
    if key == 'services':
        return ['services:'] + [f'  {flow(k)}: {flow(v)}' for k, v in value.items()]
    if key == 'truth':
        return ['truth:'] + [f'  {k}: {flow(v)}' for k, v in value.items()]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [f'{key}:'] + [f'  - {flow(v)}' for v in value]
    return [f'{key}: {value if key == "about" and ": " not in value else flow(value)}']


written = []


def write(name, about, mesh, events=(), truth=None, *, patch=None, rate=None, traffic=None, actions=(), seed=None,
          duration='16m', zones=('a', 'b', 'c'), **more):
    """One scenario: a mesh with some of its services changed (`patch`), and what happens to it."""
    build, entry, usual = MESHES[mesh]
    services = deepcopy(build())
    for who, changes in (patch or {}).items():
        services[who].update(changes)
    scenario = {'name': name, 'about': about, 'seed': seed or 100 + len(written), 'duration': duration,
                'zones': list(zones), **more, 'services': services}
    scenario['traffic'] = traffic or [{'to': entry, 'rate': rate or usual, 'noise': '10%'}]
    if events:
        scenario['events'] = list(events)
    if actions:
        scenario['actions'] = list(actions)
    truth.setdefault('objective', {'service': entry, 'errors': '1%', 'p99': '400ms'})
    scenario['truth'] = truth
    lines = [line for key, value in scenario.items() for line in block(key, value)]
    with open(os.path.join(FOLDER, name + '.yaml'), 'w', encoding='utf-8') as out:
        out.write('\n'.join(lines) + '\n')
    written.append(name)


def must(kind, culprit, at='10m', cure=None, **more):
    truth = {'alarm': 'must', 'kind': kind, 'culprit': culprit, 'from': at, 'routing_heals': bool(cure)}
    if cure:
        truth['cure'] = [cure] if isinstance(cure, dict) else cure
    return {**truth, **more}


def quiet(kind, **more):
    return {'alarm': 'must_not', 'kind': kind, **more}


def objective(entry, errors='1%', p99='400ms'):
    return {'objective': {'service': entry, 'errors': errors, 'p99': p99}}


def two_versions(old=90, new=10, new_instances=1, instances=3):
    return {'versions': {'v1': {'weight': old, 'instances': instances},
                         'v2': {'weight': new, 'instances': new_instances}}}


def back(who, version='v1'):
    weights = {'v1': 100, 'v2': 0} if version == 'v1' else {'v1': 0, 'v2': 100}
    return {'kind': 'shift_versions', 'service': who, 'weights': weights}


ISTIO = {'telemetry': ['istio_metrics', 'otel_gauges']}
BOTH = {'telemetry': ['istio_metrics', 'otel_spans']}

# ---- faults ----


def bad_versions():
    for mesh, who, errors, status, more in [('shop', 'payments', '60%', 503, {}), ('chain', 'stock', '40%', 500, {}),
                                            ('rpc', 'fraud', '50%', 503, {}), ('fan', 'prices', '25%', 500, ISTIO),
                                            ('shop', 'catalog', '20%', 500, BOTH)]:
        goal = objective(MESHES[mesh][1], '0.3%' if mesh == 'shop' else '1%')
        write(f'bad-version-errors-{mesh}-{who}', f'{who} v2, a canary with 20 % of the traffic, fails {errors}', mesh,
              [{'at': '10m', 'service': who, 'version': 'v2', 'errors': errors, 'status': status}],
              must('bad_version', {'service': who, 'version': 'v2'}, cure=back(who), **goal),
              patch={who: two_versions(80, 20)}, **more)
    for mesh, who, slower, p99, more in [('shop', 'catalog', 40, '150ms', {}), ('chain', 'ledger', 10, '120ms', {}),
                                         ('fan', 'weather', 6, '110ms', {}), ('rpc', 'accounts', 12, '130ms', ISTIO)]:
        write(f'bad-version-latency-{mesh}-{who}', f'{who} v2, a canary with 20 %, is {slower} times as slow', mesh,
              [{'at': '10m', 'service': who, 'version': 'v2', 'slower': slower}],
              must('bad_version', {'service': who, 'version': 'v2'}, cure=back(who),
                   **objective(MESHES[mesh][1], '1%', p99)),
              patch={who: two_versions(80, 20)}, **more)
    write('bad-version-operation-errors', 'accounts v2 fails one of its two operations', 'rpc',
          [{'at': '10m', 'service': 'accounts', 'version': 'v2', 'operation': 'bank.Accounts/Get', 'errors': '60%'}],
          must('bad_version', {'service': 'accounts', 'version': 'v2'}, cure=back('accounts')),
          patch={'accounts': two_versions(50, 50, 3)})
    write('bad-version-operation-latency', 'frontend v2 is slow in the product page only', 'shop',
          [{'at': '10m', 'service': 'frontend', 'version': 'v2', 'operation': 'GET /product/{id}', 'delay': '300ms'}],
          must('bad_version', {'service': 'frontend', 'version': 'v2'}, cure=back('frontend'),
               **objective('frontend', '1%', '150ms')), patch={'frontend': two_versions(70, 30, 2)})
    for seed in (1, 2):
        write(f'bad-version-load-{seed}', 'maps v2 gets slow when more than a third of its places are taken', 'fan',
              [{'at': '10m', 'service': 'maps', 'version': 'v2', 'above_load': '30%', 'slower': 8}],
              must('bad_version', {'service': 'maps', 'version': 'v2'}, cure=back('maps'),
                   **objective('api', '1%', '170ms')),
              patch={'maps': {**two_versions(50, 50, 2, 3), 'concurrency': 6}}, rate=110 + 15 * seed)
    write('bad-version-deploy', 'orders v2 replaces v1 within two minutes, and fails', 'chain',
          [{'at': '8m', 'service': 'orders', 'version': 'v2', 'errors': '15%'}],
          must('bad_version', {'service': 'orders', 'version': 'v2'}, at='10m', cure=back('orders')),
          patch={'orders': two_versions(100, 0, 3)},
          actions=[{'at': '10m', 'over': '2m', 'kind': 'shift_versions', 'service': 'orders',
                    'weights': {'v1': 0, 'v2': 100}}])


def bad_instances():
    for mesh, who, instance, effect, p99, more in [
            ('shop', 'cart', 'cart-v1-2', {'errors': '60%'}, '200ms', {}),
            ('chain', 'store', 'store-v1-3', {'errors': '50%', 'status': 503}, '300ms', {}),
            ('fan', 'users', 'users-v1-1', {'slower': 12}, '130ms', {}),
            ('rpc', 'ledger', 'ledger-v1-2', {'delay': '250ms'}, '200ms', {}),
            ('shop', 'recommendation', 'recommendation-v1-1', {'errors': '70%'}, '200ms', BOTH)]:
        errors = '0.5%' if mesh == 'shop' else '1%'
        write(f'bad-instance-{mesh}-{who}', f'{instance}, one of three, misbehaves', mesh,
              [{'at': '10m', 'service': who, 'instance': instance, **effect}],
              must('bad_instance', {'service': who, 'instance': instance},
                   cure={'kind': 'drain_instance', 'service': who, 'instance': instance},
                   **objective(MESHES[mesh][1], errors, p99)), **more)


def bad_zones():
    for mesh, who, effect, p99 in [('fan', 'news', {'errors': '40%'}, '400ms'), ('chain', 'stock', {'slower': 9}, '130ms'),
                                   ('shop', 'catalog', {'errors': '30%'}, '300ms')]:
        write(f'bad-zone-{mesh}-{who}', f'{who} misbehaves in zone b only', mesh,
              [{'at': '10m', 'service': who, 'zone': 'b', **effect}],
              must('bad_zone', {'service': who, 'zone': 'b'},
                   cure={'kind': 'shift_zones', 'service': who, 'weights': {'a': 50, 'b': 0, 'c': 50}},
                   **objective(MESHES[mesh][1], '1%', p99)), patch={who: {'instances': 6}})


def slow_dependencies():
    for mesh, who, slower, also in [('shop', 'product-db', 60, []), ('chain', 'store', 15, []), ('fan', 'cache', 80, [])]:
        write(f'slow-dependency-{mesh}-{who}', f'{who} gets {slower} times as slow; all above it wait', mesh,
              [{'at': '10m', 'ramp': '30s', 'service': who, 'slower': slower}],
              must('slow_dependency', {'service': who}, also=also, **objective(MESHES[mesh][1], '1%', '130ms')))
    write('slow-dependency-cascade', 'the bank gets so slow that payments and checkout run out of places', 'shop',
          [{'at': '10m', 'service': 'bank', 'delay': '4s'}],
          must('slow_dependency', {'service': 'bank'}, **objective('frontend', '1%', '500ms')),
          patch={'payments': {'concurrency': 4}, 'checkout': {'concurrency': 6}})
    write('slow-dependency-istio', 'fraud gets slow, seen by Istio metrics only', 'rpc',
          [{'at': '10m', 'service': 'fraud', 'slower': 10}],
          must('slow_dependency', {'service': 'fraud'}, **objective('gateway', '1%', '150ms')), **ISTIO)


def retry_storms():
    for seed, mesh, caller, who, rate in [(1, 'small', 'front', 'back', 120), (2, 'chain', 'orders', 'stock', 70)]:
        calls = [{'to': who, 'retries': 6, 'timeout': '300ms', 'backoff': '5ms'}]
        write(f'retry-storm-{seed}', f'{who} slows for a minute; six retries of each call then keep it down', mesh,
              [{'at': '10m', 'for': '1m', 'service': who, 'slower': 6}],
              must('retry_storm', {'service': who}, also=[caller],
                   cure={'kind': 'cut_retries', 'service': who, 'attempts': 0},
                   **objective(MESHES[mesh][1], '5%', '900ms')),
              patch={caller: {'calls': calls}, who: {'concurrency': 1, 'queue': 400, 'instances': 3}}, rate=rate)


def surges():
    for seed, mesh, who, rate, surge in [(1, 'fan', 'weather', 60, 6), (2, 'shop', 'recommendation', 120, 14),
                                         (3, 'chain', 'ledger', 60, 6)]:
        write(f'surge-beyond-capacity-{seed}', f'{surge} times the traffic: {who} cannot bear it', mesh,
              [{'at': '10m', 'ramp': '20s', 'surge': surge}],
              must('surge', {'service': who}, **objective(MESHES[mesh][1], '1%', '500ms')),
              patch={who: {'concurrency': 2, 'queue': 60, 'instances': 2}}, rate=rate)


def pools():
    write('pool-exhaustion-leak', 'catalog loses connections to its database, and in the end waits for the last one',
          'shop', [{'at': '8m', 'from': 'catalog', 'service': 'product-db', 'pool_leak_per_minute': 5}],
          must('pool_exhaustion', {'service': 'catalog'}, at='8m', also=['product-db'],
               **objective('frontend', '1%', '150ms')),
          patch={'catalog': {'calls': [{'to': 'product-db', 'pool': 20}], 'instances': 1, 'concurrency': 200}}, rate=400)
    write('pool-exhaustion-small', 'the database slows a little, and a pool of three connections is too small for that',
          'small', [{'at': '10m', 'service': 'data', 'delay': '60ms'}],
          must('pool_exhaustion', {'service': 'data'}, also=['back'], **objective('front', '1%', '150ms')),
          patch={'back': {'calls': [{'to': 'data', 'pool': 3}], 'instances': 1, 'concurrency': 200}}, rate=45)
    write('threads-exhausted', 'orders loses nearly all of its worker threads', 'chain',
          [{'at': '10m', 'ramp': '2m', 'service': 'orders', 'places': '3%'}],
          must('pool_exhaustion', {'service': 'orders'}, **objective('edge', '1%', '400ms')), rate=90)


def leaks():
    write('memory-leak-instance', 'one instance leaks; its pauses grow to three seconds of every four', 'rpc',
          [{'at': '8m', 'ramp': '6m', 'service': 'accounts', 'instance': 'accounts-v1-2', 'leak_mb_per_minute': 40,
            'pause': '3s', 'pause_every': '4s'}],
          must('memory_leak', {'service': 'accounts', 'instance': 'accounts-v1-2'}, at='8m',
               cure={'kind': 'drain_instance', 'service': 'accounts', 'instance': 'accounts-v1-2'},
               **objective('gateway', '1%', '250ms')), duration='18m')
    write('memory-leak-all', 'every instance of news leaks and pauses ever longer', 'fan',
          [{'at': '8m', 'ramp': '6m', 'service': 'news', 'leak_mb_per_minute': 40, 'pause': '2s', 'pause_every': '5s'}],
          must('memory_leak', {'service': 'news'}, at='8m', **objective('api', '1%', '250ms')), duration='18m')


def timeouts():
    for seed, mesh, caller, who, timeout in [(1, 'rpc', 'transfers', 'fraud', '22ms'), (2, 'chain', 'stock', 'ledger', '20ms'),
                                             (3, 'shop', 'checkout', 'payments', '40ms')]:
        write(f'mis-set-timeout-{seed}', f'{caller} gives {who} only {timeout} from now on', mesh,
              [{'at': '10m', 'from': caller, 'service': who, 'timeout': timeout}],
              must('mis_set_timeout', {'service': caller}, also=[who],
                   cure={'kind': 'set_timeout', 'service': who, 'caller': caller, 'timeout_s': 2},
                   **objective(MESHES[mesh][1], '1%' if mesh != 'shop' else '0.5%', '500ms')))


def denials():
    for mesh, caller, who, deny, more in [('rpc', 'transfers', 'ledger', 'policy', BOTH), ('chain', 'orders', 'stock', 'certificate', {}),
                                          ('fan', 'users', 'cache', 'certificate', BOTH)]:
        write(f'denied-{mesh}-{who}', f'{caller} may not call {who} any more ({deny})', mesh,
              [{'at': '10m', 'from': caller, 'service': who, 'deny': deny}],
              must('denied', {'service': who}, also=[caller], **objective(MESHES[mesh][1])), **more)


def losses():
    for seed, mesh, caller, who, loss in [(1, 'small', 'front', 'back', '25%'), (2, 'rpc', 'transfers', 'ledger', '40%')]:
        write(f'packet-loss-zones-{seed}', f'packets between zones a and b are lost ({loss}); {who} is in both', mesh,
              [{'at': '10m', 'zone': 'a', 'to_zone': 'b', 'loss': loss}],
              must('packet_loss', {'service': who, 'zone': 'b'}, also=[caller],
                   cure={'kind': 'shift_zones', 'service': who, 'weights': {'a': 100, 'b': 0}},
                   **objective(MESHES[mesh][1], '1%', '190ms')),
              zones=('a', 'b'), patch={who: {'instances': 4}, **{s: {'zones': ['a']} for s in MESHES[mesh][0]() if s != who}},
              rate=60)
    write('packet-loss-zone-all', 'zone c loses a third of all packets to and from the others', 'chain',
          [{'at': '10m', 'zone': 'c', 'loss': '35%'}],
          must('packet_loss', {'zone': 'c'}, also=list(chain()), **objective('edge', '1%', '190ms')))


def neighbours():
    for mesh, who, node, instance in [('shop', 'cart', 'node-b-1', 'cart-v1-2'), ('fan', 'weather', 'node-c-1', 'weather-v1-3')]:
        write(f'noisy-neighbour-{mesh}', f'something else eats {node}, on which {instance} runs', mesh,
              [{'at': '10m', 'service': who, 'node': node, 'slower': 40 if mesh == 'shop' else 15}],
              must('noisy_neighbour', {'service': who, 'instance': instance},
                   cure={'kind': 'drain_instance', 'service': who, 'instance': instance},
                   **objective(MESHES[mesh][1], '1%', '150ms')), nodes_per_zone=1)


def holes():
    for mesh, who, instance in [('chain', 'ledger', 'ledger-v1-1'), ('shop', 'catalog', 'catalog-v1-3')]:
        calls = {'stock': {'calls': [{'to': 'ledger', 'timeout': '1s'}]}} if mesh == 'chain' else {
            'recommendation': {'calls': [{'to': 'catalog', 'timeout': '1s'}]}}
        write(f'black-hole-{mesh}', f'{instance} takes requests and never answers', mesh,
              [{'at': '10m', 'service': who, 'instance': instance, 'blackhole': True}],
              must('black_hole', {'service': who, 'instance': instance},
                   cure={'kind': 'drain_instance', 'service': who, 'instance': instance},
                   **objective(MESHES[mesh][1], '2%', '400ms')), patch=calls)


def flaps():
    write('flapping-instance', 'an instance crashes every 40 seconds and is back 40 seconds later', 'fan',
          [{'at': '10m', 'service': 'prices', 'instance': 'prices-v1-2', 'crash': True, 'flap': '40s'}],
          must('flapping', {'service': 'prices', 'instance': 'prices-v1-2'},
               cure={'kind': 'drain_instance', 'service': 'prices', 'instance': 'prices-v1-2'}, **objective('api')))
    write('flapping-service', 'shipping fails for half a minute in every minute', 'shop',
          [{'at': '10m', 'service': 'shipping', 'errors': '70%', 'flap': '30s'}],
          must('flapping', {'service': 'shipping'}, **objective('frontend', '0.5%')))
    write('flapping-version', 'stock v2 fails for 20 s of every 40', 'chain',
          [{'at': '10m', 'service': 'stock', 'version': 'v2', 'errors': '80%', 'flap': '20s'}],
          must('flapping', {'service': 'stock', 'version': 'v2'}, cure=back('stock')),
          patch={'stock': two_versions(70, 30, 2)})


def subtle():
    """Small, short, early or in bad company."""
    write('subtle-canary-errors', 'a canary with a tenth of the traffic fails 5 % more', 'shop',
          [{'at': '10m', 'service': 'frontend', 'version': 'v2', 'errors': '5%'}],
          must('bad_version', {'service': 'frontend', 'version': 'v2'}, cure=back('frontend'),
               **objective('frontend', '0.25%')), patch={'frontend': two_versions()})
    write('subtle-canary-latency', 'a canary with a fifth of the traffic is twice as slow', 'fan',
          [{'at': '10m', 'service': 'weather', 'version': 'v2', 'slower': 2}],
          must('bad_version', {'service': 'weather', 'version': 'v2'}, cure=back('weather'),
               **objective('api', '1%', '72ms')), patch={'weather': two_versions(80, 20)}, rate=100)
    write('subtle-instance-errors', 'one instance of four fails 6 %', 'chain',
          [{'at': '10m', 'service': 'stock', 'instance': 'stock-v1-4', 'errors': '6%'}],
          must('bad_instance', {'service': 'stock', 'instance': 'stock-v1-4'},
               cure={'kind': 'drain_instance', 'service': 'stock', 'instance': 'stock-v1-4'}, **objective('edge', '0.8%')),
          patch={'stock': {'instances': 4}})
    write('subtle-slow-dependency', 'the data store of a quiet mesh is four times as slow', 'small',
          [{'at': '10m', 'service': 'data', 'slower': 4}],
          must('slow_dependency', {'service': 'data'}, **objective('front', '1%', '45ms')))
    write('short-history', 'a version fails four minutes after everything began', 'rpc',
          [{'at': '4m', 'service': 'fraud', 'version': 'v2', 'errors': '30%'}],
          must('bad_version', {'service': 'fraud', 'version': 'v2'}, at='4m', cure=back('fraud')),
          patch={'fraud': two_versions(70, 30, 2)}, duration='10m')
    write('short-fault', 'prices fails for 90 seconds', 'fan',
          [{'at': '10m', 'for': '90s', 'service': 'prices', 'errors': '50%'}],
          must('bad_service', {'service': 'prices'}, until='690s', **objective('api')))
    write('long-history', 'after a day and a half of days and nights, orders gets slow', 'chain',
          [{'at': '36h', 'service': 'orders', 'slower': 8}],
          must('bad_service', {'service': 'orders'}, at='36h', **objective('edge', '1%', '120ms')), duration='37h',
          traffic=[{'to': 'edge', 'rate': 4, 'daily': '60%', 'noise': '15%'}])
    write('fault-in-a-surge', 'a version fails while three times the usual traffic comes', 'shop',
          [{'at': '9m', 'ramp': '30s', 'surge': 3},
           {'at': '11m', 'service': 'cart', 'version': 'v2', 'errors': '40%'}],
          must('bad_version', {'service': 'cart', 'version': 'v2'}, at='11m', cure=back('cart'),
               **objective('frontend', '0.8%')), patch={'cart': two_versions(75, 25)})
    write('fault-among-errors', 'catalog fails more than the two percent that it always fails', 'shop',
          [{'at': '10m', 'service': 'catalog', 'errors': '8%'}],
          must('bad_service', {'service': 'catalog'}, **objective('frontend', '5%')), patch={'catalog': {'errors': '2%'}})
    write('hidden-by-retries', 'an instance fails half of its requests; retries hide most of it and cost time', 'rpc',
          [{'at': '10m', 'service': 'accounts', 'instance': 'accounts-v1-1', 'errors': '50%'}],
          must('bad_instance', {'service': 'accounts', 'instance': 'accounts-v1-1'},
               cure={'kind': 'drain_instance', 'service': 'accounts', 'instance': 'accounts-v1-1'},
               **objective('gateway', '0.5%')),
          patch={'gateway': {'operations': {
              'GET /accounts': {'share': 3, 'calls': [{'to': 'accounts', 'retries': 1, 'backoff': '60ms'}]},
              'POST /transfer': {'share': 1, 'calls': [{'to': 'transfers'}]}}}})


# ---- what must not alarm ----


def nothing():
    for mesh in MESHES:
        write(f'quiet-{mesh}', 'nothing happens for three hours', mesh, (), quiet('quiet'), duration='3h',
              rate=max(4, MESHES[mesh][2] // 6))
    write('quiet-istio', 'nothing happens, told by Istio metrics', 'shop', (), quiet('quiet'), duration='3h', rate=30, **ISTIO)


def deploys():
    for mesh, who in [('shop', 'payments'), ('chain', 'ledger')]:
        write(f'deploy-without-effect-{mesh}', f'{who} v2 replaces v1 and is as good', mesh, (), quiet('deploy'),
              patch={who: two_versions(100, 0, 3)}, duration='30m',
              actions=[{'at': '12m', 'over': '4m', 'kind': 'shift_versions', 'service': who,
                        'weights': {'v1': 0, 'v2': 100}}])
    write('canary-good', 'a canary with a tenth of the traffic is as good as what is there', 'rpc', (), quiet('deploy'),
          patch={'accounts': two_versions(100, 0, 1)}, duration='30m',
          actions=[{'at': '10m', 'kind': 'shift_versions', 'service': 'accounts', 'weights': {'v1': 90, 'v2': 10}}])


def loads():
    for mesh in ('fan', 'shop'):
        write(f'surge-within-capacity-{mesh}', 'three times the traffic for eight minutes; there is room', mesh,
              [{'at': '12m', 'for': '8m', 'ramp': '30s', 'surge': 3}], quiet('surge'), duration='30m')
    write('season-week', 'a week with days, nights and a weekend', 'small', (), quiet('season'), duration='7d',
          traffic=[{'to': 'front', 'rate': 1.5, 'daily': '70%', 'weekly': '40%', 'noise': '15%'}])
    write('season-days', 'two days, busy by day', 'rpc', (), quiet('season'), duration='2d',
          traffic=[{'to': 'gateway', 'rate': 4, 'daily': '80%', 'noise': '15%'}])
    write('low-traffic', 'a request every ten seconds, with an error now and then', 'small', (), quiet('low_traffic', **objective('front', '5%')),
          duration='3d', rate=0.1, patch={'back': {'errors': '1%'}})
    write('low-traffic-errors', 'a busy mesh with a service that hardly anybody asks and that fails one time in fifty',
          'shop', (), quiet('low_traffic'), duration='2h', rate=20, patch={'email': {'errors': '2%'}})
    write('bursts-by-design', 'a batch job of 20 seconds every five minutes', 'chain', (), quiet('season'), duration='4h',
          traffic=[{'to': 'edge', 'rate': 10, 'noise': '10%'},
                   {'to': 'stock', 'name': 'batch', 'rate': 40, 'every': '5m', 'on': '20s'}])


def telemetry():
    write('sampling-change', 'one trace in ten is kept from now on', 'shop', [{'at': '15m', 'sampling': '10%'}],
          quiet('sampling'), duration='40m')
    write('missing-telemetry', 'one instance of weather says nothing for five minutes', 'fan',
          [{'at': '12m', 'for': '5m', 'service': 'weather', 'instance': 'weather-v1-2', 'silent': True}],
          quiet('missing_telemetry'), duration='30m')
    write('missing-telemetry-service', 'ledger says nothing for five minutes, though its callers get answers', 'rpc',
          [{'at': '12m', 'for': '5m', 'service': 'ledger', 'silent': True}], quiet('missing_telemetry'), duration='30m')
    write('clock-skew', 'the clocks of zone b go two seconds wrong', 'chain',
          [{'at': '12m', 'zone': 'b', 'clock_skew': '-2s'}], quiet('clock_skew'), duration='30m')


def scales():
    write('scale-up-and-down', 'orders scales to six instances and back', 'chain', (), quiet('scale'), duration='40m',
          actions=[{'at': '12m', 'kind': 'scale', 'service': 'orders', 'instances': 6},
                   {'at': '25m', 'kind': 'scale', 'service': 'orders', 'instances': 3}])
    write('autoscale', 'maps follows slow waves of traffic by itself', 'fan',
          [{'at': f'{at}m', 'for': '15m', 'ramp': '3m', 'surge': 2.5} for at in (20, 60, 100)], quiet('scale'),
          duration='150m', rate=40,
          patch={'maps': {'instances': 2, 'concurrency': 4, 'autoscale': {'min': 2, 'max': 8, 'target': '40%'}}})


def by_design():
    write('errors-by-design', 'every service fails a little, and always did', 'shop', (), quiet('noise', **objective('frontend', '5%')),
          duration='3h', rate=30, patch={who: {'errors': '0.5%'} for who in ('catalog', 'cart', 'payments', 'ads', 'email')})
    write('slow-by-design', 'a report takes seconds, and is asked for now and then', 'fan', (),
          quiet('slow', **objective('users')), duration='2h',
          traffic=[{'to': 'users', 'rate': 15, 'noise': '10%'}, {'to': 'news', 'name': 'reports', 'rate': 0.05}],
          patch={'news': {'time': {'median': '4s', 'p99': '14s'}}})
    write('pauses-by-design', 'a runtime that stops for 80 ms every 20 seconds', 'rpc',
          [{'at': '0s', 'service': 'accounts', 'pause': '80ms', 'pause_every': '20s'}], quiet('noise'), duration='2h', rate=20)


def clients():
    for mesh in ('shop', 'rpc'):
        entry = MESHES[mesh][1]
        write(f'client-misbehaves-{mesh}', 'one client asks for what is not there', mesh,
              [{'at': '12m', 'for': '10m', 'traffic': 'partner', 'client_errors': '80%'}], quiet('client'), duration='30m',
              traffic=[{'to': entry, 'rate': MESHES[mesh][2], 'noise': '10%'},
                       {'to': entry, 'name': 'partner', 'rate': 8}])


def main():
    global FOLDER
    FOLDER = sys.argv[1] if len(sys.argv) > 1 else FOLDER
    for family in (bad_versions, bad_instances, bad_zones, slow_dependencies, retry_storms, surges, pools, leaks, timeouts,
                   denials, losses, neighbours, holes, flaps, subtle, nothing, deploys, loads, telemetry, scales, clients,
                   by_design):
        family()
    print(f'{len(written)} scenarios')


if __name__ == '__main__':
    main()
