/* model.yaml -> struct hl_model.
 *
 * DESIGN
 *   The file becomes a tree with positions; each section is read by one function into the model, which goes on after a problem,
 *   so that all of them are told at once. Problems are counted, and a model is handed out only if there was none. Scalars are
 *   text until a number or a duration is wanted: `on` is a key, NO is Norway, 2026.10 keeps its zero. */
#include "hotlead/app/model_file.h"

#include <stdio.h>

#include "hotlead/core/touches.h"
#include "hotlead/core/voids.h"
#include "lint.h"
#include "model_read.h"

static void read_title(struct hl_model_reader *r, const struct hl_yaml_node *root, const char *key, char **out)
{
    const struct hl_yaml_node *n = hl_node_find(root, key);
    if (!n) {
        hl_problem_error(&r->p, root, "'%s' is missing: every transition carries it", key);
        return;
    }
    if (!hl_node_text(&r->p, n, key, out)) return;
    if (n->text.len == 0 || n->text.len > 100 || !hl_utf8_is_valid(n->text))
        hl_problem_error(&r->p, n, "%s has from 1 to 100 bytes", key);
}

static void read_preset(struct hl_model_reader *r, const struct hl_yaml_node *n)
{
    if (!n || !hl_node_is(&r->p, n, HL_YAML_SCALAR, "preset")) return;
    r->m->score_driven = hl_slice_eq_cstr(n->text, "score-driven");
    if (!r->m->score_driven && !hl_slice_eq_cstr(n->text, "sales-touch"))
        hl_problem_error(&r->p, n, "preset must be sales-touch or score-driven, not '%.*s'", HL_SLICE_ARG(n->text));
}

static void read_subscribe(struct hl_model_reader *r, const struct hl_yaml_node *n)
{
    static const char *const known[] = {"on", NULL};
    if (!n || !hl_node_check_map(&r->p, n, "subscribe", known)) return;
    const struct hl_yaml_node *on = hl_node_find(n, "on");
    if (on) hl_model_read_types(r, on, &r->m->subscribe_on);
}

static void read_touches(struct hl_model_reader *r, const struct hl_yaml_node *n)
{
    static const char *const known[] = {"keep", "on", NULL};
    int64_t keep = 0;
    if (!n || !hl_node_check_map(&r->p, n, "touches", known)) return;
    const struct hl_yaml_node *on = hl_node_find(n, "on"), *at = hl_node_find(n, "keep");
    bool is_number = at && at->kind == HL_YAML_SCALAR && hl_slice_parse_i64(at->text, &keep);
    if (!is_number || keep < 1 || keep > HL_TOUCHES_MAX)
        hl_problem_error(&r->p, at ? at : n, "touches.keep is how many kinds of touches are kept of a contact: from 1 to %d", HL_TOUCHES_MAX);
    else
        r->m->touches_keep = (uint8_t)keep;
    if (on) hl_model_read_types(r, on, &r->m->touches_on);
}

static void read_voids(struct hl_model_reader *r, const struct hl_yaml_node *n)
{
    static const char *const known[] = {"keep", NULL};
    int64_t keep = 0;
    if (!n || !hl_node_check_map(&r->p, n, "voids", known)) return;
    const struct hl_yaml_node *at = hl_node_find(n, "keep");
    bool is_number = at && at->kind == HL_YAML_SCALAR && hl_slice_parse_i64(at->text, &keep);
    if (!is_number || keep < 1 || keep > HL_VOIDS_MAX)
        hl_problem_error(&r->p, at ? at : n, "voids.keep is how many of the last events of a contact can be taken back: from 1 to %d", HL_VOIDS_MAX);
    else
        r->m->voids_keep = (uint8_t)keep;
}

static void read_threshold(struct hl_model_reader *r, const struct hl_yaml_node *thresholds, const char *key,
                           struct hl_threshold *t)
{
    static const char *const known[] = {"enter", "exit", NULL};
    const struct hl_yaml_node *n = hl_node_find(thresholds, key);
    char what[32];
    snprintf(what, sizeof(what), "thresholds.%s", key);
    if (!n || !hl_node_check_map(&r->p, n, what, known)) return;
    const struct hl_yaml_node *exit = hl_node_find(n, "exit");
    t->has_enter = hl_node_fixed(&r->p, hl_node_find(n, "enter"), "enter", &t->enter);
    t->has_exit = hl_node_fixed(&r->p, exit, "exit", &t->exit);
    if (exit && !hl_node_find(n, "enter")) hl_problem_error(&r->p, exit, "%s.exit without %s.enter", key, key);
    if (t->has_enter && t->has_exit && t->exit > t->enter)
        hl_problem_error(&r->p, exit, "%s.exit is above %s.enter: a contact would fall out as it comes in", key, key);
}

static void read_thresholds(struct hl_model_reader *r, const struct hl_yaml_node *n)
{
    static const char *const known[] = {"mql", "sql", NULL};
    if (!n || !hl_node_check_map(&r->p, n, "thresholds", known)) return;
    read_threshold(r, n, "mql", &r->m->mql);
    read_threshold(r, n, "sql", &r->m->sql);
}

static void read_recycle(struct hl_model_reader *r, const struct hl_yaml_node *n)
{
    static const char *const known[] = {"cooldown", "reset_behavior", NULL};
    if (!n || !hl_node_check_map(&r->p, n, "recycle", known)) return;
    hl_node_duration(&r->p, hl_node_find(n, "cooldown"), "cooldown", 0, HL_DURATION_MAX, &r->m->cooldown_ms);
    hl_node_bool(&r->p, hl_node_find(n, "reset_behavior"), "reset_behavior", &r->m->reset_behavior);
}

/* What no single section can see. */
static void check_whole(struct hl_model_reader *r, const struct hl_yaml_node *root)
{
    const struct hl_model *m = r->m;
    const struct hl_yaml_node *preset = hl_node_find(root, "preset"), *qualify = hl_node_find(root, "qualify");
    const struct hl_yaml_node *sql = hl_node_find(hl_node_find(root, "thresholds"), "sql");
    if (m->score_driven && !m->sql.has_enter && m->n_qualify == 0)
        hl_problem_error(&r->p, preset, "preset score-driven needs thresholds.sql.enter, or a rule in qualify");
    if (!m->score_driven && sql) hl_problem_warning(&r->p, sql, "thresholds.sql has no effect with preset sales-touch");
    if (!m->score_driven && qualify) hl_problem_warning(&r->p, qualify, "qualify has no effect with preset sales-touch");
}

static void read_model(struct hl_model_reader *r, const struct hl_yaml_node *root)
{
    static const char *const known[] = {"model",    "version",    "preset",  "lists",      "fit",
                                        "behavior", "hand_raise", "qualify", "thresholds", "stages",
                                        "recycle",  "subscribe",  "sla",     "routing",    "touches",
                                        "voids",
                                        NULL};
    if (!hl_node_check_map(&r->p, root, "the model", known)) return;
    struct hl_model *m = r->m;
    r->lists = hl_node_find(root, "lists");
    hl_model_check_lists(r);
    read_title(r, root, "model", &m->name);
    read_title(r, root, "version", &m->version);
    read_preset(r, hl_node_find(root, "preset"));
    hl_model_read_fit(r, hl_node_find(root, "fit"));
    hl_model_read_behavior(r, hl_node_find(root, "behavior"));
    hl_model_read_latches(r, hl_node_find(root, "hand_raise"), "hand_raise", &m->hand_raise, &m->n_hand_raise);
    hl_model_read_latches(r, hl_node_find(root, "qualify"), "qualify", &m->qualify, &m->n_qualify);
    read_thresholds(r, hl_node_find(root, "thresholds"));
    hl_model_read_stages(r, hl_node_find(root, "stages"));
    read_recycle(r, hl_node_find(root, "recycle"));
    read_subscribe(r, hl_node_find(root, "subscribe"));
    read_touches(r, hl_node_find(root, "touches"));
    read_voids(r, hl_node_find(root, "voids"));
    hl_model_read_sla(r, root);
    hl_model_read_routing(r, root);
    hl_model_warn_of_unused_lists(r);
    check_whole(r, root);
}

static enum hl_status finish(struct hl_model_reader *r, const struct hl_yaml_node *root, bool lint, struct hl_model **out)
{
    enum hl_status st = hl_problems_status(&r->p);
    if (st == HL_OK && hl_model_seal(r->m) != HL_OK) {
        hl_problem_error(&r->p, NULL, "the model cannot be indexed");
        st = hl_problems_status(&r->p);
    }
    if (st == HL_OK && lint) {
        hl_lint(r->m, root, &r->p);
        st = hl_problems_status(&r->p);
    }
    if (st == HL_OK)
        *out = r->m;
    else
        hl_model_free(r->m);
    return st;
}

/* Takes the result of the YAML reader. */
static enum hl_status load(const char *name, enum hl_status st, struct hl_yaml *y, const struct hl_error *yaml_err, bool lint,
                           struct hl_model **out, struct hl_buf *problems, struct hl_error *err)
{
    struct hl_model_reader r = {.p = {.file = name, .lines = problems, .err = err}};
    if (st != HL_OK) {
        hl_problem_yaml(&r.p, yaml_err);
        if (err) err->code = st;
        return st;
    }
    r.m = hl_model_new();
    if (!r.m) {
        hl_yaml_free(y);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "%s: out of memory", name);
    }
    r.m->fingerprint = hl_yaml_fingerprint(y);
    read_model(&r, hl_yaml_root(y));
    st = finish(&r, hl_yaml_root(y), lint, out);
    hl_yaml_free(y);
    return st;
}

static enum hl_status load_file(const char *path, bool lint, struct hl_model **out, struct hl_buf *problems, struct hl_error *err)
{
    struct hl_yaml *y = NULL;
    struct hl_error yaml_err;
    enum hl_status st = hl_yaml_load_file(path, &y, &yaml_err);
    return load(path, st, y, &yaml_err, lint, out, problems, err);
}

enum hl_status hl_model_load(const char *path, struct hl_model **out, struct hl_buf *problems, struct hl_error *err)
{
    return load_file(path, false, out, problems, err);
}

enum hl_status hl_model_check(const char *path, struct hl_model **out, struct hl_buf *problems, struct hl_error *err)
{
    return load_file(path, true, out, problems, err);
}

static enum hl_status load_text(const char *name, struct hl_slice text, bool lint, struct hl_model **out, struct hl_buf *problems,
                                struct hl_error *err)
{
    struct hl_yaml *y = NULL;
    struct hl_error yaml_err;
    enum hl_status st = hl_yaml_load_text(name, text, &y, &yaml_err);
    return load(name, st, y, &yaml_err, lint, out, problems, err);
}

enum hl_status hl_model_load_text(const char *name, struct hl_slice text, struct hl_model **out, struct hl_buf *problems,
                                  struct hl_error *err)
{
    return load_text(name, text, false, out, problems, err);
}

enum hl_status hl_model_check_text(const char *name, struct hl_slice text, struct hl_model **out, struct hl_buf *problems,
                                   struct hl_error *err)
{
    return load_text(name, text, true, out, problems, err);
}
