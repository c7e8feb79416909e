#!/usr/bin/env python3
"""Robust z-scores at a change point, after BARO (Pham, Ha, Zhang, FSE 2024: median and interquartile range of what came
before; the largest deviation is the root cause), as the second baseline that the analyzer has to beat.

  baseline_robust_z.py TRUTH.json FOLDER OUT.json

Reads the recordings that TRUTH.json lists (OTLP as JSON lines, gzipped) and makes series of them: from spans, per
serving service and 10 s, median latency and share of errors; from gauges, each as it is. A point's score is its distance
from the median of the points before it (at least 6 of spans, 2 of gauges; those of earlier windows of the same stream
count, 60 at most), in units of their interquartile range, which is at least a tenth of the median. Nothing later is
seen. The moment at which two points of a series running score over 5 is its change point and opens a report: all
services, ranked by their largest score in the last 130 s (620 s where points are five minutes apart). It then stays
silent for as long. Python 3 standard library only.
"""
import collections
import json
import os
import statistics
import sys

from baseline_threshold import BUCKET_S, gauge_points, span_buckets

REMEMBERED, LIMIT, RUNNING = 60, 5.0, 2


class Series:
    """The newest points of one series, and how strange the last of them was."""

    def __init__(self, least):
        self.values, self.least, self.strange = collections.deque(maxlen=REMEMBERED), least, 0

    def add(self, value):
        score = 0.0
        if len(self.values) >= self.least:
            middle = statistics.median(self.values)
            ordered = sorted(self.values)
            spread = ordered[(3 * len(ordered)) // 4] - ordered[len(ordered) // 4]
            score = (value - middle) / max(spread, 0.1 * abs(middle), 1e-4)
        self.strange = self.strange + 1 if score > LIMIT else 0
        if score <= LIMIT:
            self.values.append(value)
        return score


def span_points(path):
    buckets = span_buckets(path)
    for bucket in sorted(buckets):
        for service, calls in sorted(buckets[bucket].items()):
            time = (bucket + 1) * BUCKET_S
            yield time, service, ('spans', 'latency'), statistics.median(s for s, _ in calls), 6, 130
            yield time, service, ('spans', 'errors'), sum(f for _, f in calls) / len(calls), 6, 130


def points(window, folder):
    """(time, service, series, value, least points, seconds that a score is news), in time order."""
    found = []
    traces, metrics = window['files'].get('traces'), window['files'].get('metrics')
    if traces:
        found += span_points(os.path.join(folder, traces))
    if metrics:
        for time, service, name, labels, value in gauge_points(os.path.join(folder, metrics)):
            if 'destination.service' in labels:
                service = service.split('/')[0] + '/' + labels['destination.service']
            if name in ('entry.success.ratio', 'service.availability'):
                value = -value
            news = 620 if name.startswith('service') else 130
            found.append((time, service, (name, tuple(sorted(labels.items()))), value, 2, news))
    return sorted(found, key=lambda p: (p[0], p[1], str(p[2])))


def reports(window, folder, memory):
    number, scores, silent = 0, {}, 0
    for time, service, name, value, least, news in points(window, folder):
        series = memory.setdefault((service, name), Series(least))
        score = series.add(value)
        if score > LIMIT:
            scores[(service, name)] = (time + news, score, name[0] if name[0] != 'spans' else name[1])
        if series.strange < RUNNING or silent > time:
            continue
        silent = time + news
        number += 1
        worst = {}
        for (who, _), (until, score, signal) in scores.items():
            if until >= time and score > worst.get(who, (0, ''))[0]:
                worst[who] = (score, signal)
        at = -(-time // BUCKET_S) * BUCKET_S
        for rank, (who, (score, signal)) in enumerate(sorted(worst.items(), key=lambda w: (-w[1][0], w[0]))[:5], 1):
            yield {'time': int(at * 10 ** 9), 'service': who, 'signal': signal, 'score': score, 'rank': rank,
                   'incident': f"{window['id']}#{number}"}


def run(what, reports):
    """The command line of a baseline that remembers: each stream's windows in order, with one memory."""
    if len(sys.argv) != 4:
        sys.exit(what)
    with open(sys.argv[1]) as handle:
        truth = json.load(handle)
    windows = {w['id']: w for w in truth['incidents'] + truth['normal']}
    found = []
    for stream in truth['streams']:
        memory = {}
        for name in stream['windows']:
            found += reports(windows[name], sys.argv[2], memory)
    found.sort(key=lambda r: (r['time'], r['rank']))
    with open(sys.argv[3], 'w') as handle:
        json.dump(found, handle, indent=0)


if __name__ == '__main__':
    run(__doc__, reports)
