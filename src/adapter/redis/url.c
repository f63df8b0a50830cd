#include "url.h"

#include "hotlead/base/percent.h"

#define REDIS_PORT 6379
#define SENTINEL_PORT 26379
#define MAX_DB 65535

static enum hl_status bad(struct hl_error *err, const char *what)
{
    return hl_error_set(err, HL_E_CONFIG, HL_STOP,
                        "redis url: %s; expected redis[s]://[user[:password]@]host[:port][/db], "
                        "redis[s]+sentinel://[user[:password]@]host[:port][,...]/master[/db] or unix:///path[?db=N]",
                        what);
}

/* Percent-decoded copy with a NUL behind it; false when malformed, too long, or holding a NUL. */
static bool unescape(struct hl_slice s, char *out, size_t cap)
{
    size_t n;
    return hl_percent_decode(s, out, cap, &n) && !memchr(out, '\0', n);
}

/* Cut `s` at the first `c`: what stands before is returned, *rest is what stands behind, or null when there is no `c`. */
static struct hl_slice cut(struct hl_slice s, char c, struct hl_slice *rest)
{
    const char *at = s.len ? memchr(s.data, c, s.len) : NULL;
    *rest = HL_SLICE_NULL;
    if (!at) return s;
    size_t before = (size_t)(at - s.data);
    *rest = (struct hl_slice){at + 1, s.len - before - 1};
    return (struct hl_slice){s.data, before};
}

static bool parse_int(struct hl_slice s, int64_t min, int64_t max, int *out)
{
    int64_t v;
    if (s.len == 0 || s.data[0] < '0' || s.data[0] > '9' || !hl_slice_parse_i64(s, &v) || v < min || v > max) return false;
    *out = (int)v;
    return true;
}

/* user[:password]; a url without a user has its password behind a lone colon. */
static enum hl_status parse_login(struct hl_slice login, struct hl_redis_url *u, struct hl_error *err)
{
    struct hl_slice password, user = cut(login, ':', &password);
    if (!unescape(user, u->user, sizeof(u->user))) return bad(err, "the user is too long or badly escaped");
    if (!unescape(password, u->password, sizeof(u->password))) return bad(err, "the password is too long or badly escaped");
    return HL_OK;
}

static enum hl_status parse_host(struct hl_slice at, struct hl_redis_address *out, struct hl_error *err)
{
    struct hl_slice host, port;
    if (at.len && at.data[0] == '[') {
        struct hl_slice rest;
        host = cut((struct hl_slice){at.data + 1, at.len - 1}, ']', &rest);
        if (hl_slice_is_null(rest)) return bad(err, "[ without ]");
        if (rest.len && rest.data[0] != ':') return bad(err, "text between ] and the port");
        port = rest.len ? (struct hl_slice){rest.data + 1, rest.len - 1} : HL_SLICE_NULL;
    } else {
        host = cut(at, ':', &port);
    }
    if (host.len == 0) return bad(err, "the host is missing");
    if (!unescape(host, out->host, sizeof(out->host))) return bad(err, "the host is too long or badly escaped");
    if (!hl_slice_is_null(port) && !parse_int(port, 1, 65535, &out->port))
        return bad(err, "the port is not a number of 1 to 65535");
    return HL_OK;
}

static enum hl_status parse_hosts(struct hl_slice s, int default_port, struct hl_redis_url *u, struct hl_error *err)
{
    do {
        struct hl_slice rest, host = cut(s, ',', &rest);
        if (u->n_seeds == HL_REDIS_SEEDS) return bad(err, "more than 8 hosts");
        struct hl_redis_address *at = &u->seeds[u->n_seeds++];
        at->port = default_port;
        enum hl_status status = parse_host(host, at, err);
        if (status) return status;
        s = rest;
    } while (!hl_slice_is_null(s));
    return HL_OK;
}

/* master[/db]; *db is what is left. */
static enum hl_status parse_master(struct hl_slice path, struct hl_redis_url *u, struct hl_slice *db, struct hl_error *err)
{
    struct hl_slice master = cut(path, '/', db);
    if (master.len == 0) return bad(err, "the name of the master is missing");
    if (!unescape(master, u->master, sizeof(u->master))) return bad(err, "the name of the master is too long or badly escaped");
    return HL_OK;
}

static enum hl_status parse_tcp(struct hl_slice s, bool sentinel, struct hl_redis_url *u, struct hl_error *err)
{
    /* The last @: a password may hold one unescaped. A slash before it belongs to the password too. */
    const char *at = s.len ? memrchr(s.data, '@', s.len) : NULL;
    enum hl_status status = HL_OK;
    if (at) {
        struct hl_slice login = {s.data, (size_t)(at - s.data)};
        s = (struct hl_slice){at + 1, s.len - login.len - 1};
        status = parse_login(login, u, err);
        if (status) return status;
    }
    if (s.len && (memchr(s.data, '?', s.len) || memchr(s.data, '#', s.len)))
        return bad(err, "a query or fragment has no meaning here");
    struct hl_slice db, host = cut(s, '/', &db);
    if (sentinel) status = parse_master(db, u, &db, err);
    if (status) return status;
    if (db.len && !parse_int(db, 0, MAX_DB, &u->db)) return bad(err, "the database is not a number of 0 to 65535");
    return parse_hosts(host, sentinel ? SENTINEL_PORT : REDIS_PORT, u, err);
}

static enum hl_status parse_unix(struct hl_slice s, struct hl_redis_url *u, struct hl_error *err)
{
    struct hl_slice query, path = cut(s, '?', &query);
    u->seeds[0].is_unix = true;
    u->n_seeds = 1;
    if (path.len == 0 || path.data[0] != '/') return bad(err, "the socket needs an absolute path");
    if (!unescape(path, u->seeds[0].host, sizeof(u->seeds[0].host))) return bad(err, "the path is too long or badly escaped");
    if (hl_slice_is_null(query)) return HL_OK;
    struct hl_slice value, key = cut(query, '=', &value);
    if (!hl_slice_eq_cstr(key, "db")) return bad(err, "the only query parameter known is db");
    if (!parse_int(value, 0, MAX_DB, &u->db)) return bad(err, "the database is not a number of 0 to 65535");
    return HL_OK;
}

static bool strip(struct hl_slice *s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (s->len < n || memcmp(s->data, prefix, n) != 0) return false;
    *s = (struct hl_slice){s->data + n, s->len - n};
    return true;
}

enum hl_status hl_redis_url_parse(const char *text, struct hl_redis_url *out, struct hl_error *err)
{
    *out = (struct hl_redis_url){0};
    struct hl_slice s = hl_slice_of(text);
    if (strip(&s, "redis://")) return parse_tcp(s, false, out, err);
    if (strip(&s, "unix://")) return parse_unix(s, out, err);
    if (strip(&s, "redis+sentinel://")) return parse_tcp(s, true, out, err);
    out->tls = true;
    if (strip(&s, "rediss://")) return parse_tcp(s, false, out, err);
    if (strip(&s, "rediss+sentinel://")) return parse_tcp(s, true, out, err);
    return bad(err, "the scheme is not known");
}
