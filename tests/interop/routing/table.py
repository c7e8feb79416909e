#!/usr/bin/env python3
"""table.py RENDERED.jsonl: the table of docs/routing.md, out of what the languages really write.

A kind of object stands where it is written, in brackets where it is the nearest instead, and a dash where nothing is."""
import json
import sys

KINDS = {'shift_versions': 'shift versions', 'tighten_ejection': 'eject instances', 'circuit_breaker': 'limit in flight',
         'rate_limit': 'rate limit', 'cut_retries': 'cut retries', 'set_timeout': 'timeout', 'shift_zones': 'shift zones',
         'fail_over': 'fail over', 'drain_instance': 'drain one instance'}

cells, names = {}, []
for line in open(sys.argv[1], encoding='utf-8'):
    document = json.loads(line)
    language, kind = document['language'], document['kind']
    if document['action']['service'] != 'reviews' and kind not in ('shift_zones', 'fail_over', 'shift_versions'):
        continue
    if language not in names:
        names.append(language)
    kinds = ', '.join(dict.fromkeys(('annotations' if o['kind'] == 'Service' else o['kind']) for o in document['objects']))
    text = '–' if not kinds else f'({kinds})' if document['cannot'] else kinds
    if cells.get((language, kind), '–') == '–':
        cells[language, kind] = text
print('| language | ' + ' | '.join(KINDS.values()) + ' |')
print('|---' * (len(KINDS) + 1) + '|')
for name in names:
    print(f'| `{name}` | ' + ' | '.join(cells[name, kind] for kind in KINDS) + ' |')
