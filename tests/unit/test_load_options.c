/* hotlead-load: its command line, by the program itself; no broker is needed, since what is wrong is told before one is looked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "load/clients.h"
#include "under_tsan.h"

static char said[20000], folder[] = "/tmp/hl_load_XXXXXX", config[100];

/* Run it; what it wrote, both ways, is in `said`. */
static int load(const char *arguments)
{
    char command[1000];
    snprintf(command, sizeof(command), "%s %s 2>&1", getenv("HL_LOAD_BINARY"), arguments);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    said[fread(said, 1, sizeof(said) - 1, f)] = '\0';
    return WEXITSTATUS(pclose(f));
}

static void expect(const char *arguments, int code, const char *message)
{
    int got = load(arguments);
    if (got != code || !strstr(said, message)) fail_msg("%s: %d, '%s', not %d, '%s'", arguments, got, said, code, message);
}

static void write_config(const char *rest)
{
    FILE *f = fopen(config, "w");
    assert_non_null(f);
    fprintf(f, "model: model.yaml\n%s", rest);
    fclose(f);
}

static void help_and_version_go_to_stdout_and_end_with_0(void **state)
{
    (void)state;
    assert_int_equal(load("--help 2>/dev/null"), 0);
    static const char *const WORDS[] = {"Usage: hotlead-load", "--fail-if LIMIT", "soak: ", "uncorrected.", "Exit status:", "lost   "};
    for (size_t i = 0; i < HL_ARRAY_LEN(WORDS); i++)
        if (!strstr(said, WORDS[i])) fail_msg("--help does not say '%s'", WORDS[i]);
    for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n"))
        if (strlen(line) > 130) fail_msg("too long a line of --help: %s", line);
    assert_int_equal(load("--version 2>/dev/null"), 0);
    assert_non_null(strstr(said, "hotlead-load " HL_VERSION));
}

static void what_is_wrong_with_an_option_is_told(void **state)
{
    (void)state;
    expect("--rate many", 64, "--rate wants a number from 0.001 to 100000000, such as 500, 20k or 1M, not 'many'\nTry 'hotlead-load --help'.");
    expect("--rate 0", 64, "--rate wants a number from");
    expect("--rate 20kk", 64, "not '20kk'");
    expect("--contacts 1.5", 64, "--contacts wants a whole number from 1 to");
    expect("--duration 10", 64, "--duration wants a time such as 500ms, 30s, 10m or 8h, at most 72h, not '10'");
    expect("--duration 73h", 64, "at most 72h, not '73h'");
    expect("--late 101%", 64, "--late wants a share such as 1% or 0.01, not '101%'");
    expect("--profile wave", 64, "--profile 'wave': there are constant, ramp, step, spike, soak");
    expect("--from 5", 64, "--from is for --profile ramp");
    expect("--peak 5", 64, "--peak is for --profile spike");
    expect("--steps 5", 64, "--steps is for --profile step");
    expect("--topic :json", 64, "--topic wants NAME, NAME:avro or NAME:json, not ':json'");
    expect("--topic a:xml", 64, "not 'a:xml'");
    expect("--trait country", 64, "--trait wants NAME=VALUE, not 'country'");
    expect("-X linger", 64, "--property wants NAME=VALUE, not 'linger'");
    expect("--output xml", 64, "--output is table or json, not 'xml'");
    expect("--mix visits=1", 64, "--mix: there is no type 'visits' here");
    expect("--fail-if p99", 64, "wants NAME>VALUE");
    expect("--form ''", 64, "--form is empty");
    expect("--backlog 1d --rate 5", 64, "--backlog writes as fast as it can: --rate, --profile and --duration do not go with it");
    expect("--send-only --fail-if 'lost>0'", 64, "--fail-if 'lost>0' needs transitions, and --send-only says not to look at them");
    expect("--backlog 1d --fail-if 'p99>1s'", 64, "and --backlog says not to look at them");
    expect("--probes 0 --fail-if 'p99>1s'", 64, "and --probes 0 says not to look at them");
    expect("--hot 60% --probes 50%", 64, "--hot and --probes are more than all events together");
    expect("sixty", 64, "'sixty' belongs to no option");
    expect("--rates 5", 64, "Try 'hotlead-load --help'.");
}

static void a_wrong_property_or_configuration_ends_with_78(void **state)
{
    (void)state;
    expect("-X linger.ms=soon", 78, "property 'linger.ms'");
    expect("-c /nowhere/hotlead.yaml", 78, "/nowhere/hotlead.yaml");
    write_config("kafka: {bootstrap.servers: \"localhost:1\"}\ninputs: [{topic: a, format: jason}]\n");
    char arguments[200];
    snprintf(arguments, sizeof(arguments), "-c %s", config);
    expect(arguments, 78, "format must be");
    write_config("kafka: {bootstrap.servers: \"localhost:1\"}\ninputs: [{topic: a, format: segment}]\n");
    expect(arguments, 64, "input a is left out: its records have a shape of their own");
    expect(arguments, 64, "has no input of format avro or json; name a topic with --topic");
}

static void another_machine_has_to_be_named_on_the_command_line(void **state)
{
    (void)state;
    char arguments[200];
    write_config("kafka: {bootstrap.servers: \"localhost:9092, 192.0.2.7:9092\"}\ninputs: [{topic: a, format: avro}]\n");
    snprintf(arguments, sizeof(arguments), "-c %s", config);
    expect(arguments, 77, "broker 192.0.2.7 is not this machine, and a load test of the wrong one is an outage: say that it is meant with --bootstrap HOST:PORT");
#if UNDER_TSAN
    printf("not run: a client under gcc's ThreadSanitizer, which does not see the C11 threads that librdkafka starts\n");
#else
    snprintf(arguments, sizeof(arguments), "-c %s --bootstrap 127.0.0.1:1", config);
    expect(arguments, 69, "no answer from 127.0.0.1:1 within 5 s: ");
#endif
}

static void hosts_are_told_apart(void **state)
{
    (void)state;
    char host[256];
    assert_false(hl_hosts_elsewhere("localhost:9092", host, sizeof(host)));
    assert_false(hl_hosts_elsewhere("127.0.0.1:9092,PLAINTEXT://127.9.9.9:1, [::1]:9092", host, sizeof(host)));
    assert_true(hl_hosts_elsewhere("localhost:9092,SSL://192.0.2.1:9092", host, sizeof(host)));
    assert_string_equal(host, "192.0.2.1");
    assert_true(hl_hosts_elsewhere("[2001:db8::1]:9092", host, sizeof(host)));
    assert_string_equal(host, "2001:db8::1");
    assert_true(hl_hosts_elsewhere("0.0.0.0:9092", host, sizeof(host)));
    assert_true(hl_host_is_loopback("::ffff:127.0.0.1"));
    assert_false(hl_host_is_loopback("no-such-host.invalid"));
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(config, sizeof(config), "%s/hotlead.yaml", folder);
    return getenv("HL_LOAD_BINARY") ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    unlink(config);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_and_version_go_to_stdout_and_end_with_0),
        cmocka_unit_test(what_is_wrong_with_an_option_is_told),
        cmocka_unit_test(a_wrong_property_or_configuration_ends_with_78),
        cmocka_unit_test(another_machine_has_to_be_named_on_the_command_line),
        cmocka_unit_test(hosts_are_told_apart),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
