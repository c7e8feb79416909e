// One sender of three signals by OpenTelemetry's Go SDK: as many server spans as asked for (every fourth one an error),
// one gauge, one log record. Ends with 0 only when every export was acknowledged.
//
//	send grpc|http/protobuf HOST:PORT SERVICE SPANS none|gzip
package main

import (
	"context"
	"log"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

type exporters struct {
	spans   sdktrace.SpanExporter
	metrics sdkmetric.Exporter
	logs    sdklog.Exporter
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func overGRPC(ctx context.Context, address string, gzip bool) (e exporters) {
	traceOptions := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(address), otlptracegrpc.WithInsecure()}
	metricOptions := []otlpmetricgrpc.Option{otlpmetricgrpc.WithEndpoint(address), otlpmetricgrpc.WithInsecure()}
	logOptions := []otlploggrpc.Option{otlploggrpc.WithEndpoint(address), otlploggrpc.WithInsecure()}
	if gzip {
		traceOptions = append(traceOptions, otlptracegrpc.WithCompressor("gzip"))
		metricOptions = append(metricOptions, otlpmetricgrpc.WithCompressor("gzip"))
		logOptions = append(logOptions, otlploggrpc.WithCompressor("gzip"))
	}
	var err error
	e.spans, err = otlptracegrpc.New(ctx, traceOptions...)
	must(err)
	e.metrics, err = otlpmetricgrpc.New(ctx, metricOptions...)
	must(err)
	e.logs, err = otlploggrpc.New(ctx, logOptions...)
	must(err)
	return e
}

func overHTTP(ctx context.Context, address string, gzip bool) (e exporters) {
	traceOptions := []otlptracehttp.Option{otlptracehttp.WithEndpoint(address), otlptracehttp.WithInsecure()}
	metricOptions := []otlpmetrichttp.Option{otlpmetrichttp.WithEndpoint(address), otlpmetrichttp.WithInsecure()}
	logOptions := []otlploghttp.Option{otlploghttp.WithEndpoint(address), otlploghttp.WithInsecure()}
	if gzip {
		traceOptions = append(traceOptions, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		metricOptions = append(metricOptions, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
		logOptions = append(logOptions, otlploghttp.WithCompression(otlploghttp.GzipCompression))
	}
	var err error
	e.spans, err = otlptracehttp.New(ctx, traceOptions...)
	must(err)
	e.metrics, err = otlpmetrichttp.New(ctx, metricOptions...)
	must(err)
	e.logs, err = otlploghttp.New(ctx, logOptions...)
	must(err)
	return e
}

func sendSpans(ctx context.Context, tracer trace.Tracer, count int) {
	end := time.Now()
	for i := 0; i < count; i++ {
		code := 200
		if i%4 == 3 {
			code = 500
		}
		_, span := tracer.Start(ctx, "GET /interop", trace.WithSpanKind(trace.SpanKindServer),
			trace.WithTimestamp(end.Add(-25*time.Millisecond)), trace.WithAttributes(
				attribute.String("http.request.method", "GET"), attribute.String("http.route", "/interop"),
				attribute.Int("http.response.status_code", code), attribute.String("interop.sender", "go")))
		if code == 500 {
			span.SetStatus(codes.Error, "as asked for")
		}
		span.End(trace.WithTimestamp(end))
	}
}

func main() {
	protocol, address, service, gzip := os.Args[1], os.Args[2], os.Args[3], os.Args[5] == "gzip"
	count, err := strconv.Atoi(os.Args[4])
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	failed := false
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { // the SDK tells failures of exports here
		failed = true
		log.Print(err)
	}))

	over := overHTTP
	if protocol == "grpc" {
		over = overGRPC
	}
	e := over(ctx, address, gzip)
	res := resource.NewSchemaless(attribute.String("service.name", service), attribute.String("service.version", "1.2.3"))
	tracing := sdktrace.NewTracerProvider(sdktrace.WithResource(res),
		sdktrace.WithBatcher(e.spans, sdktrace.WithMaxExportBatchSize(50)))
	metering := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(e.metrics, sdkmetric.WithInterval(time.Hour))))
	logging := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(sdklog.NewBatchProcessor(e.logs)))

	sendSpans(ctx, tracing.Tracer("interop"), count)
	_, err = metering.Meter("interop").Int64ObservableGauge("interop.depth", metric.WithUnit("1"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(7)
			return nil
		}))
	must(err)
	var record otellog.Record
	record.SetTimestamp(time.Now())
	record.SetSeverity(otellog.SeverityInfo)
	record.SetBody(otellog.StringValue("hello from go"))
	logging.Logger("interop").Emit(ctx, record)

	must(tracing.Shutdown(ctx))
	must(metering.Shutdown(ctx))
	must(logging.Shutdown(ctx))
	if failed {
		os.Exit(1)
	}
}
