/* `hotlead version`: of the program and of what it runs on. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "hotlead/adapter/kafka.h"
#include "hotlead/app/commands.h"
#include "hotlead/base/failpoint.h"

static const char USAGE[] = "Usage: hotlead version [-o json]\n"
                            "\n"
                            "  -o, --output FORMAT   text (default) or json\n"
                            "  -h, --help            this text\n";

/* Of jemalloc, if that is what malloc is: the rate of a run stands and falls with it. */
extern int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len) __attribute__((weak));

static const char *malloc_version(void)
{
    const char *version = NULL;
    size_t len = sizeof(version);
    return mallctl && mallctl("version", &version, &len, NULL, 0) == 0 ? version : NULL;
}

/* "5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c": what stands before the first dash is the release. */
static void put_versions(bool json)
{
    const char *of_malloc = malloc_version();
    int len = of_malloc ? (int)strcspn(of_malloc, "-") : 0;
    printf(json ? "{\"hotlead\": \"%s\", \"librdkafka\": \"%s\"" : "hotlead %s (librdkafka %s", HL_VERSION, hl_kafka_version());
    if (of_malloc) printf(json ? ", \"jemalloc\": \"%.*s\"" : ", jemalloc %.*s", len, of_malloc);
}

/* A test build says where it can be made to fail. */
static void put_failpoints(void)
{
#ifdef HL_WITH_FAILPOINTS
    printf(", \"failpoints\": [");
    for (enum hl_failpoint i = 0; i < HL_FAILPOINT_COUNT; i++)
        printf("%s{\"name\": \"%s\", \"fails\": %s}", i ? ", " : "", hl_failpoint_name(i), hl_failpoint_fails(i) ? "true" : "false");
    printf("]");
#endif
}

int hl_cmd_version(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool json = false;
    for (int o; (o = getopt_long(argc, argv, "o:h", OPTIONS, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        if (o != 'o' || (strcmp(optarg, "json") != 0 && strcmp(optarg, "text") != 0)) {
            if (o == 'o') fprintf(stderr, "hotlead version: output '%s' is neither text nor json\n", optarg);
            fputs("Try 'hotlead version --help'.\n", stderr);
            return 64;
        }
        json = strcmp(optarg, "json") == 0;
    }
    put_versions(json);
    if (json) put_failpoints();
    puts(json ? "}" : ")");
    return 0;
}
