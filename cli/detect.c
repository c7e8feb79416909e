/* detect: one series through the detector, line by line. What a line holds is written back as it was, with the score
 * behind it; when the input is not a file, each score is written before the next line is waited for. */
#include "analyzer/detector.h"
#include "base/config_value.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/series_row.h"
#include "cli/timestamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int bad_line(uint64_t number, const char *what, slice_t text) {
    char quoted[80];
    (void)fprintf(stderr, "seismesh detect: line %" PRIu64 ": %s: '%s'\n", number, what,
                  log_quote(quoted, sizeof quoted, text));
    return EXIT_USAGE;
}

/* Judges one line and writes it back. The first line may be a header. */
static int take_line(detector_t *detector, uint64_t number, slice_t line) {
    series_row_t row;
    int64_t time_ns;
    double value;
    if (!series_row_split(line, &row)) return bad_line(number, "not timestamp,value", line);
    bool time_fine = timestamp_parse(row.time, &time_ns), value_fine = series_row_value(row.value, &value);
    if (number == 1 && !time_fine && !value_fine) {
        (void)printf("%.*s,anomaly_score\n", (int)line.len, (const char *)line.data);
        return EXIT_FINE;
    }
    if (!time_fine) return bad_line(number, "not a timestamp", row.time);
    if (!value_fine) return bad_line(number, "not a number", row.value);
    double score = detector_add(detector, time_ns, value);
    (void)printf("%.*s,%.6g\n", (int)line.len, (const char *)line.data, score);
    return EXIT_FINE;
}

static int detect(detector_t *detector) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    uint64_t number = 0, taken = 0;
    int status = EXIT_FINE;
    while (status == EXIT_FINE && (len = getline(&line, &capacity, stdin)) >= 0) {
        slice_t text = series_row_trim(slice_of(line, (size_t)len));
        if (++number == 1 && slice_starts(text, "\xef\xbb\xbf")) text = slice_of(text.data + 3, text.len - 3);
        if (text.len == 0) continue;
        taken++;
        status = take_line(detector, number, text);
    }
    if (status == EXIT_FINE && ferror(stdin)) {
        (void)fprintf(stderr, "seismesh detect: standard input cannot be read: %s\n", strerror(errno));
        status = EXIT_FAILED;
    }
    if (status == EXIT_FINE && taken == 0)
        status = command_misused("detect", "there was nothing on standard input; give it a CSV: detect < IN.csv");
    free(line);
    return status;
}

int command_detect(int argc, char **argv) {
    const char *period = NULL;
    double period_s = 0;
    int misused = command_option("--period", &argc, argv, &period);
    if (misused == EXIT_FINE) misused = command_unknown_option(argc, argv);
    if (misused != EXIT_FINE) return misused;
    if (argc > 1)
        return command_misused("detect", "reads standard input: detect < %s, instead of naming the file", argv[1]);
    if (period != NULL && (!config_value_seconds(period, &period_s) || !(period_s > 0)))
        return command_misused("detect", "--period is the spacing of the points in seconds, not '%s'", period);
    if (isatty(STDIN_FILENO) == 1)
        (void)fputs("seismesh detect: reading timestamp,value lines from the terminal, until Ctrl-D\n", stderr);
    struct stat info;
    if (fstat(STDIN_FILENO, &info) != 0 || !S_ISREG(info.st_mode)) (void)setvbuf(stdout, NULL, _IOLBF, 0);
    detector_t *detector = detector_new(period_s);
    int status = detect(detector);
    detector_free(detector);
    return status;
}
