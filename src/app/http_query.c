#include "http_query.h"

#include "hotlead/base/percent.h"
#include "problem.h"

static bool refuse(struct hl_error *err, const char *what, struct hl_slice name, const char *hint)
{
    char shown[40];
    size_t n = 0;
    for (; n < name.len && n + 1 < sizeof(shown); n++) shown[n] = name.data[n] > ' ' && name.data[n] < 0x7f ? name.data[n] : '?';
    shown[n] = '\0';
    hl_error_set(err, HL_E_USAGE, HL_STOP, "parameter '%s' %s%s", shown, what, hint);
    return false;
}

static bool read_one(struct hl_slice pair, struct hl_http_param *params, size_t n, struct hl_error *err)
{
    const char *sign = memchr(pair.data, '=', pair.len);
    struct hl_slice name = {pair.data, sign ? (size_t)(sign - pair.data) : pair.len};
    struct hl_slice value = sign ? (struct hl_slice){sign + 1, pair.len - name.len - 1} : HL_SLICE_LIT("");
    struct hl_nearest nearest;
    size_t len;
    hl_nearest_init(&nearest, name);
    for (size_t i = 0; i < n; i++) {
        struct hl_http_param *p = &params[i];
        hl_nearest_offer(&nearest, p->name);
        if (!hl_slice_eq_cstr(name, p->name)) continue;
        if (p->given) return refuse(err, "is given twice", name, "");
        if (!hl_percent_decode(value, p->value, sizeof(p->value), &len) || strlen(p->value) != len)
            return refuse(err, "is too long or badly encoded", name, "");
        return p->given = true;
    }
    return refuse(err, "is not known", name, hl_nearest_hint(&nearest));
}

bool hl_http_query_read(const char *query, struct hl_http_param *params, size_t n, struct hl_error *err)
{
    for (const char *p = query; *p;) {
        size_t len = strcspn(p, "&");
        if (len && !read_one((struct hl_slice){p, len}, params, n, err)) return false;
        p += len + (p[len] == '&');
    }
    return true;
}

bool hl_http_path_id(const char *raw, char *decoded, size_t cap, struct hl_slice *id, const char **rest, struct hl_error *err)
{
    size_t len = strcspn(raw, "/");
    *rest = raw + len;
    id->data = decoded;
    const char *wrong = NULL;
    if (!hl_percent_decode((struct hl_slice){raw, len}, decoded, cap, &id->len))
        wrong = "the contact id is badly percent-encoded, or too long";
    else if (id->len == 0)
        wrong = "which contact? /v1/contacts/{id}";
    else if (!hl_utf8_is_valid(*id))
        wrong = "the contact id is not UTF-8";
    if (wrong) hl_error_set(err, HL_E_USAGE, HL_STOP, "%s", wrong);
    return !wrong;
}
