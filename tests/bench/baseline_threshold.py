#!/usr/bin/env python3
"""Fixed thresholds as people write them into Prometheus rules, as the baseline that the analyzer has to beat.

  baseline_threshold.py TRUTH.json FOLDER OUT.json

Reads the recordings that TRUTH.json lists (OTLP as JSON lines, gzipped) and writes what such rules would report:
  spans, every 10 s, per serving service, at least 5 requests:  errors over 5 %, or the median over twice the median of
      the first 6 buckets of the window and over 100 ms
  gauges, every point:  success ratio under 95 %; latency (median, 90th percentile or mean) over twice the first two
      points' mean and over 100 ms; processor over 80 %
A rule that fires is one report with all services that fire at that moment, ranked by how far they are beyond their
threshold. It fires again only after 120 s (two periods, for gauges) without. Python 3 standard library only.
"""
import collections
import gzip
import json
import os
import statistics
import sys

BUCKET_S = 10


def lines(path):
    with gzip.open(path, 'rt') as handle:
        for line in handle:
            yield json.loads(line)


def attributes(items):
    return {a['key']: next(iter(a['value'].values())) for a in items or []}


def service_of(resource):
    a = attributes(resource.get('attributes'))
    name, space = a.get('service.name', 'unknown'), a.get('service.namespace')
    return f'{space}/{name}' if space and '/' not in name else name


def span_buckets(path):
    """{bucket: {service: [(seconds, failed)]}} of server and consumer spans."""
    out = collections.defaultdict(lambda: collections.defaultdict(list))
    for request in lines(path):
        for block in request['resourceSpans']:
            service = service_of(block['resource'])
            for scope in block['scopeSpans']:
                for span in scope['spans']:
                    if span.get('kind') not in (2, 5):
                        continue
                    start, end = int(span['startTimeUnixNano']), int(span['endTimeUnixNano'])
                    failed = (span.get('status') or {}).get('code') == 2
                    out[end // (BUCKET_S * 10 ** 9)][service].append(((end - start) / 1e9, failed))
    return out


def span_alarms(path):
    """Yields (time, service, signal, factor beyond the threshold)."""
    first = collections.defaultdict(list)
    buckets = span_buckets(path)
    for n, bucket in enumerate(sorted(buckets)):
        for service, calls in sorted(buckets[bucket].items()):
            if n < 6:
                first[service] += [seconds for seconds, _ in calls]
            if len(calls) < 5:
                continue
            time = (bucket + 1) * BUCKET_S
            ratio = sum(failed for _, failed in calls) / len(calls)
            if ratio > 0.05:
                yield time, service, 'errors', ratio / 0.05, 120
            median = statistics.median(seconds for seconds, _ in calls)
            if n >= 6 and first[service] and median > max(2 * statistics.median(first[service]), 0.1):
                yield time, service, 'latency', median / statistics.median(first[service]), 120


def gauge_points(path):
    for request in lines(path):
        for block in request['resourceMetrics']:
            service = service_of(block['resource'])
            for scope in block['scopeMetrics']:
                for metric in scope['metrics']:
                    for point in metric.get('gauge', {}).get('dataPoints', []):
                        value = point.get('asDouble', point.get('asInt'))
                        yield (int(point['timeUnixNano']) / 1e9, service, metric['name'],
                               attributes(point.get('attributes')), float(value))


def gauge_alarms(path):
    first, period = collections.defaultdict(list), {}
    for time, service, name, labels, value in gauge_points(path):
        if name.endswith('cpu.utilization') and value > 0.8 and not name.startswith('node'):
            yield time, service, 'cpu', value / 0.8, 130
        if name in ('entry.success.ratio', 'service.availability'):
            failed = 1 - (value if name.startswith('entry') else value / 100)
            if failed > 0.05:
                yield time, service, 'errors', failed / 0.05, 130 if name.startswith('entry') else 620
        if not name.endswith('latency'):
            continue
        if str(labels.get('quantile', labels.get('statistic'))) not in ('0.5', '0.9', 'p50', 'p90', 'Average'):
            continue
        if 'destination.service' in labels:
            service = service.split('/')[0] + '/' + labels['destination.service']
        key = (service, name, tuple(sorted(labels.items())))
        if len(first[key]) < 2:
            first[key].append(value)
        elif value > max(2 * statistics.mean(first[key]), 0.1):
            yield time, service, 'latency', value / max(statistics.mean(first[key]), 1e-6), \
                620 if name.startswith('service') else 130


def reports(window, folder):
    alarms = collections.defaultdict(list)
    for kind, read in (('traces', span_alarms), ('metrics', gauge_alarms)):
        name = window['files'].get(kind)
        if name:
            for time, service, signal, factor, quiet in read(os.path.join(folder, name)):
                alarms[-(-time // BUCKET_S) * BUCKET_S].append((factor, service, signal, quiet))
    quiet_until, number = {}, 0
    for time in sorted(alarms):
        fresh = any(quiet_until.get((service, signal), 0) < time for _, service, signal, _ in alarms[time])
        for _, service, signal, quiet in alarms[time]:
            quiet_until[(service, signal)] = time + quiet
        if not fresh:
            continue
        number += 1
        worst = sorted({service: (factor, signal) for factor, service, signal, _ in sorted(alarms[time])}.items(),
                       key=lambda item: -item[1][0])
        for rank, (service, (factor, signal)) in enumerate(worst[:5], 1):
            yield {'time': int(time * 10 ** 9), 'service': service, 'signal': signal, 'score': factor, 'rank': rank,
                   'incident': f"{window['id']}#{number}"}


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[1]) as handle:
        truth = json.load(handle)
    found = [r for window in truth['incidents'] + truth['normal'] for r in reports(window, sys.argv[2])]
    found.sort(key=lambda r: (r['time'], r['rank']))
    with open(sys.argv[3], 'w') as handle:
        json.dump(found, handle, indent=0)


if __name__ == '__main__':
    main()
