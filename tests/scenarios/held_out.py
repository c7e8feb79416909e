#!/usr/bin/env python3
"""held_out.py [FOLDER]: writes the scenarios of held-out/, which settings are never chosen on.

Kinds and combinations that the other scenarios do not have, in meshes of another shape; run.py --held-out scores them
apart. Who changes the analyzer after looking at them moves them to generate.py and writes new ones here."""
import os
import sys

import generate as g

HERE = os.path.dirname(os.path.abspath(__file__))

service, must, quiet, objective, write, back = g.service, g.must, g.quiet, g.objective, g.write, g.back
two_versions = g.two_versions


def tickets():
    """Two ways in, a broker in the middle, and a search that fans out."""
    return {
        'web': service(4, 15, operations={
            'GET /search': {'share': 60, 'calls': [{'to': 'search', 'timeout': '3s'}]},
            'POST /book': {'share': 40, 'calls': ['booking']}}),
        'search': service(6, 24, ['seats', {'to': 'fares', 'together': True}, {'to': 'reviews', 'optional': True,
                                                                                'together': True, 'timeout': '400ms'}]),
        'booking': service(5, 20, ['seats', 'charge', {'to': 'mail', 'optional': True}]),
        'seats': service(3, 12, ['seat-store'], instances=6),
        'fares': service(9, 36, instances=4),
        'reviews': service(12, 60),
        'charge': service(22, 90, ['acquirer'], instances=4),
        'acquirer': service(30, 110, instances=2),
        'mail': service(10, 45, instances=2),
        'seat-store': service(1.2, 6, instances=3, concurrency=64),
    }


def home():
    """A gateway before a deep and thin mesh."""
    return {
        'gate': service(1.5, 6, [{'to': 'devices', 'timeout': '1s'}]),
        'devices': service(5, 22, ['rules', 'registry'], instances=4),
        'rules': service(7, 30, ['history'], instances=4),
        'registry': service(2, 9, instances=4),
        'history': service(11, 45, instances=6),
    }


g.MESHES.update(tickets=(tickets, 'web', 90), home=(home, 'gate', 70))
ISTIO = {'telemetry': ['istio_metrics']}


def drain(who, instance):
    return {'kind': 'drain_instance', 'service': who, 'instance': instance}


def zones(who, bad, good):
    return {'kind': 'shift_zones', 'service': who, 'weights': {bad: 0, **{z: 50 for z in good}}}


def versions():
    write('half-errors', 'half of the traffic goes to a version that fails a fifth', 'tickets',
          [{'at': '10m', 'service': 'fares', 'version': 'v2', 'errors': '20%'}],
          must('bad_version', {'service': 'fares', 'version': 'v2'}, cure=back('fares'), **objective('web')),
          patch={'fares': two_versions(50, 50, 4, 4)})
    write('half-latency-istio', 'half of the traffic goes to a slow version; only Istio metrics tell', 'home',
          [{'at': '10m', 'service': 'rules', 'version': 'v2', 'slower': 15}],
          must('bad_version', {'service': 'rules', 'version': 'v2'}, cure=back('rules'),
               **objective('gate', '1%', '250ms')),
          patch={'rules': two_versions(50, 50, 3, 3)}, **ISTIO)
    write('half-no-room', 'half of the traffic goes to a bad version, and the other cannot bear all of it', 'home',
          [{'at': '10m', 'service': 'history', 'version': 'v2', 'errors': '25%'}],
          must('bad_version', {'service': 'history', 'version': 'v2'}, **objective('gate')),
          patch={'history': {**two_versions(50, 50, 3, 3), 'concurrency': 1, 'queue': 50,
                             'time': g.lognormal(48, 110)}})
    write('canary-only-slow', 'a canary with a seventh of the traffic is six times as slow and never fails', 'tickets',
          [{'at': '10m', 'service': 'charge', 'version': 'v2', 'slower': 6}],
          must('bad_version', {'service': 'charge', 'version': 'v2'}, cure=back('charge'),
               **objective('web', '1%', '260ms')), patch={'charge': two_versions(85, 15, 1, 4)})
    write('old-version-breaks', 'the old version starts to fail while a canary of equal size is well', 'home',
          [{'at': '10m', 'service': 'devices', 'version': 'v1', 'errors': '30%'}],
          must('bad_version', {'service': 'devices', 'version': 'v1'}, cure=back('devices', 'v2'), **objective('gate')),
          patch={'devices': two_versions(55, 45, 4, 4)})
    write('three-versions', 'one of three versions gets slow', 'tickets',
          [{'at': '10m', 'service': 'seats', 'version': 'v3', 'delay': '180ms'}],
          must('bad_version', {'service': 'seats', 'version': 'v3'},
               cure={'kind': 'shift_versions', 'service': 'seats', 'weights': {'v1': 80, 'v2': 20, 'v3': 0}},
               **objective('web', '1%', '250ms')),
          patch={'seats': {'versions': {'v1': {'weight': 60, 'instances': 4}, 'v2': {'weight': 20, 'instances': 2},
                                        'v3': {'weight': 20, 'instances': 2}}}})


def places():
    write('zone-errors', 'charge fails in zone c', 'tickets',
          [{'at': '10m', 'service': 'charge', 'zone': 'c', 'errors': '70%', 'status': 503}],
          must('bad_zone', {'service': 'charge', 'zone': 'c'}, cure=zones('charge', 'c', 'ab'), **objective('web')),
          patch={'charge': {'instances': 6}})
    write('zone-slow-istio', 'devices is slow in zone a; only Istio metrics tell', 'home',
          [{'at': '10m', 'service': 'devices', 'zone': 'a', 'slower': 25}],
          must('bad_zone', {'service': 'devices', 'zone': 'a'}, cure=zones('devices', 'a', 'bc'),
               **objective('gate', '1%', '250ms')), patch={'devices': {'instances': 9}}, **ISTIO)
    write('zone-no-room', 'history fails in zone b, and the other zones are busy', 'home',
          [{'at': '10m', 'service': 'history', 'zone': 'b', 'errors': '50%'}],
          must('bad_zone', {'service': 'history', 'zone': 'b'}, **objective('gate')),
          patch={'history': {'instances': 6, 'concurrency': 1, 'queue': 60, 'time': g.lognormal(60, 120)}}, rate=75)
    write('zone-black-hole', 'everything of seats in zone a stops answering', 'tickets',
          [{'at': '10m', 'service': 'seats', 'zone': 'a', 'blackhole': True}],
          must('bad_zone', {'service': 'seats', 'zone': 'a'}, also=['search', 'booking'],
               cure=zones('seats', 'a', 'bc'), **objective('web', '2%', '500ms')),
          patch={'search': {'calls': [{'to': 'seats', 'timeout': '800ms'}, {'to': 'fares', 'together': True}]},
                 'booking': {'calls': [{'to': 'seats', 'timeout': '800ms'}, 'charge']}})
    write('instance-crash-loop', 'an instance of rules is down half a minute in every minute', 'home',
          [{'at': '10m', 'service': 'rules', 'instance': 'rules-v1-4', 'crash': True, 'flap': '25s'}],
          must('flapping', {'service': 'rules', 'instance': 'rules-v1-4'}, cure=drain('rules', 'rules-v1-4'),
               **objective('gate')))
    write('instance-one-operation', 'an instance fails only one of two operations', 'rpc',
          [{'at': '10m', 'service': 'accounts', 'instance': 'accounts-v1-3', 'operation': 'bank.Accounts/List',
            'errors': '45%'}],
          must('bad_instance', {'service': 'accounts', 'instance': 'accounts-v1-3'},
               cure=drain('accounts', 'accounts-v1-3'), **objective('gateway')))
    write('instance-of-two', 'one of only two instances gets slow', 'tickets',
          [{'at': '10m', 'service': 'acquirer', 'instance': 'acquirer-v1-2', 'slower': 10}],
          must('bad_instance', {'service': 'acquirer', 'instance': 'acquirer-v1-2'},
               cure=drain('acquirer', 'acquirer-v1-2'), **objective('web', '1%', '400ms')))


def pairs():
    write('two-faults-apart', 'a canary fails, and two minutes later another service gets slow', 'tickets',
          [{'at': '10m', 'service': 'fares', 'version': 'v2', 'errors': '50%'},
           {'at': '12m', 'service': 'acquirer', 'slower': 4}],
          must('two_faults', {'service': 'fares', 'version': 'v2'}, cure=back('fares'), **objective('web', '1%', '900ms')),
          patch={'fares': two_versions(75, 25)})
    write('two-faults-at-once', 'an instance fails, and its callee gets slow in the same moment', 'home',
          [{'at': '10m', 'service': 'rules', 'instance': 'rules-v1-2', 'errors': '60%'},
           {'at': '10m', 'service': 'history', 'slower': 5}],
          must('two_faults', {'service': 'rules', 'instance': 'rules-v1-2'}, also=['history'], **objective('gate')))
    write('cascade-two-ways', 'the store of seats gets slow; both ways into it run out of places', 'tickets',
          [{'at': '10m', 'ramp': '20s', 'service': 'seat-store', 'delay': '1500ms'}],
          must('slow_dependency', {'service': 'seat-store'}, **objective('web', '1%', '400ms')),
          patch={'seats': {'concurrency': 6}, 'booking': {'concurrency': 10}})
    write('bad-version-in-a-surge', 'a canary gets slow while twice the traffic comes', 'home',
          [{'at': '9m', 'ramp': '1m', 'surge': 2}, {'at': '11m', 'service': 'registry', 'version': 'v2', 'delay': '400ms'}],
          must('bad_version', {'service': 'registry', 'version': 'v2'}, at='11m', cure=back('registry'),
               **objective('gate', '1%', '250ms')), patch={'registry': two_versions(70, 30, 2)})


def patience():
    storm = [{'to': 'devices', 'retries': 5, 'timeout': '250ms', 'backoff': '4ms'}]
    write('storm-behind-a-gateway', 'devices slows for 50 seconds; the retries of the gateway keep it down', 'home',
          [{'at': '10m', 'for': '50s', 'service': 'devices', 'slower': 8}],
          must('retry_storm', {'service': 'devices'}, also=['gate'],
               cure={'kind': 'cut_retries', 'service': 'devices', 'attempts': 0}, **objective('gate', '5%', '900ms')),
          patch={'gate': {'calls': storm, 'concurrency': 500}, 'devices': {'concurrency': 1, 'queue': 300, 'instances': 3, 'calls': []}},
          rate=190)
    write('retries-that-help', 'a service fails a third of its requests, and retries hide most of it', 'home',
          [{'at': '10m', 'service': 'devices', 'errors': '33%', 'slower': 2}],
          must('bad_service', {'service': 'devices'}, **objective('gate')),
          patch={'gate': {'calls': [{'to': 'devices', 'retries': 3, 'backoff': '10ms'}]}})
    for name, mesh, caller, who, timeout in [('short', 'tickets', 'booking', 'charge', '60ms'),
                                             ('shorter', 'home', 'devices', 'rules', '18ms')]:
        write(f'timeout-too-{name}', f'{caller} gives {who} only {timeout} from now on', mesh,
              [{'at': '10m', 'from': caller, 'service': who, 'timeout': timeout}],
              must('mis_set_timeout', {'service': caller}, also=[who],
                   cure={'kind': 'set_timeout', 'service': who, 'caller': caller, 'timeout_s': 2},
                   **objective(g.MESHES[mesh][1], '1%', '600ms')))
    write('timeout-too-long', 'reviews hangs, and search waits for ever for what it can do without', 'tickets',
          [{'at': '10m', 'from': 'search', 'service': 'reviews', 'timeout': '10s'},
           {'at': '10m', 'service': 'reviews', 'delay': '5s'}],
          must('slow_dependency', {'service': 'reviews'}, also=['search'], **objective('web', '1%', '400ms')))
    write('waits-and-cannot-do-without', 'the acquirer takes seconds, and nobody can do without it', 'tickets',
          [{'at': '10m', 'service': 'acquirer', 'delay': '2s'}],
          must('slow_dependency', {'service': 'acquirer'}, **objective('web', '1%', '500ms')))


def little():
    write('little-traffic-canary', 'three requests a second, and a canary that fails half', 'small',
          [{'at': '20m', 'service': 'back', 'version': 'v2', 'errors': '50%'}],
          must('bad_version', {'service': 'back', 'version': 'v2'}, at='20m', cure=back('back'), **objective('front')),
          patch={'back': two_versions(60, 40, 2)}, rate=3, duration='40m')
    write('little-traffic-instance', 'two requests a second, and an instance that is slow', 'small',
          [{'at': '20m', 'service': 'back', 'instance': 'back-v1-2', 'delay': '900ms'}],
          must('bad_instance', {'service': 'back', 'instance': 'back-v1-2'}, at='20m', cure=drain('back', 'back-v1-2'),
               **objective('front', '1%', '400ms')), patch={'back': {'instances': 4}}, rate=2, duration='40m')
    write('little-traffic-night', 'a request every four seconds, with pauses and an error now and then', 'small', (),
          quiet('low_traffic', **objective('front', '5%')), duration='1d', rate=0.25, patch={'back': {'errors': '1%'}})


def incurable():
    write('certificate-expired', 'nobody may call fares any more', 'tickets',
          [{'at': '10m', 'from': 'search', 'service': 'fares', 'deny': 'certificate'}],
          must('denied', {'service': 'fares'}, also=['search'], **objective('web')))
    write('leak-in-all', 'every instance of rules pauses ever longer', 'home',
          [{'at': '8m', 'ramp': '5m', 'service': 'rules', 'pause': '2s', 'pause_every': '6s', 'leak_mb_per_minute': 50}],
          must('memory_leak', {'service': 'rules'}, at='8m', **objective('gate', '1%', '300ms')), duration='18m')
    write('surge-into-a-small-service', 'five times the traffic: charge cannot bear it', 'tickets',
          [{'at': '10m', 'ramp': '30s', 'surge': 5}],
          must('surge', {'service': 'charge'}, also=['acquirer'], **objective('web', '1%', '600ms')),
          patch={'charge': {'concurrency': 2, 'queue': 40, 'instances': 2}})
    write('scale-down-in-peace', 'history is scaled from six to three, and bears it', 'home', (), quiet('scale'),
          duration='40m', actions=[{'at': '15m', 'kind': 'scale', 'service': 'history', 'instances': 3}])
    write('rollout-in-peace', 'charge v2 replaces v1 in five minutes and is as good', 'tickets', (), quiet('deploy'),
          duration='40m', patch={'charge': two_versions(100, 0, 4, 4)},
          actions=[{'at': '15m', 'over': '5m', 'kind': 'shift_versions', 'service': 'charge',
                    'weights': {'v1': 0, 'v2': 100}}])


def main():
    g.FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, 'held-out')
    os.makedirs(g.FOLDER, exist_ok=True)
    for family in (versions, places, pairs, patience, little, incurable):
        family()
    print(f'{len(g.written)} scenarios')


if __name__ == '__main__':
    main()
