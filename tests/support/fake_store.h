/* A store in memory for engine tests: one server, any number of handles, and what can go wrong with a real one.
 * Everything done is kept in a journal, so that "the server lost its last n writes" is the journal without its tail. Thread-safe.
 */
#ifndef HOTLEAD_TESTS_FAKE_STORE_H
#define HOTLEAD_TESTS_FAKE_STORE_H

#include "hotlead/port/store.h"

struct fake_server;

struct fake_server *fake_server_new(void);
void fake_server_free(struct fake_server *f); /* after its handles */
/* A handle, freed by its own `free`. */
struct hl_store *fake_store_new(struct fake_server *f);

/* The next n calls through any handle fail with HL_E_UNAVAILABLE, and do nothing; n = -1: until told otherwise. */
void fake_server_fail(struct fake_server *f, int n);
/* The next n writes happen, but answer HL_E_UNAVAILABLE: the answer got lost. */
void fake_server_lose_answers(struct fake_server *f, int n);
/* After n more records have been loaded, the load in progress breaks off with HL_E_UNAVAILABLE, once. */
void fake_server_cut_load(struct fake_server *f, int n);
/* Forget the last n changes (own, write, discard), or all if there are fewer: a restart with lost writes. n = SIZE_MAX: FLUSHALL.
 */
void fake_server_forget(struct fake_server *f, size_t n);

size_t fake_server_changes(struct fake_server *f); /* length of the journal */
size_t fake_server_records(struct fake_server *f, int32_t partition);
int64_t fake_server_marker(struct fake_server *f, int32_t partition);

#endif
