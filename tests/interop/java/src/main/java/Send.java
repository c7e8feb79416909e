import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.exporter.otlp.metrics.OtlpGrpcMetricExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/**
 * One sender of three signals by OpenTelemetry's Java SDK: as many server spans as asked for (every fourth one an
 * error), one gauge, one log record. Ends with 0 only when every export was acknowledged.
 *
 * <pre>java Send grpc|http/protobuf HOST:PORT SERVICE SPANS none|gzip</pre>
 */
public final class Send {
    private static final AtomicBoolean failed = new AtomicBoolean();

    private record Exporters(SpanExporter spans, MetricExporter metrics, LogRecordExporter logs) {}

    private static Exporters overGrpc(String url, String compression) {
        return new Exporters(
            OtlpGrpcSpanExporter.builder().setEndpoint(url).setCompression(compression).build(),
            OtlpGrpcMetricExporter.builder().setEndpoint(url).setCompression(compression).build(),
            OtlpGrpcLogRecordExporter.builder().setEndpoint(url).setCompression(compression).build());
    }

    private static Exporters overHttp(String url, String compression) {
        return new Exporters(
            OtlpHttpSpanExporter.builder().setEndpoint(url + "/v1/traces").setCompression(compression).build(),
            OtlpHttpMetricExporter.builder().setEndpoint(url + "/v1/metrics").setCompression(compression).build(),
            OtlpHttpLogRecordExporter.builder().setEndpoint(url + "/v1/logs").setCompression(compression).build());
    }

    /** The exporters tell their failures to java.util.logging only. */
    private static void watchFailures() {
        Handler watch = new Handler() {
            @Override
            public void publish(LogRecord line) {
                if (line.getLevel().intValue() >= Level.WARNING.intValue()) failed.set(true);
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger.getLogger("io.opentelemetry").addHandler(watch);
    }

    private static void sendSpans(Tracer tracer, int count) {
        Instant end = Instant.now();
        for (int i = 0; i < count; i++) {
            boolean error = i % 4 == 3;
            Span span = tracer.spanBuilder("GET /interop")
                .setSpanKind(SpanKind.SERVER)
                .setStartTimestamp(end.minusMillis(25))
                .setAttribute("http.request.method", "GET")
                .setAttribute("http.route", "/interop")
                .setAttribute("http.response.status_code", error ? 500L : 200L)
                .setAttribute("interop.sender", "java")
                .startSpan();
            if (error) span.setStatus(StatusCode.ERROR, "as asked for");
            span.end(end);
        }
    }

    private static void finish(CompletableResultCode result) {
        if (!result.join(20, TimeUnit.SECONDS).isSuccess()) failed.set(true);
    }

    public static void main(String[] arguments) {
        String url = "http://" + arguments[1];
        watchFailures();
        Exporters exporters =
            arguments[0].equals("grpc") ? overGrpc(url, arguments[4]) : overHttp(url, arguments[4]);
        Resource resource = Resource.create(Attributes.of(
            AttributeKey.stringKey("service.name"), arguments[2], AttributeKey.stringKey("service.version"), "1.2.3"));
        SdkTracerProvider tracing = SdkTracerProvider.builder()
            .setResource(resource)
            .addSpanProcessor(BatchSpanProcessor.builder(exporters.spans()).setMaxExportBatchSize(50).build())
            .build();
        SdkMeterProvider metering = SdkMeterProvider.builder()
            .setResource(resource)
            .registerMetricReader(
                PeriodicMetricReader.builder(exporters.metrics()).setInterval(Duration.ofHours(1)).build())
            .build();
        SdkLoggerProvider logging = SdkLoggerProvider.builder()
            .setResource(resource)
            .addLogRecordProcessor(BatchLogRecordProcessor.builder(exporters.logs()).build())
            .build();

        sendSpans(tracing.get("interop"), Integer.parseInt(arguments[3]));
        metering.get("interop").gaugeBuilder("interop.depth").ofLongs().setUnit("1").buildWithCallback(m -> m.record(7));
        logging.get("interop").logRecordBuilder().setSeverity(Severity.INFO).setBody("hello from java").emit();

        finish(tracing.shutdown());
        finish(metering.shutdown());
        finish(logging.shutdown());
        System.exit(failed.get() ? 1 : 0);
    }
}
