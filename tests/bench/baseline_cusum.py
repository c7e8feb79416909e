#!/usr/bin/env python3
"""Cumulative sums (Page, Biometrika 41, 1954), as the third baseline that the analyzer has to beat: what a person who
knows control charts would build in an afternoon.

  baseline_cusum.py TRUTH.json FOLDER OUT.json

Reads the series that baseline_robust_z.py reads. A point is standardised by mean and deviation of the points before it
that were no part of a change (at least 6 of spans, 2 of gauges, 60 at most; the deviation is at least a tenth of the
mean); what it exceeds 0.5 by is added up, never below 0. A sum over 8 is a change, which began where the sum last was 0,
and opens a report: all services with a change, the one that changed first before the others. The sum then begins anew.
Nothing later is seen. Between two reports lie at least 130 s (620 s where points are five minutes apart). Python 3
standard library only.
"""
import collections
import math

from baseline_robust_z import REMEMBERED, points, run
from baseline_threshold import BUCKET_S

SLACK, LIMIT = 0.5, 8.0


class Series:
    """The newest usual points of one series, the sum, and when it last was 0."""

    def __init__(self, least):
        self.values, self.least, self.sum, self.zero = collections.deque(maxlen=REMEMBERED), least, 0.0, 0

    def add(self, time, value):
        """The size of a change that this point completes, and when it began; or None."""
        if len(self.values) < self.least:
            self.values.append(value)
            self.zero = time
            return None
        mean = sum(self.values) / len(self.values)
        deviation = math.sqrt(sum((v - mean) ** 2 for v in self.values) / len(self.values))
        residual = (value - mean) / max(deviation, 0.1 * abs(mean), 1e-4)
        self.sum = max(0.0, self.sum + residual - SLACK)
        if self.sum == 0:
            self.zero = time
            self.values.append(value)
        if self.sum <= LIMIT:
            return None
        change = (self.sum, self.zero)
        self.sum = 0.0
        return change


def reports(window, folder, memory):
    number, changes, silent = 0, {}, 0
    for time, service, name, value, least, news in points(window, folder):
        change = memory.setdefault((service, name), Series(least)).add(time, value)
        if change is not None:
            changes[(service, name)] = (time + news, change, name[0] if name[0] != 'spans' else name[1])
        if change is None or silent > time:
            continue
        silent = time + news
        number += 1
        first = {}
        for (who, _), (until, (size, onset), signal) in changes.items():
            if until >= time and (onset, -size) < first.get(who, (math.inf, 0, '', 0))[:2]:
                first[who] = (onset, -size, signal, size)
        at = -(-time // BUCKET_S) * BUCKET_S
        ranked = sorted(first.items(), key=lambda w: (w[1][0], w[1][1], w[0]))[:5]
        for rank, (who, (_, _, signal, size)) in enumerate(ranked, 1):
            yield {'time': int(at * 10 ** 9), 'service': who, 'signal': signal, 'score': size, 'rank': rank,
                   'incident': f"{window['id']}#{number}"}


if __name__ == '__main__':
    run(__doc__, reports)
