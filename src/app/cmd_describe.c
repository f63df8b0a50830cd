/* hotlead describe: the model as a page for people, and as a chart. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "hotlead/app/commands.h"
#include "hotlead/app/describe.h"
#include "hotlead/app/model_file.h"

#define DEFAULT_MODEL "config/model.yaml"

static int usage(FILE *to, int code)
{
    fputs("Usage: hotlead describe [--model MODEL] [-o markdown|mermaid|dot|svg]\n"
          "\n"
          "Says in plain words what a scoring model does: stages, moves and their criteria, who fits, what counts how much.\n"
          "\n"
          "  -m, --model FILE    the model (default: " DEFAULT_MODEL ")\n"
          "  -o, --output FORM   markdown (default): a page with a flow chart in it\n"
          "                      mermaid, dot: the flow chart alone, for mermaid.js.org or Graphviz\n"
          "                      svg: the flow chart drawn by Graphviz, which must be installed\n"
          "  -h, --help          this text\n"
          "\n"
          "Exit code: 0, 78 when the model is wrong, 69 for svg without Graphviz, 64 for wrong use.\n",
          to);
    return code;
}

static const struct {
    const char *name;
    void (*print)(const struct hl_model *m, struct hl_buf *out);
    bool drawn; /* goes through dot */
} forms[] = {
    {"markdown", hl_describe_markdown, false},
    {"mermaid", hl_describe_mermaid, false},
    {"dot", hl_describe_dot, false},
    {"svg", hl_describe_dot, true},
};

/* `dot -Tsvg` reads the text from a pipe and writes to our stdout. */
static int draw(const struct hl_buf *text)
{
    signal(SIGPIPE, SIG_IGN); /* a dot that dies is told by its status */
    int ends[2];
    if (pipe(ends) != 0) return hl_status_exit_code(HL_E_INTERNAL);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("dot", "dot", "-Tsvg", (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    FILE *to = pid > 0 ? fdopen(ends[1], "w") : NULL;
    if (to) {
        fwrite(text->data, 1, text->len, to);
        fclose(to);
    } else {
        close(ends[1]);
    }
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    fputs("hotlead describe: svg is drawn by Graphviz, and its program 'dot' cannot be run: install the package graphviz, or "
          "take -o dot or "
          "-o mermaid\n",
          stderr);
    return hl_status_exit_code(HL_E_UNAVAILABLE);
}

static int describe(const struct hl_model *m, size_t form)
{
    struct hl_buf out;
    hl_buf_init(&out);
    forms[form].print(m, &out);
    int code = 0;
    if (out.failed) {
        fputs("hotlead describe: out of memory\n", stderr);
        code = hl_status_exit_code(HL_E_NOMEM);
    } else if (forms[form].drawn) {
        code = draw(&out);
    } else {
        fwrite(out.data, 1, out.len, stdout);
    }
    hl_buf_fini(&out);
    return code;
}

static int load_and_describe(const char *path, size_t form)
{
    struct hl_model *m = NULL;
    struct hl_buf problems;
    hl_buf_init(&problems);
    int code = hl_status_exit_code(HL_E_CONFIG);
    if (hl_model_load(path, &m, &problems, NULL) == HL_OK)
        code = describe(m, form);
    else
        fprintf(stderr, "%.*s", HL_SLICE_ARG(hl_buf_slice(&problems)));
    hl_model_free(m);
    hl_buf_fini(&problems);
    return code;
}

static bool find_form(const char *name, size_t *form)
{
    for (*form = 0; *form < HL_ARRAY_LEN(forms); (*form)++)
        if (strcmp(forms[*form].name, name) == 0) return true;
    fprintf(stderr, "hotlead describe: output '%s' is none of markdown, mermaid, dot, svg\n", name);
    return false;
}

int hl_cmd_describe(int argc, char **argv)
{
    static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = hl_cli_default_model();
    size_t form = 0;
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "m:o:h", options, NULL)) != -1;) {
        if (o == 'h') return usage(stdout, 0);
        if (o == 'm')
            path = optarg;
        else if (o != 'o' || !find_form(optarg, &form))
            return usage(stderr, hl_status_exit_code(HL_E_USAGE));
    }
    if (optind < argc) return usage(stderr, hl_status_exit_code(HL_E_USAGE));
    return load_and_describe(path, form);
}
