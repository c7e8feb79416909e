#!/usr/bin/env python3
"""validate.py: judges what render_all printed by the meshes' own schemas.

    validate.py RENDERED.jsonl --crds DIR... [--consul CHECKER] [--appmesh SERVICE.json.gz]
                [--google NETWORKSERVICES.json COMPUTE.json] [--traefik-file REFERENCE.yaml]

Prints "ok", "FAIL" and "skip" lines, one a language and kind of object; a schema that is not given is skipped aloud.
Schemas ignore members that they do not name; API servers drop them. So a member without a schema is a failure here.
"""
import argparse
import collections
import gzip
import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import yaml

# Network Service Mesh's CRD keeps unknown fields; what it reads are the members of messages NetworkService, Match and
# Destination, as networkservicemesh/api says them in pkg/api/registry/registry.proto (as of ad7e9c4).
TEXTS = {'type': 'object', 'additionalProperties': {'type': 'string'}}
NETWORK_SERVICE = {'type': 'object', 'required': ['spec'], 'properties': {'spec': {'type': 'object', 'properties': {
    'name': {'type': 'string'}, 'payload': {'enum': ['IP', 'ETHERNET']},
    'matches': {'type': 'array', 'items': {'type': 'object', 'properties': {
        'source_selector': TEXTS, 'fallthrough': {'type': 'boolean'},
        'metadata': {'type': 'object', 'properties': {'labels': TEXTS}},
        'routes': {'type': 'array', 'items': {'type': 'object', 'properties': {
            'destination_selector': TEXTS, 'weight': {'type': 'integer', 'minimum': 0}}}}}}}}}}}


def crd_schemas(folders):
    """{(group, kind, version): openAPIV3Schema} of all CRDs in the files below the folders."""
    found = {}
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob('*.yaml')):
            text = '\n'.join(line for line in path.read_text(encoding='utf-8').splitlines() if '{{' not in line)
            try:
                documents = list(yaml.load_all(text, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader)))
            except yaml.YAMLError:
                continue
            for crd in documents:
                if not isinstance(crd, dict) or crd.get('kind') != 'CustomResourceDefinition':
                    continue
                shared = (crd['spec'].get('validation') or {}).get('openAPIV3Schema')  # older CRDs: one for all versions
                for version in crd['spec']['versions']:
                    schema = (version.get('schema') or {}).get('openAPIV3Schema') or shared
                    if schema:
                        found[crd['spec']['group'], crd['spec']['names']['kind'], version['name']] = schema
    return found


def strict(schema):
    """The schema with Kubernetes' own words turned into JSON Schema's, and unknown members refused."""
    if isinstance(schema, list):
        return [strict(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key in ('properties', 'definitions'):
            out[key] = {name: strict(s) for name, s in value.items()}
        elif key in ('items', 'additionalProperties', 'allOf', 'anyOf', 'oneOf', 'not'):
            out[key] = strict(value)
        elif key not in ('format', 'description', 'default') and not key.startswith('x-'):
            out[key] = value
    if schema.get('x-kubernetes-int-or-string'):
        out.pop('type', None)
        out['type'] = ['integer', 'string']
    if schema.get('nullable') and isinstance(out.get('type'), str):
        out['type'] = [out['type'], 'null']
    if (schema.get('type', 'object') == 'object' and 'properties' in schema and 'additionalProperties' not in schema
            and not schema.get('x-kubernetes-preserve-unknown-fields')):
        out['additionalProperties'] = False
    return out


def judge_crd(schema, value):
    schema = strict(schema)
    schema.setdefault('properties', {})
    schema['properties'].update({'apiVersion': {'type': 'string'}, 'kind': {'type': 'string'},
                                 'metadata': {'type': 'object'}})
    # A member may be named on one level and constrained by anyOf on another: those parts must stay open.
    for word in ('anyOf', 'allOf', 'oneOf'):
        open_up(schema, word)
    return [f'{"/".join(map(str, e.absolute_path))}: {e.message}'
            for e in jsonschema.Draft7Validator(schema).iter_errors(value)]


def open_up(schema, word, inside=False):
    if isinstance(schema, list):
        for item in schema:
            open_up(item, word, inside)
    elif isinstance(schema, dict):
        if inside:
            schema.pop('additionalProperties', None)
        for key, value in list(schema.items()):
            open_up(value, word, inside or key in (word, 'not'))


def judge_metadata(value):
    label = re.compile(r'^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$')
    name = re.compile(r'^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$')
    metadata, errors = value.get('metadata', {}), []
    if not name.match(str(metadata.get('name'))) or not isinstance(metadata.get('name'), str):
        errors.append(f'metadata.name {metadata.get("name")!r} is no name')
    for text in metadata.get('labels', {}).values():
        if not isinstance(text, str) or not label.match(text):
            errors.append(f'label value {text!r}')
    for text in metadata.get('annotations', {}).values():
        if not isinstance(text, str):
            errors.append(f'annotation {text!r} is no text')
    return errors


ANNOTATION = re.compile(r'^(timeout|retry|balancer)\.linkerd\.io/[a-z-]+$|^mesh\.traefik\.io/(ratelimit-(average|burst)|retry-attempts)$')


def judge_annotations(value):
    """No schema knows annotations: those that the meshes document."""
    errors = judge_metadata(value)
    return errors + [f'annotation {key} is not known' for key in value['metadata']['annotations']
                     if not ANNOTATION.match(key)]


def judge_google(schemas, name, value, path=''):
    """Against a discovery document's schema."""
    schema, errors = schemas[name] if isinstance(name, str) else name, []
    if '$ref' in schema:
        return judge_google(schemas, schema['$ref'], value, path)
    if schema['type'] == 'array':
        if not isinstance(value, list):
            return [f'{path} is no list']
        return [e for i, item in enumerate(value) for e in judge_google(schemas, schema['items'], item, f'{path}/{i}')]
    if schema['type'] == 'object':
        for key, member in value.items():
            known = schema.get('properties', {}).get(key)
            errors += judge_google(schemas, known, member, f'{path}/{key}') if known else [f'{path}/{key} is not known']
        return errors
    types = {'string': str, 'integer': int, 'boolean': bool, 'number': (int, float)}
    if not isinstance(value, types[schema['type']]):
        return [f'{path} is no {schema["type"]}']
    if schema.get('format') == 'google-duration' and not re.match(r'^\d+(\.\d{1,9})?s$', value):
        return [f'{path}: {value} is no duration']
    return []


def judge_shape(reference, value, path=''):
    """Every member of `value` stands in the reference file, whose names of routers and services are examples."""
    if isinstance(value, list):
        return [e for item in value for e in judge_shape(reference[0], item, path + '/0')] if reference else []
    if not isinstance(value, dict):
        return []
    errors = []
    for key, member in value.items():
        if path.count('/') == 2:  # http/services/NAME: whichever example has this member
            tries = [judge_shape(example, member, f'{path}/{key}') for example in reference.values()]
            errors += min(tries, key=len)
        elif not isinstance(reference, dict) or key not in reference:
            errors.append(f'{path}/{key} is not in the reference')
        else:
            errors += judge_shape(reference[key], member, f'{path}/{key}')
    return errors


def judge_appmesh(model, value):
    """Against the model of the call that takes the object, by the SDK's own validator."""
    from botocore.model import ServiceModel
    from botocore.validate import ParamValidator
    call = 'UpdateRoute' if 'routeName' in value else 'UpdateVirtualNode'
    report = ParamValidator().validate(value, ServiceModel(model).operation_model(call).input_shape)
    return [report.generate_report()] if report.has_errors() else []


def consul_entry(value):
    """The config entry that consul-k8s makes of a custom resource: the spec's members are the entry's, spelt alike."""
    kind = re.sub(r'(?<=[a-z])(?=[A-Z])', '-', value['kind']).lower()
    return json.dumps({'Kind': kind, 'Name': value['metadata']['name'], **value['spec']})


def misspell_last(text):
    """The entry with the name of its last member changed, in HCL and in JSON."""
    head, sign, tail = text.rpartition('": ' if text.startswith('{') else ' = ')
    return head + 'Misspelt' + sign + tail


def judge_consul(checker, entries):
    """(language, kind, "ok" or what Consul's own decoder says) of each entry, and of one that is misspelt."""
    if not checker or not entries:
        return
    spoilt = [misspell_last(text) for _, _, text in entries]
    texts = [text for _, _, text in entries]
    said = subprocess.run([checker], input='\n'.join(map(json.dumps, texts + spoilt)), text=True, capture_output=True,
                          check=False).stdout.splitlines()
    for i, (language, kind, text) in enumerate(entries):
        line = said[i] if i < len(said) else 'no answer'
        seen = i + len(texts) < len(said) and said[i + len(texts)] != 'ok'
        yield language, kind, f'{line} in {text!r}' if line != 'ok' else 'ok' if seen else 'a misspelt member is not seen'


# Maps whose members are names, and parts that a schema leaves to somebody else.
OPEN = {'metadata', 'labels', 'value', 'services', 'middlewares', 'serversTransports', 'subsets', 'failover',
        'destination_selector', 'source_selector'}


def misspelt(value):
    """Copies of the value, each with one member's name changed."""
    def nodes(node, path):
        if isinstance(node, dict):
            for key, inner in node.items():
                if path and path[-1] in OPEN and not isinstance(path[-1], int):
                    yield from nodes(inner, path + [0, key])
                elif key not in ('apiVersion', 'kind', 'metadata', 'type', 'mesh', 'name', 'value'):
                    yield path, key
                    if key not in ('labels', 'value'):
                        yield from nodes(inner, path + [key])
        elif isinstance(node, list):
            for i, inner in enumerate(node):
                yield from nodes(inner, path + [i])

    for path, key in list(nodes(value, [])):
        copy = json.loads(json.dumps(value))
        node = copy
        for part in path:
            node = node if part == 0 and isinstance(node, dict) else node[part]
        node[key + 'Misspelt'] = node.pop(key)
        yield key, copy


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('rendered')
    parser.add_argument('--crds', nargs='*', default=[])
    parser.add_argument('--consul')
    parser.add_argument('--appmesh')
    parser.add_argument('--google', nargs=2)
    parser.add_argument('--traefik-file')
    args = parser.parse_args()
    crds = crd_schemas(args.crds)
    appmesh = json.load(gzip.open(args.appmesh)) if args.appmesh else None
    google = [json.load(open(path, encoding='utf-8'))['schemas'] for path in args.google] if args.google else None
    reference = yaml.safe_load(open(args.traefik_file, encoding='utf-8')) if args.traefik_file else None
    counts, wrong, skipped = collections.Counter(), {}, {}

    def enter(language, kind, judge, value, text):
        """Counts what `judge` says of the value, and, once a kind, whether it sees every member that is misspelt."""
        counts[language, kind] += 1
        errors = judge(value)
        if counts[language, kind] == 1 and not errors:
            errors = [f'a misspelt {key} is not seen' for key, copy in misspelt(value) if not judge(copy)]
        if errors:
            wrong.setdefault((language, kind), f'{errors[0]} in {text!r}')

    hcl = []
    documents = [json.loads(line) for line in open(args.rendered, encoding='utf-8')]
    for document in documents:
        language = document['language']
        for item in document['objects']:
            kind, text = item['kind'], item['after']
            if language == 'consul':
                hcl.append((language, kind, text))
                continue
            value = json.loads(text) if language == 'app-mesh' else yaml.safe_load(text)
            if 'apiVersion' in value:
                group, _, version = value['apiVersion'].rpartition('/')
                schema = crds.get((group, value['kind'], version))
                if kind == 'NetworkService':
                    schema = NETWORK_SERVICE
                if kind == 'Service':  # annotations only: checked by their own rule
                    enter(language, kind, judge_annotations, value, text)
                elif schema is None and language == 'consul-k8s':
                    hcl.append((language, kind, consul_entry(value)))
                elif schema is None:
                    skipped[language, kind] = f'no schema of {value["apiVersion"]} {kind} was found'
                else:
                    enter(language, kind, lambda v, s=schema: judge_metadata(v) + judge_crd(s, v), value, text)
            elif language == 'kuma-universal':
                schema = crds.get(('kuma.io', value['type'], 'v1alpha1'))
                if schema is None:
                    skipped[language, kind] = f'no schema of {kind} was found'
                    continue
                text_only = {'type': 'string'}
                whole = {'type': 'object', 'properties': {'spec': schema['properties']['spec'], 'type': text_only,
                                                          'name': text_only, 'mesh': text_only}}
                enter(language, kind, lambda v, s=whole: judge_crd(s, v), value, text)
            elif language == 'app-mesh' and appmesh:
                enter(language, kind, lambda v: judge_appmesh(appmesh, v), value, text)
            elif language == 'google-routing' and google:
                which = (google[0], 'HttpRoute') if kind == 'HttpRoute' else (google[1], 'BackendService')
                enter(language, kind, lambda v, w=which: judge_google(*w, v), value, text)
            elif language == 'traefik-file' and reference:
                enter(language, kind, lambda v: judge_shape(reference, v), value, text)
            else:
                skipped[language, kind] = 'no description of it was found'
    for language, kind, line in judge_consul(args.consul, hcl):
        counts[language, kind] += 1
        if line != 'ok':
            wrong.setdefault((language, kind), line)
    if hcl and not args.consul:
        for language in ('consul', 'consul-k8s'):
            skipped[language, 'all entries'] = 'Consul\'s client could not be built (go)'
    for (language, kind), number in sorted(counts.items()):
        if (language, kind) in wrong:
            print(f'FAIL {language} {kind}: {wrong[language, kind]}')
        elif (language, kind) not in skipped:
            print(f'ok   {language} {kind}: {number} objects fit the schema')
    for (language, kind), why in sorted(skipped.items()):
        print(f'skip {language} {kind}: NOT VALIDATED: {why}')
    silent = {d['language'] for d in documents} - {language for language, _ in [*counts, *skipped]}
    for language in sorted(silent):
        print(f'FAIL {language}: it wrote nothing at all')


if __name__ == '__main__':
    sys.exit(main())
