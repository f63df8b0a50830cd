/* Files as runs of bytes, and the runs as units. */
#include "sim_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hotlead/adapter/json.h"

#define UNIT_BYTES ((size_t)1 << 20)
#define UNIT_REFS 4096

enum hl_status hl_sim_sources_init(struct hl_sim_sources *s, int argc)
{
    *s = (struct hl_sim_sources){.files = calloc((size_t)argc, sizeof(*s->files)), .mappings = calloc((size_t)argc, sizeof(*s->mappings))};
    return s->files && s->mappings ? HL_OK : HL_E_NOMEM;
}

void hl_sim_sources_fini(struct hl_sim_sources *s)
{
    for (size_t i = 0; i < s->n_mappings; i++) hl_input_fini(&s->mappings[i]);
    free(s->mappings);
    free(s->files);
}

void hl_sim_sources_add(struct hl_sim_sources *s, const char *path)
{
    s->files[s->n_files++] = (struct hl_sim_source){path, s->n_mappings ? &s->mappings[s->n_mappings - 1] : NULL};
}

enum hl_status hl_sim_sources_map(struct hl_sim_sources *s, const char *path)
{
    struct hl_buf problems;
    hl_buf_init(&problems);
    enum hl_status st = hl_mapping_load(path, &s->mappings[s->n_mappings++], &problems, NULL);
    fprintf(stderr, "%.*s", HL_SLICE_ARG(hl_buf_slice(&problems)));
    hl_buf_fini(&problems);
    return st;
}

static enum hl_status io_error(const struct hl_sim_file *f, struct hl_error *err)
{
    return hl_error_set(err, HL_E_IO, HL_STOP, "%s: %s", f->path, strerror(errno));
}

/* What cannot be mapped: pipes, the standard input. */
static enum hl_status read_all(struct hl_sim_file *f, int fd, struct hl_error *err)
{
    char *data = NULL;
    size_t len = 0, cap = 0;
    for (ssize_t got = 1; got != 0;) {
        if (cap - len < UNIT_BYTES) {
            cap = cap * 2 + UNIT_BYTES;
            char *grown = realloc(data, cap);
            if (!grown) {
                free(data);
                return hl_error_set(err, HL_E_NOMEM, HL_STOP, "%s: out of memory", f->path);
            }
            data = grown;
        }
        got = read(fd, data + len, cap - len);
        if (got < 0 && errno != EINTR) {
            free(data);
            return io_error(f, err);
        }
        if (got > 0) len += (size_t)got;
        if (got < 0) got = 1;
    }
    f->bytes = (struct hl_slice){data, len};
    return HL_OK;
}

static enum hl_status map_or_read(struct hl_sim_file *f, int fd, struct hl_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return io_error(f, err);
    if (S_ISDIR(st.st_mode)) return hl_error_set(err, HL_E_IO, HL_STOP, "%s: is a directory", f->path);
    if (!S_ISREG(st.st_mode) || st.st_size == 0) return read_all(f, fd, err);
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) return read_all(f, fd, err);
    madvise(p, (size_t)st.st_size, MADV_SEQUENTIAL);
    f->bytes = (struct hl_slice){p, (size_t)st.st_size};
    f->mapped = true;
    return HL_OK;
}

static enum hl_status open_container(struct hl_sim_file *f, const struct hl_input *mapping, struct hl_error *err)
{
    if (mapping && (mapping->fields.seconds || mapping->fields.n_named || hl_field_map_combined(&mapping->fields) > 0))
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "%s: the mapping combines paths, names attributes or has time_unit s, which is for JSON only", f->path);
    struct hl_error why = {0};
    enum hl_status st = hl_avro_file_open(&f->container, f->bytes, &why);
    if (st == HL_OK) {
        char *schema = strndup(f->container.schema.data, f->container.schema.len);
        st = schema ? hl_avro_plan_compile(schema, mapping ? &mapping->fields : NULL, &f->plan, &why)
                    : hl_error_set(&why, HL_E_NOMEM, HL_STOP, "out of memory");
        free(schema);
    }
    if (st == HL_OK && mapping && hl_type_table_new(mapping->aliases, mapping->n_aliases, &f->types) != HL_OK)
        st = hl_error_set(&why, HL_E_NOMEM, HL_STOP, "out of memory");
    return st == HL_OK ? st : hl_error_set(err, st, HL_STOP, "%s: %.400s", f->path, why.message);
}

static enum hl_status open_lines(struct hl_sim_file *f, const struct hl_input *mapping, struct hl_error *err)
{
    static const struct hl_input canonical = {.format = HL_FORMAT_JSON};
    const struct hl_input *m = mapping ? mapping : &canonical;
    enum hl_json_shape shape = m->format == HL_FORMAT_JSON_SEGMENT ? HL_JSON_SEGMENT : HL_JSON_CANONICAL;
    return hl_json_decoder_new(shape, &m->fields, m->aliases, m->n_aliases, &f->json, err);
}

static enum hl_status open_file(struct hl_sim_file *f, const struct hl_input *mapping, struct hl_error *err)
{
    bool standard = strcmp(f->path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return io_error(f, err);
    enum hl_status st = map_or_read(f, fd, err);
    if (!standard) close(fd);
    if (st != HL_OK) return st;
    struct hl_slice name = hl_slice_of(f->path);
    bool named = name.len > 5 && memcmp(name.data + name.len - 5, ".avro", 5) == 0;
    return named || hl_avro_file_is(f->bytes) ? open_container(f, mapping, err) : open_lines(f, mapping, err);
}

enum hl_status hl_sim_input_open(struct hl_sim_input *in, const struct hl_sim_sources *sources, struct hl_error *err)
{
    *in = (struct hl_sim_input){.files = calloc(sources->n_files + 1, sizeof(*in->files))};
    if (!in->files) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (; in->n_files < sources->n_files; in->n_files++) {
        struct hl_sim_file *f = &in->files[in->n_files];
        f->path = sources->files[in->n_files].path;
        f->mapping = sources->files[in->n_files].mapping;
        enum hl_status st = open_file(f, sources->files[in->n_files].mapping, err);
        if (st != HL_OK) {
            in->n_files++; /* it may hold bytes */
            return st;
        }
        in->bytes += f->bytes.len;
    }
    return HL_OK;
}

void hl_sim_input_close(struct hl_sim_input *in)
{
    for (size_t i = 0; i < in->n_files; i++) {
        struct hl_sim_file *f = &in->files[i];
        hl_avro_plan_free(f->plan);
        hl_type_table_free(f->types);
        if (f->json) f->json->free(f->json);
        void *bytes = (void *)(uintptr_t)f->bytes.data;
        if (f->mapped)
            munmap(bytes, f->bytes.len);
        else
            free(bytes);
    }
    free(in->files);
}

/* About UNIT_BYTES of lines, the last one whole. */
static bool next_lines(struct hl_sim_file *f, struct hl_sim_unit *unit)
{
    size_t left = f->bytes.len - f->offset;
    const char *start = f->bytes.data + f->offset;
    if (left == 0) return false;
    size_t len = left;
    if (left > UNIT_BYTES) {
        const char *end = memchr(start + UNIT_BYTES, '\n', left - UNIT_BYTES);
        if (end) len = (size_t)(end + 1 - start);
    }
    unit->text = (struct hl_slice){start, len};
    f->offset += len;
    return true;
}

static enum hl_status next_refs(struct hl_sim_input *in, struct hl_sim_unit *unit)
{
    size_t n = in->n_refs - in->at;
    if (n == 0) return HL_E_END;
    unit->refs = in->refs + in->at;
    unit->n_refs = n < UNIT_REFS ? n : UNIT_REFS;
    in->at += unit->n_refs;
    in->bytes_done = (uint64_t)((double)in->bytes * ((double)in->at / (double)in->n_refs));
    return HL_OK;
}

enum hl_status hl_sim_input_next(struct hl_sim_input *in, struct hl_sim_unit *unit, const struct hl_sim_file **bad,
                                 struct hl_error *err)
{
    *unit = (struct hl_sim_unit){0};
    if (in->refs) return next_refs(in, unit);
    for (; in->at < in->n_files; in->at++) {
        struct hl_sim_file *f = &in->files[in->at];
        unit->file = f;
        if (!f->plan) {
            if (!next_lines(f, unit)) continue;
            in->bytes_done += unit->text.len;
            return HL_OK;
        }
        enum hl_status st = hl_avro_file_next(&f->container, &unit->block, err);
        if (st == HL_E_END) continue;
        *bad = f;
        if (st != HL_OK) in->at++;
        in->bytes_done += st == HL_OK ? unit->block.stored.len : 0;
        return st;
    }
    return HL_E_END;
}
