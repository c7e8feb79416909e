"""One sender of three signals by OpenTelemetry's Python SDK: as many server spans as asked for (every fourth one an
error), one gauge, one log record. Ends with 0 only when every export was acknowledged.

    python3 send.py grpc|http/protobuf HOST:PORT SERVICE SPANS none|gzip
"""

import logging
import sys
import time

from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

protocol, address, service, spans, compression = sys.argv[1:6]
failures = []


def exporters():
    """The exporters of the protocol, for traces, metrics and logs."""
    if protocol == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        packing = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
        options = {"endpoint": address, "insecure": True, "compression": packing}
        return OTLPSpanExporter(**options), OTLPMetricExporter(**options), OTLPLogExporter(**options)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    packing = Compression.Gzip if compression == "gzip" else Compression.NoCompression
    kinds = (OTLPSpanExporter, "traces"), (OTLPMetricExporter, "metrics"), (OTLPLogExporter, "logs")
    return [kind(endpoint=f"http://{address}/v1/{path}", compression=packing) for kind, path in kinds]


def watched(exporter):
    """The SDK swallows failures of exports: the results are looked at on their way back."""
    original = exporter.export

    def export(*arguments, **named):
        result = original(*arguments, **named)
        if result.name != "SUCCESS":
            failures.append(result)
        return result

    exporter.export = export
    return exporter


span_exporter, metric_exporter, log_exporter = exporters()
resource = Resource.create({"service.name": service, "service.version": "1.2.3"})
tracing = TracerProvider(resource=resource)
tracing.add_span_processor(BatchSpanProcessor(watched(span_exporter), max_export_batch_size=50))
metering = MeterProvider(
    resource=resource,
    metric_readers=[PeriodicExportingMetricReader(watched(metric_exporter), export_interval_millis=3600000)],
)
records = LoggerProvider(resource=resource)
records.add_log_record_processor(BatchLogRecordProcessor(watched(log_exporter)))

end = time.time_ns()
tracer = tracing.get_tracer("interop")
for i in range(int(spans)):
    failed = i % 4 == 3
    span = tracer.start_span(
        "GET /interop",
        kind=SpanKind.SERVER,
        start_time=end - 25_000_000,
        attributes={
            "http.request.method": "GET",
            "http.route": "/interop",
            "http.response.status_code": 500 if failed else 200,
            "interop.sender": "python",
        },
    )
    if failed:
        span.set_status(Status(StatusCode.ERROR, "as asked for"))
    span.end(end)
metering.get_meter("interop").create_observable_gauge("interop.depth", [lambda options: [Observation(7)]], "1")
logger = logging.getLogger("interop")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=records))
logger.info("hello from python")

tracing.shutdown()
metering.shutdown()
records.shutdown()
for failure in failures:
    print(f"export failed: {failure}", file=sys.stderr)
sys.exit(1 if failures else 0)
