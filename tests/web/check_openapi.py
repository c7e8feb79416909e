"""check_openapi.py ROUTES.json URL: web/openapi.yaml, the route table and a live server's answers, against each other.

Both ways: each route is described and each description has a route, with the same parameters; each answer holds to the
schema of its status and content type. Ends with exit status 1 and a line per disagreement."""
import json
import sys
import urllib.error
import urllib.request

import jsonschema
import yaml

faults = []


def fault(text):
    faults.append(text)
    print('     ' + text)


def resolve(document, node):
    while isinstance(node, dict) and '$ref' in node:
        at = document
        for part in node['$ref'].removeprefix('#/').split('/'):
            at = at[part]
        node = at
    return node


def described_routes(document):
    for path, item in document['paths'].items():
        for method, operation in item.items():
            query = [p for p in (resolve(document, p) for p in operation.get('parameters', [])) if p['in'] == 'query']
            yield (method.upper(), path), {p['name'] for p in query}


def compare_routes(document, routes):
    described = dict(described_routes(document))
    actual = {(r['method'], r['path']): set(r['parameters']) for r in routes}
    for key in described.keys() - actual.keys():
        fault(f'openapi.yaml describes {key}, which has no route')
    for key in actual.keys() - described.keys():
        fault(f'the route {key} is not in openapi.yaml')
    for key in actual.keys() & described.keys():
        if actual[key] != described[key]:
            fault(f'{key}: parameters differ: {sorted(actual[key] ^ described[key])}')
    codes = [op['operationId'] for item in document['paths'].values() for op in item.values()]
    if len(codes) != len(set(codes)):
        fault('an operationId is used twice')


def ask(url, method, path, body=None):
    headers = {'X-Seismesh': '1'} if method in ('POST', 'DELETE') else {}
    request = urllib.request.Request(url + path, method=method, data=body, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers.get_content_type(), answer.read()


def not_a_number(text):
    raise ValueError(f'{text} is no JSON')


def check_answer(document, url, method, path, concrete, body=None):
    status, kind, text = ask(url, method, concrete, body)
    response = resolve(document, document['paths'][path][method.lower()]['responses'].get(str(status)))
    if response is None:
        fault(f'{method} {concrete}: status {status} is not described')
        return
    if kind not in response['content']:
        fault(f'{method} {concrete}: {kind} is not described for {status}')
        return
    if kind != 'application/json':
        return
    answer = json.loads(text, parse_constant=not_a_number)
    schema = {'$ref': response['content'][kind]['schema']['$ref'], 'components': document['components']}
    for error in jsonschema.Draft202012Validator(schema).iter_errors(answer):
        fault(f'{method} {concrete}: {"/".join(map(str, error.absolute_path))}: {error.message[:200]}')


CANARY = '/api/v1/canary?service=shop/cart&baseline=v1&canary=v2'
TRACE = '0102030405060708090a0b0c0d0e0f10'
QUESTIONS = [
    ('GET', '/api/v1/status', '/api/v1/status'),
    ('GET', '/api/v1/status', '/api/v1/status?no=1'),
    ('GET', '/api/v1/services', '/api/v1/services'),
    ('GET', '/api/v1/services', '/api/v1/services?limit=1&search=CART'),
    ('GET', '/api/v1/services', '/api/v1/services?start=2020-01-01T00:00:00Z&end=2020-01-02T00:00:00Z'),
    ('GET', '/api/v1/services', '/api/v1/services?limit=x'),
    ('GET', '/api/v1/services/{id}', '/api/v1/services/shop%2Fcart'),
    ('GET', '/api/v1/services/{id}', '/api/v1/services/shop%2Ffront?start=-1m'),
    ('GET', '/api/v1/services/{id}', '/api/v1/services/nobody'),
    ('GET', '/api/v1/graph', '/api/v1/graph'),
    ('GET', '/api/v1/graph', '/api/v1/graph?start=0&end=60'),
    ('GET', '/api/v1/series', '/api/v1/series?service=shop/cart'),
    ('GET', '/api/v1/series', '/api/v1/series?service=shop/cart&instance=cart-5f7d-x&step=60'),
    ('GET', '/api/v1/series', '/api/v1/series?service=shop/cart&operation=POST%20/cart/%7Bid%7D'),
    ('GET', '/api/v1/series', '/api/v1/series?service=shop/cart&zone=eu-1a&step=3600'),
    ('GET', '/api/v1/series', '/api/v1/series?edge=shop/front%3Eshop/cart'),
    ('GET', '/api/v1/series', '/api/v1/series'),
    ('GET', '/api/v1/series', '/api/v1/series?service=nobody'),
    ('GET', '/api/v1/canary', CANARY),
    ('GET', '/api/v1/canary', CANARY + '&error_points=20&latency_factor=3&start=-9m'),
    ('GET', '/api/v1/canary', CANARY + '&alpha=1'),
    ('GET', '/api/v1/canary', '/api/v1/canary?service=shop/cart&baseline=v1&canary=v9'),
    ('GET', '/api/v1/canary', '/api/v1/canary?service=nobody&baseline=v1&canary=v2'),
    ('POST', '/api/v1/canary/gate', CANARY.replace('canary?', 'canary/gate?'), b'{"name":"cart"}'),
    ('POST', '/api/v1/canary/gate', CANARY.replace('canary?', 'canary/gate?') + '&open=unless_fail', b''),
    ('POST', '/api/v1/canary/gate', CANARY.replace('canary?', 'canary/gate?') + '&open=maybe', b''),
    ('POST', '/api/v1/canary/gate', '/api/v1/canary/gate?service=nobody&baseline=v1&canary=v2', b''),
    ('GET', '/api/v1/anomalies', '/api/v1/anomalies?limit=3'),
    ('GET', '/api/v1/incidents', '/api/v1/incidents'),
    ('GET', '/api/v1/incidents', '/api/v1/incidents?state=closed'),
    ('GET', '/api/v1/incidents/{id}', '/api/v1/incidents/1'),
    ('GET', '/api/v1/incidents/{id}', '/api/v1/incidents/7'),
    ('GET', '/api/v1/why/{id}', '/api/v1/why/1'),
    ('GET', '/api/v1/why/{id}', '/api/v1/why/a1'),
    ('GET', '/api/v1/why/{id}', '/api/v1/why/2'),
    ('GET', '/api/v1/why/{id}', '/api/v1/why/b7'),
    ('POST', '/api/v1/incidents/{id}/answer', '/api/v1/incidents/1/answer', b'{"answer":"expected","note":"a sale"}'),
    ('POST', '/api/v1/incidents/{id}/answer', '/api/v1/incidents/a3/answer', b'{"answer":"mute","until":"20m"}'),
    ('POST', '/api/v1/incidents/{id}/answer', '/api/v1/incidents/1/answer', b'{"answer":"wrong","culprit":"shop/cart"}'),
    ('POST', '/api/v1/incidents/{id}/answer', '/api/v1/incidents/1/answer', b'{"answer":"so what"}'),
    ('POST', '/api/v1/incidents/{id}/answer', '/api/v1/incidents/7/answer', b'{"answer":"wrong"}'),
    ('POST', '/api/v1/incidents/{id}/answer', '/api/v1/incidents/2/answer', b'{"answer":"wrong"}'),
    ('GET', '/api/v1/answers', '/api/v1/answers'),
    ('GET', '/api/v1/incidents/{id}', '/api/v1/incidents/1'),
    ('DELETE', '/api/v1/answers/{id}', '/api/v1/answers/1'),
    ('DELETE', '/api/v1/answers/{id}', '/api/v1/answers/1'),
    ('DELETE', '/api/v1/answers/{id}', '/api/v1/answers/77'),
    ('GET', '/api/v1/answers', '/api/v1/answers?state=all&limit=2'),
    ('GET', '/api/v1/suggestions', '/api/v1/suggestions?limit=1'),
    ('GET', '/api/v1/suggestions/{id}', '/api/v1/suggestions/1'),
    ('GET', '/api/v1/suggestions/{id}', '/api/v1/suggestions/7'),
    ('GET', '/api/v1/suggestions/{id}', '/api/v1/suggestions/1?as=consul'),
    ('GET', '/api/v1/suggestions/{id}', '/api/v1/suggestions/1?as=app-mesh'),
    ('GET', '/api/v1/suggestions/{id}', '/api/v1/suggestions/1?as=cobol'),
    ('GET', '/api/v1/suggestions/{id}', '/api/v1/suggestions/3'),
    ('GET', '/api/v1/suggestions', '/api/v1/suggestions?state=verified'),
    ('GET', '/api/v1/suggestions/{id}/dry-run', '/api/v1/suggestions/1/dry-run'),
    ('GET', '/api/v1/suggestions/{id}/dry-run', '/api/v1/suggestions/1/dry-run?minutes=5&end=1700000340'),
    ('GET', '/api/v1/suggestions/{id}/dry-run', '/api/v1/suggestions/4/dry-run'),
    ('GET', '/api/v1/suggestions/{id}/dry-run', '/api/v1/suggestions/7/dry-run'),
    ('GET', '/api/v1/suggestions/{id}/dry-run', '/api/v1/suggestions/1/dry-run?minutes=0'),
    ('GET', '/api/v1/track-record', '/api/v1/track-record'),
    ('POST', '/api/v1/suggestions/{id}/accept', '/api/v1/suggestions/1/accept', b'{"reason":"it helps"}'),
    ('POST', '/api/v1/suggestions/{id}/accept', '/api/v1/suggestions/1/accept', b''),
    ('POST', '/api/v1/suggestions/{id}/accept', '/api/v1/suggestions/1/accept', b'{'),
    ('POST', '/api/v1/suggestions/{id}/accept', '/api/v1/suggestions/1/accept', b'x' * 70000),
    ('POST', '/api/v1/suggestions/{id}/dismiss', '/api/v1/suggestions/2/dismiss', b''),
    ('POST', '/api/v1/suggestions/{id}/dismiss', '/api/v1/suggestions/7/dismiss', b''),
    ('POST', '/api/v1/suggestions/{id}/reopen', '/api/v1/suggestions/2/reopen', b''),
    ('POST', '/api/v1/suggestions/{id}/reopen', '/api/v1/suggestions/2/reopen', b''),
    ('GET', '/api/v1/traces', '/api/v1/traces'),
    ('GET', '/api/v1/traces', '/api/v1/traces?service=shop/cart&error=true&attribute=big:1&limit=1'),
    ('GET', '/api/v1/traces/{id}', f'/api/v1/traces/{TRACE}'),
    ('GET', '/api/v1/traces/{id}', '/api/v1/traces/' + 'f' * 32),
    ('GET', '/api/v1/traces/{id}', '/api/v1/traces/7'),
    ('GET', '/api/v1/openapi.yaml', '/api/v1/openapi.yaml'),
    ('GET', '/healthz', '/healthz'),
    ('GET', '/readyz', '/readyz'),
    ('GET', '/metrics', '/metrics'),
]
ASKED_ELSEWHERE = {('GET', '/api/v1/stream')}  # it does not end


def main():
    with open('web/openapi.yaml', encoding='utf-8') as file:
        document = yaml.safe_load(file)
    with open(sys.argv[1], encoding='utf-8') as file:
        routes = json.load(file)
    compare_routes(document, routes)
    for schema in document['components']['schemas'].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for question in QUESTIONS:
        check_answer(document, sys.argv[2], *question)
    for key in {(r['method'], r['path']) for r in routes} - {q[:2] for q in QUESTIONS} - ASKED_ELSEWHERE:
        fault(f'no question is asked of {key}')
    served = ask(sys.argv[2], 'GET', '/api/v1/openapi.yaml')[2]
    if yaml.safe_load(served) != document:
        fault('the served openapi.yaml is another one')
    sys.exit(1 if faults else 0)


main()
