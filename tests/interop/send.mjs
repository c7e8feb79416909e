// One sender of three signals by OpenTelemetry's JavaScript SDK: as many server spans as asked for (every fourth one an
// error), one gauge, one log record. Ends with 0 only when every export was acknowledged.
//
//   node send.mjs grpc|http/protobuf|http/json HOST:PORT SERVICE SPANS none|gzip
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { ExportResultCode } from "@opentelemetry/core";
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base";
import { Resource } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { AggregationTemporality, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [protocol, address, service, spans, compression] = process.argv.slice(2);

const packages = { grpc: "grpc", "http/protobuf": "proto", "http/json": "http" };
const load = (signal) => import(`@opentelemetry/exporter-${signal}-otlp-${packages[protocol]}`);
const path = { trace: "/v1/traces", metrics: "/v1/metrics", logs: "/v1/logs" };
const options = (signal) => ({
    url: `http://${address}${protocol === "grpc" ? "" : path[signal]}`,
    compression: compression === "gzip" ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
    timeoutMillis: 10000,
    ...(signal === "metrics" ? { temporalityPreference: AggregationTemporality.CUMULATIVE } : {}),
});

// The SDK swallows failures of exports: each exporter's results are looked at on their way back.
let failures = 0;
const watched = (exporter) => {
    const original = exporter.export.bind(exporter);
    exporter.export = (items, done) =>
        original(items, (result) => {
            if (result.code !== ExportResultCode.SUCCESS) {
                failures++;
                console.error(`export failed: ${result.error}`);
            }
            done(result);
        });
    return exporter;
};

const { OTLPTraceExporter } = await load("trace");
const { OTLPMetricExporter } = await load("metrics");
const { OTLPLogExporter } = await load("logs");
const resource = new Resource({ "service.name": service, "service.version": "1.2.3" });

const tracing = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(watched(new OTLPTraceExporter(options("trace"))), { maxExportBatchSize: 50 })],
});
const metering = new MeterProvider({
    resource,
    readers: [
        new PeriodicExportingMetricReader({
            exporter: watched(new OTLPMetricExporter(options("metrics"))),
            exportIntervalMillis: 3600000,
        }),
    ],
});
const logging = new LoggerProvider({ resource });
logging.addLogRecordProcessor(new BatchLogRecordProcessor(watched(new OTLPLogExporter(options("logs")))));

const tracer = tracing.getTracer("interop");
const end = Date.now();
for (let i = 0; i < Number(spans); i++) {
    const failed = i % 4 === 3;
    const span = tracer.startSpan("GET /interop", {
        kind: SpanKind.SERVER,
        startTime: end - 25,
        attributes: {
            "http.request.method": "GET",
            "http.route": "/interop",
            "http.response.status_code": failed ? 500 : 200,
            "interop.sender": "javascript",
        },
    });
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR, message: "as asked for" });
    span.end(end);
}
metering
    .getMeter("interop")
    .createObservableGauge("interop.depth", { unit: "1" })
    .addCallback((result) => result.observe(7));
logging.getLogger("interop").emit({ severityNumber: SeverityNumber.INFO, body: "hello from javascript" });

await Promise.all([tracing.shutdown(), metering.shutdown(), logging.shutdown()]);
process.exit(failures === 0 ? 0 : 1);
