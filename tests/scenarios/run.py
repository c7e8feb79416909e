#!/usr/bin/env python3
"""run.py [--program PATH] [--seeds N] [--cures | --heal] [--held-out] [--json FILE] [SCENARIO.yaml | WORD]...

Simulates every scenario (or those named, or those whose name contains a WORD) into a file, runs `seismesh backtest` on
it, and scores what it said against the scenario's own truth. With --cures no analyzer runs: it checks the scenarios
themselves, that is, that users are fine before the fault, are not while it lasts, and are again once the named cure is
applied (for faults that routing can heal).

  detected      an incident was opened between the fault's start and two minutes after its end
  top-1         the culprit, or one that the truth names `also`, is the first suspect of that incident's last report;
                where the culprit is a version or an instance, `part` says whether that was named as well
  false         incidents opened where none should be: before the fault, or anywhere when nothing must alarm

With --heal the first change that the analyzer suggests is applied to the simulation REACTION_S after it was said, and
the users' outcome is compared with that of the same chances without it:

  healed        a minute later the objective holds (for faults that routing can heal)
  harm          users are clearly worse off than without the change
  abstained     no change was suggested (where routing cannot help, or nothing is wrong)
  inside        what the service then served lies in the predicted 90 % interval (error ratio; 99th percentile)

Exits with 1 when a program failed, not when a score is low: this is a measurement."""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
GRACE_S = 120
REACTION_S = 20


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('scenarios', nargs='*')
    parser.add_argument('--program', default=os.path.join(ROOT, 'build/release/seismesh'))
    parser.add_argument('--seeds', type=int, default=1, help='seeds per scenario: its own, then others')
    parser.add_argument('--cures', action='store_true')
    parser.add_argument('--heal', action='store_true')
    parser.add_argument('--json', help='write all results there')
    parser.add_argument('--quiet', action='store_true', help='only the summary')
    parser.add_argument('--held-out', action='store_const', dest='folder', const=os.path.join(HERE, 'held-out'), default=HERE,
                        help='those of held-out/, on which no setting was chosen (held_out.py)')
    return parser.parse_args()


def chosen(words, folder):
    every = sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith('.yaml'))
    if not words:
        return every
    files = [w for w in words if w.endswith('.yaml')]
    return files + [f for f in every if any(w in os.path.basename(f) for w in words if not w.endswith('.yaml'))]


def simulate(program, scenario, out, more):
    summary = out + '.summary.json'
    subprocess.run([program, 'simulate', scenario, '--summary', summary, *more], check=True, stderr=subprocess.PIPE)
    with open(summary, encoding='utf-8') as handle:
        return json.load(handle)


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


def incidents_of(detections):
    """[{opened: seconds, suspects: [service, …], parts: …}] in order; suspects are those of the last report."""
    found = {}
    for entry in detections:
        at = seconds(entry['time'])
        incident = found.setdefault(entry['incident'], {'opened': at, 'last': at, 'suspects': []})
        if at != incident['last']:
            incident['last'], incident['suspects'] = at, []
        incident['suspects'].append(entry)
    for incident in found.values():
        incident['suspects'].sort(key=lambda entry: entry['rank'])
    return sorted(found.values(), key=lambda incident: incident['opened'])


def judge(summary, detections):
    truth, start = summary['truth'], summary['start_s']
    incidents = incidents_of(detections)
    begin, end = start + truth['from_s'], start + truth['until_s'] + GRACE_S
    result = {'name': summary['name'], 'kind': truth['kind'], 'must': truth['must_alarm'],
              'hours': summary['duration_s'] / 3600, 'detected': False, 'top1': False, 'part': None, 'delay': None}
    if not truth['must_alarm']:
        result['false'] = len(incidents)
        result['named'] = [i['suspects'][0]['service'] for i in incidents]
        return result
    result['false'] = sum(1 for i in incidents if i['opened'] < begin)
    hits = [i for i in incidents if begin <= i['opened'] <= end]
    if not hits:
        return result
    first = hits[0]['suspects'][0]
    right = [s for s in [truth['service'], *truth['also']] if s]
    right += ['default/' + s for s in right if '/' not in s]  # what Istio says of those without a namespace
    result.update(detected=True, delay=hits[0]['opened'] - begin, named=[first['service']], more=len(hits) - 1,
                  top1=first['service'] in right)
    if truth['instance'] or truth['version']:
        instance = first.get('instance') or ''
        result['part'] = result['top1'] and (instance == truth['instance'] if truth['instance'] else
                                             f"-{truth['version']}-" in instance)
    return result


def run_analyzer(options, scenario, seed, work):
    out = os.path.join(work, 'telemetry.pb')
    more = ['--out', out] + ([] if seed is None else ['--seed', str(seed)])
    summary = simulate(options.program, scenario, out, more)
    found, suggested = os.path.join(work, 'detections.json'), os.path.join(work, 'suggestions.json')
    subprocess.run([options.program, 'backtest', out, '--out', found, '--suggestions', suggested], check=True,
                   stderr=subprocess.PIPE)
    with open(found, encoding='utf-8') as handle:
        result = judge(summary, json.load(handle))
    if getattr(options, 'heal', False):
        with open(suggested, encoding='utf-8') as handle:
            result.update(heal(options, scenario, seed, work, summary, json.load(handle)))
    return result


def action_of(suggestion):
    """What a suggestion would change, in the simulator's words: its own `action`, or what its kind and target mean."""
    if isinstance(suggestion.get('action'), dict):
        return dict(suggestion['action'])
    target = suggestion.get('target') or {}
    service = (target.get('service') or '').split('/')[-1]
    if suggestion['kind'] == 'roll_back_version':
        rows = suggestion['effect']['load']
        weights = {r['target']: 0 if r['target'] == target['version'] else r['predicted_rate'] for r in rows}
        return {'kind': 'shift_versions', 'service': service, 'weights': weights}
    if suggestion['kind'] == 'eject_instance':
        return {'kind': 'drain_instance', 'service': service, 'instance': target['instance']}
    return None


def heal(options, scenario, seed, work, plain, suggestions):
    truth, start, duration = plain['truth'], plain['start_s'], plain['duration_s']
    result = {'change': None, 'healed': None, 'harm': False, 'curable': bool(truth['routing_heals'])}
    acts = [(seconds(s['time']), action_of(s), s.get('effect') or {}, (s.get('target') or {}).get('service'))
            for s in suggestions]
    acts = [a for a in sorted(acts, key=lambda a: a[0]) if a[1] is not None]
    if not acts:
        result['healed'] = False if truth['routing_heals'] else None
        return result
    said, action, effect, target = acts[0]
    at = said - start + REACTION_S
    result['change'] = action['kind']
    plan = os.path.join(work, 'plan.jsonl')
    with open(plan, 'w', encoding='utf-8') as handle:
        json.dump({**action, 'at': f'{max(at, 0):.0f}s'}, handle)
    more = ['--actions', plan] + ([] if seed is None else ['--seed', str(seed)])
    changed = simulate(options.program, scenario, os.path.join(work, 'changed'), more)
    begin = at + 60
    if begin >= duration:
        return result
    before, after = outcome(plain, begin, duration), outcome(changed, begin, duration)
    result['harm'] = worse_off(before, after)
    result['users'] = {'without': before, 'with': after}
    if truth['routing_heals']:
        result['healed'] = not breaks(changed, begin, duration)
    result['forecasts'] = forecasts(changed, action, target, effect)
    return result


def worse_off(before, after):
    """More fail, or they wait longer; requests that failed at once and are answered now wait, and are no worse off."""
    fail, wait = after[0] > before[0] * 1.2 + 0.005, after[1] > before[1] * 1.3 + 0.010
    return fail or (wait and not after[0] < before[0] * 0.8 - 0.005)


def forecasts(changed, action, target, effect):
    """Predicted against served. With a timeout the 99th percentile is the caller's, and errors are those of calls, which
    a summary does not have."""
    calls = action['kind'] == 'set_timeout'
    seen = changed['served'].get((action.get('caller') or '' if calls else target or '').split('/')[-1])
    if not seen or seen['requests'] <= 100:
        return {}
    values = {'p99_s': seen['p99_s']} if calls else {'error_ratio': seen['errors'] / seen['requests'], 'p99_s': seen['p99_s']}
    return {key: {'low': effect[key]['low'], 'high': effect[key]['high'], 'seen': value,
                  # quantiles of the simulation are 4 % exact
                  'inside': effect[key]['low'] * 0.96 - 1e-9 <= value <= effect[key]['high'] * 1.04}
            for key, value in values.items() if effect.get(key)}


def outcome(summary, begin, end):
    windows = [w for w in summary['windows'] if begin <= w['at_s'] < end]
    requests = sum(w['requests'] for w in windows)
    if requests == 0:
        return 0.0, 0.0
    return (sum(w['errors'] for w in windows) / requests,
            sum(w['p99_s'] * w['requests'] for w in windows) / requests)


def breaks(summary, begin, end):
    errors, p99 = outcome(summary, begin, end)
    goal = summary['truth']['objective']
    return errors > goal['errors'] > 0 or p99 > goal['p99_s'] > 0


def check_cure(options, scenario, seed, work):
    """A list of what is wrong with the scenario itself."""
    more = [] if seed is None else ['--seed', str(seed)]
    summary = simulate(options.program, scenario, os.path.join(work, 'plain'), more)
    truth, duration, wrong = summary['truth'], summary['duration_s'], []
    if not truth['must_alarm']:
        return ['users suffer, though nothing is to be told'] if breaks(summary, 0, duration) else []
    begin = truth['from_s']
    if breaks(summary, 60, begin):
        wrong.append('users suffer before the fault')
    if not breaks(summary, begin + 60, truth['until_s']):
        wrong.append('users do not suffer from the fault')
    if truth['routing_heals']:
        cured = simulate(options.program, scenario, os.path.join(work, 'cured'),
                         [*more, '--cure', f'{int(begin + 120)}s'])
        if breaks(cured, begin + 180, cured['duration_s']):
            wrong.append('the cure does not heal: %.2f %% errors, p99 %.0f ms' % tuple(
                x * y for x, y in zip(outcome(cured, begin + 180, cured['duration_s']), (100, 1000))))
    return wrong


def show(result):
    def mark(value):
        return '-' if value is None else 'yes' if value else 'NO'
    delay = '-' if result['delay'] is None else f"{result['delay']:.0f} s"
    state = (mark(result['detected']), mark(result['top1']), mark(result['part'])) if result['must'] else ('', '', '')
    change = ''
    if 'harm' in result:
        change = f"  [{result['change'] or 'abstains'}{', HARM' if result['harm'] else ''}" \
                 f"{'' if result['healed'] is None else ', healed' if result['healed'] else ', NOT healed'}]"
    print(f"{result['name']:38} {result['kind']:18} {state[0]:>8} {delay if result['must'] else '':>7} {state[1]:>6} "
          f"{state[2]:>5} {result['false']:>6}  {' '.join(result.get('named', []))}{change}")


def ended(failed):
    """What became of a program that failed, as a sentence."""
    words = (failed.stderr or b'').decode(errors='replace')[-500:]
    return f"{' '.join(failed.cmd)} ended with {failed.returncode}: {words}"


def share(part, whole):
    return f'{part} of {whole}' + (f' ({100 * part / whole:.1f} %)' if whole else '')


def summarize(results):
    faults = [r for r in results if r['must']]
    delays = [r['delay'] for r in faults if r['delay'] is not None]
    parts = [r for r in faults if r['part'] is not None or (not r['detected'] and r['kind'].startswith('bad_'))]
    weeks = sum(r['hours'] for r in results) / 168
    false = sum(r['false'] for r in results)
    print(f"\nfaults detected   {share(sum(r['detected'] for r in faults), len(faults))}")
    if delays:
        print(f'median delay      {statistics.median(delays):.0f} s')
    print(f"top-1 culprit     {share(sum(r['top1'] for r in faults), len(faults))}")
    print(f"its part          {share(sum(bool(r['part']) for r in parts), len(parts))} (version or instance)")
    print(f'false incidents   {false} in {weeks:.2f} simulated weeks')
    if any('harm' in r for r in results):
        curable, others = [r for r in results if r['curable']], [r for r in results if not r['curable']]
        print(f"healed            {share(sum(bool(r['healed']) for r in curable), len(curable))} that routing can heal")
        print(f"abstained         {share(sum(r['change'] is None for r in others), len(others))} where it cannot or need not")
        print(f"harm              {sum(r['harm'] for r in results)}")
        for key in ('error_ratio', 'p99_s'):
            told = [r['forecasts'][key]['inside'] for r in results if key in r.get('forecasts', {})]
            print(f"inside            {share(sum(told), len(told))} ({key})")
    kinds = sorted({r['kind'] for r in faults})
    print(f"\n{'kind':20} {'n':>3} {'detected':>9} {'top-1':>6}")
    for kind in kinds:
        rows = [r for r in faults if r['kind'] == kind]
        print(f"{kind:20} {len(rows):>3} {sum(r['detected'] for r in rows):>9} {sum(r['top1'] for r in rows):>6}")


def main():
    options = parse()
    results, bad = [], 0
    began = time.time()
    with tempfile.TemporaryDirectory() as work:
        if not options.cures and not options.quiet:
            print(f"{'scenario':38} {'kind':18} {'detected':>8} {'delay':>7} {'top-1':>6} {'part':>5} {'false':>6}  named")
        for scenario in chosen(options.scenarios, options.folder):
            for number in range(options.seeds):
                seed = None if number == 0 else 1000 + number
                if options.cures:
                    wrong = check_cure(options, scenario, seed, work)
                    bad += bool(wrong)
                    print(f"{'FAIL' if wrong else 'ok  '} {os.path.basename(scenario)[:-5]}  {'; '.join(wrong)}")
                    continue
                results.append(run_analyzer(options, scenario, seed, work))
                if not options.quiet:
                    show(results[-1])
                    sys.stdout.flush()
    if options.cures:
        print(f'{len(chosen(options.scenarios, options.folder)) * options.seeds - bad} passed, {bad} failed')
        return 1 if bad else 0
    summarize(results)
    print(f'\n{time.time() - began:.0f} s for {len(results)} runs')
    if options.json:
        with open(options.json, 'w', encoding='utf-8') as handle:
            json.dump(results, handle, indent=1)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failed:
        sys.exit(f'run.py: {ended(failed)}')
