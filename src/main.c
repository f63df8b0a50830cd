/* argv -> command. */
#include <stdio.h>
#include <string.h>

#include "hotlead/app/commands.h"

/* jemalloc reads this. Fetch responses are large blocks: without the first setting each would go back to the kernel, and its pages be cleared
 * again for the next one. */
extern const char *malloc_conf;
const char *malloc_conf = "oversize_threshold:0,dirty_decay_ms:5000";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} COMMANDS[] = {
#define X(name, summary) {#name, hl_cmd_##name, summary},
    HL_COMMANDS(X)
#undef X
};

static int usage(FILE *to, int code)
{
    fputs("Usage: hotlead COMMAND [OPTIONS]\n"
          "\n"
          "Scores what people do on the web and in e-mail, and says the moment a contact changes lifecycle stage.\n"
          "\n"
          "Commands:\n",
          to);
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) fprintf(to, "  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    fputs("  help       this text, or that of a command: hotlead help COMMAND\n"
          "\n"
          "Files that are not named: config/hotlead.yaml and config/model.yaml, and where there are none, those in /etc/hotlead.\n"
          "First steps: 'hotlead demo' shows a made-up day without any broker; 'hotlead check' reads your files.\n",
          to);
    return code;
}

static int run(const char *name, int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
        if (strcmp(COMMANDS[i].name, name) == 0) return COMMANDS[i].run(argc, argv);
    fprintf(stderr, "hotlead: there is no command '%s'\n\n", name);
    return usage(stderr, 64);
}

int main(int argc, char **argv)
{
    static char help_flag[] = "--help";
    if (argc < 2) return usage(stderr, 64);
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return usage(stdout, 0);
    if (strcmp(name, "--version") == 0) return run("version", argc - 1, argv + 1);
    if (strcmp(name, "help") != 0) return run(name, argc - 1, argv + 1);
    if (argc == 2) return usage(stdout, 0);
    char *help[] = {argv[2], help_flag, NULL};
    return run(argv[2], 2, help);
}
