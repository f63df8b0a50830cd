/* The commit protocol of the engine as a state machine for spin: see README.md for what is in it and what is not.
 *
 * One partition, two workers (0 and 1), a broker. Events are numbered 0 .. N-1 over one or two inputs; event e belongs to contact 1 if
 * bit e of WHO is set, else to contact 0, and moves its contact's stage if bit e of MOVES is set. The state of a contact is the set of
 * its events that were counted, a bit each, so that one lost or counted twice shows at the next assertion.
 *
 * Faults (a crash, an expulsion, an answer that does not come, a transaction that times out, an orderly hand-over, a Redis that loses
 * writes) come at any step, FAULTS of them in all. What costs no fault: a restart, a take-over from a worker that is down.
 *
 * What is deleted from a log on abort, or folded into `base` when no reader can stand before it, does so without loss: aborted records
 * are never seen, and markers never pass an open one. */
#ifndef N
#define N 3
#endif
#ifndef N0
#define N0 N            /* events of input 0; the rest are of input 1 */
#endif
#ifndef WHO
#define WHO 2
#endif
#ifndef MOVES
#define MOVES (5 & ALL)
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#define ALL ((1 << N) - 1)
/* room for records of either log; running out is an error, not a cut */
#ifndef LOG
#if defined(LOW_LATENCY) && !defined(REDIS)
#define LOG 2
#elif defined(REDIS)
#define LOG 8
#else
#define LOG 6
#endif
#endif

#define FIRST(inp) ((inp) * N0)
#define COUNT(inp) ((inp) -> N - N0 : N0)
#define BELOW(inp, o) (((1 << (o)) - 1) << FIRST(inp))
#define OF(c) ((c) -> WHO : ALL & ~WHO)
#define WHOSE(e) ((WHO >> (e)) & 1)
#define IS_MOVE(e) ((MOVES >> (e)) & 1)
#define BITS(x) (((x) & 1) + (((x) >> 1) & 1) + (((x) >> 2) & 1) + (((x) >> 3) & 1))
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* phases of a worker */
#define DOWN 1
#define START 0         /* opens its producer: what its predecessor left open is aborted */
#define IDLE 2          /* nothing assigned */
#define FETCH 3         /* recovery: committed offsets */
#define TAKE 4          /* recovery: owner token and marker of Redis */
#define LOAD 5          /* recovery: the copy in Redis */
#define READ 6          /* recovery: state topic, then replay */
#define LIVE 7
#define WRITE 8         /* commit: transitions settled, state records */
#define OFFSETS 9       /* commit: offsets */
#define ANSWER 10       /* commit: EndTxn sent */
#define RENEW 11        /* the producer is replaced */

/* dirty */
#define CLEAN 0
#define NEXT 1          /* of the round to come */
#define CURRENT 2       /* of the round that runs */

typedef Contact {
    byte has;           /* events counted */
    byte below[2];      /* applied offsets of the record it was restored from */
    byte dirty;
    bit moved;
}
typedef Held { byte has, below[2] }
typedef Worker {
    byte phase, gen;
    bit stale;          /* its producer is fenced: the coordinator has gone on to a newer epoch */
    byte next[2], low[2], cut[2];
    Contact c[2];
    byte todo;          /* contacts still to be written in this commit */
    bit since, leaving, drain;
    byte target;        /* end of the state topic as recovery saw it */
    byte position;      /* where the state topic goes on after the copy */
    bit warm;           /* the copy is used */
#ifdef LOW_LATENCY
    byte queue[N], queue_seq[N], queued;    /* transitions not delivered yet */
    bit flying;                             /* a commit is under way, of these positions and records: the worker goes on */
    byte ahead;                             /* of the queue: what its records have to wait for */
    byte to_next[2], to_low[2];
    Held held[2];
#endif
}
typedef Txn {
    byte state;         /* 0 none, 1 open, 2 committing: decided, markers on their way */
    bit sent;           /* offsets pending */
    byte next[2], low[2], gen;
    bit to_moves, to_state, to_offsets;     /* markers still to be written */
    bit end;            /* an EndTxn on its way; one of an older epoch has no effect and is not kept */
}
typedef Moved { byte event, seq, by; bit open }
typedef Record { byte who, has, below[2], by; bit open }

Worker w[2];
Txn txn[2];
byte faults = FAULTS;
/* the group */
byte owner, gen = 1;
byte committed[2], low[2];
/* the logs */
Moved moves[LOG];
Record state[LOG];
byte n_moves, n_state;
Held base[2];          /* fold of the committed head of the state topic, where it is not kept */
/* what a read_committed reader of the transitions has seen */
byte seen, seen_seq[2], seen_at[8];
byte fetched;           /* newest generation that has read the committed offsets */
#ifdef REDIS
#define NOBODY 9
typedef Copy { byte owner = NOBODY, marker; Held c[2] }
Copy redis[2];          /* the server, and its replica, which lags */
byte mirror_marker[2];
bit mirror_owns[2];
#endif
#ifdef RESENT
bit resent;             /* it happened */
bit noticed;            /* worker 0 has to renew its producer */
#define MAY_BEGIN(me) (txn[me].state != 2 && !(me == 0 && noticed))
#elif defined(LOW_LATENCY)
#define MAY_BEGIN(me) (!w[me].leaving)      /* who drains reads nothing more */
#else
#define MAY_BEGIN(me) (txn[me].state != 2)
#endif
/* scratch of a step: no part of the state */
hidden byte j, k, inp, e, o, who;

inline moves_delete(at)
{
    n_moves--;
    k = at;
    do
    :: k < n_moves ->
        moves[k].event = moves[k + 1].event;
        moves[k].seq = moves[k + 1].seq;
        moves[k].by = moves[k + 1].by;
        moves[k].open = moves[k + 1].open;
        k++
    :: else -> break
    od;
    moves[k].event = 0; moves[k].seq = 0; moves[k].by = 0; moves[k].open = 0
}

/* --- promises --- */

/* A simulation says which one broke; the numbers of lines that spin gives are wrong behind an #ifdef in an inline. */
#define PROMISE(text, holds) if :: !(holds) -> printf("BROKEN: "); printf(text); assert(false) :: else fi

/* The reader takes what is decided from the head of the log. */
inline reader_polls()
{
    do
    :: n_moves > 0 && !moves[0].open ->
        e = moves[0].event;
        who = WHOSE(e);
#ifdef LOW_LATENCY
        PROMISE("P2: no gap\n", moves[0].seq <= seen_seq[who] + 1);
        if
        :: moves[0].seq <= seen_seq[who] ->
#ifndef IDS_MAY_CHANGE
            PROMISE("a repeat has its old id\n", seen_at[who * 4 + moves[0].seq] == e);
#endif
            skip
        :: else ->
            seen_seq[who]++;
            seen_at[who * 4 + seen_seq[who]] = e
        fi;
#else
        PROMISE("P2: no repeat\n", !(seen & (1 << e)));
        PROMISE("P2: no gap, in order\n", moves[0].seq == seen_seq[who] + 1);
        seen_seq[who]++;
#endif
        seen = seen | (1 << e);
        moves_delete(0)
    :: else -> break
    od;
    k = 0 /* a d_step must not end with a loop */
}

/* What the committed offsets promise: each event below them has its transition in the output, each below the low-water is in the state topic. */
#define IS_DECIDED(log) (!log[k].open || txn[log[k].by].state == 2) /* or as good as that: its marker is on its way */
inline check_committed()
{
    PROMISE("the low-water is not above the committed offset\n", low[0] <= committed[0] && low[1] <= committed[1]);
    e = seen;
    k = 0;
    do
    :: k < n_moves ->
        e = (IS_DECIDED(moves) -> e | (1 << moves[k].event) : e);
        k++
    :: else -> break
    od;
    o = MOVES & (BELOW(0, committed[0]) | BELOW(1, committed[1]));
    PROMISE("P1: no transition is lost\n", (e & o) == o);
    for (who : 0 .. 1) {
        e = base[who].has;
        k = 0;
        do
        :: k < n_state ->
            e = (IS_DECIDED(state) && state[k].who == who -> state[k].has : e);
            k++
        :: else -> break
        od;
        o = OF(who) & (BELOW(0, low[0]) | BELOW(1, low[1]));
        PROMISE("what was counted below the low-water is held\n", (e & o) == o)
    }
    e = 0; o = 0; who = 0; k = 0
}

/* --- logs --- */

inline state_delete(at)
{
    n_state--;
    k = at;
    do
    :: k < n_state ->
        state[k].who = state[k + 1].who;
        state[k].has = state[k + 1].has;
        state[k].below[0] = state[k + 1].below[0];
        state[k].below[1] = state[k + 1].below[1];
        state[k].by = state[k + 1].by;
        state[k].open = state[k + 1].open;
        k++
    :: else -> break
    od;
    state[k].who = 0; state[k].has = 0; state[k].below[0] = 0; state[k].below[1] = 0; state[k].by = 0; state[k].open = 0;
    for (k : 0 .. 1) {
        if
        :: w[k].target > at -> w[k].target--
        :: else
        fi
    }
}

/* Where nobody reads the log from a marker, its decided head is its fold. */
inline state_fold()
{
#ifndef REDIS
    do
    :: n_state > 0 && !state[0].open ->
        base[state[0].who].has = state[0].has;
        base[state[0].who].below[0] = state[0].below[0];
        base[state[0].who].below[1] = state[0].below[1];
        state_delete(0)
    :: else -> break
    od
#endif
    k = 0
}

/* Forget what producer p has open. */
inline txn_abort(p)
{
    j = 0;
    do
    :: j < n_state && state[j].open && state[j].by == p -> state_delete(j)
    :: j < n_state && !(state[j].open && state[j].by == p) -> j++
    :: else -> break
    od;
    j = 0;
    do
    :: j < n_moves && moves[j].open && moves[j].by == p ->
        moves_delete(j)
    :: j < n_moves && !(moves[j].open && moves[j].by == p) -> j++
    :: else -> break
    od;
    j = 0; k = 0;
    txn[p].state = 0;
    txn_clear(p);
    reader_polls();
    state_fold()
}

inline txn_clear(p)
{
    txn[p].sent = 0; txn[p].gen = 0;
    txn[p].next[0] = 0; txn[p].next[1] = 0; txn[p].low[0] = 0; txn[p].low[1] = 0
}

inline offsets_become(p)
{
    committed[0] = txn[p].next[0]; committed[1] = txn[p].next[1];
    low[0] = txn[p].low[0]; low[1] = txn[p].low[1]
}

inline txn_finish(p)
{
    if
    :: !txn[p].to_moves && !txn[p].to_state && !txn[p].to_offsets ->
        txn[p].state = 0;
        txn_clear(p);
        check_committed()
    :: else
    fi
}

/* --- a worker's memory --- */

inline forget(me)
{
    for (k : 0 .. 1) {
        w[me].next[k] = 0; w[me].low[k] = 0; w[me].cut[k] = 0;
        w[me].c[k].has = 0; w[me].c[k].below[0] = 0; w[me].c[k].below[1] = 0; w[me].c[k].dirty = CLEAN; w[me].c[k].moved = 0
    }
#ifdef LOW_LATENCY
    for (k : 0 .. N - 1) { w[me].queue[k] = 0; w[me].queue_seq[k] = 0 }
    w[me].queued = 0; w[me].flying = 0; w[me].ahead = 0;
    for (k : 0 .. 1) { w[me].to_next[k] = 0; w[me].to_low[k] = 0; w[me].held[k].has = 0; w[me].held[k].below[0] = 0; w[me].held[k].below[1] = 0 }
#endif
    w[me].todo = 0; w[me].since = 0; w[me].leaving = 0; w[me].drain = 0; w[me].target = 0; w[me].position = 0; w[me].warm = 0
}

#define HAS(me, of, inp) (w[me].c[of].has & BELOW(inp, COUNT(inp)))       /* events of one input that a contact holds */
#define FENCED(me) (w[me].stale)
#define EXPELLED(me) (w[me].gen != 0 && w[me].gen != gen)

/* One event, live. inp, o: its place. */
inline apply_event(me)
{
    e = FIRST(inp) + o;
    who = WHOSE(e);
#ifdef BAD_NO_APPLIED_CHECK
    if
    :: true ->
#else
    if
    :: o >= w[me].c[who].below[inp] ->
#endif
        PROMISE("P1: the contact holds exactly what came before\n", HAS(me, who, inp) == (OF(who) & BELOW(inp, o)));
        w[me].c[who].has = w[me].c[who].has | (1 << e);
        if
        :: w[me].c[who].dirty == CLEAN -> w[me].c[who].dirty = NEXT
        :: else
        fi;
        if
        :: IS_MOVE(e) ->
            w[me].c[who].moved = 1;
#ifdef LOW_LATENCY
            w[me].queue[w[me].queued] = e;
            w[me].queue_seq[w[me].queued] = BITS(w[me].c[who].has & MOVES);
            w[me].queued++
#else
            assert(n_moves < LOG);
            moves[n_moves].event = e;
            moves[n_moves].seq = BITS(w[me].c[who].has & MOVES);
            moves[n_moves].by = me;
            moves[n_moves].open = 1;
            n_moves++;
            txn[me].state = 1
#endif
        :: else
        fi
    :: else
    fi;
    printf("worker %d reads event %d: contacts %d %d\n", me, e, w[me].c[0].has, w[me].c[1].has);
    w[me].next[inp] = o + 1;
    w[me].since = 1;
}

/* Low latency: the oldest transition of the queue is delivered. */
inline deliver(me)
{
    assert(n_moves < LOG);
    moves[n_moves].event = w[me].queue[0];
    moves[n_moves].seq = w[me].queue_seq[0];
    moves[n_moves].by = 0;
    moves[n_moves].open = 0;
    n_moves++;
    for (k : 0 .. N - 2) { w[me].queue[k] = w[me].queue[k + 1]; w[me].queue_seq[k] = w[me].queue_seq[k + 1] }
    w[me].queue[N - 1] = 0; w[me].queue_seq[N - 1] = 0;
    k = 0;
    w[me].queued--;
    w[me].ahead = (w[me].ahead -> w[me].ahead - 1 : 0);
    printf("worker %d: transition of event %d is delivered\n", me, moves[n_moves - 1].event);
    reader_polls()
}

/* The state record of contact `who`, into `to`. */
inline encode_state(me, to)
{
    to.has = w[me].c[who].has;
    for (k : 0 .. 1) {
#ifdef BAD_APPLIED_IS_NEXT
        to.below[k] = w[me].next[k]
#else
        to.below[k] = MAX(w[me].c[who].below[k], w[me].next[k])
#endif
    }
    k = 0;
    w[me].c[who].dirty = CLEAN;
    w[me].c[who].moved = 0
}

inline write_state(me)
{
    assert(n_state < LOG);
    state[n_state].who = who;
#ifdef LOW_LATENCY
    state[n_state].has = w[me].held[who].has;
    state[n_state].below[0] = w[me].held[who].below[0]; state[n_state].below[1] = w[me].held[who].below[1];
    w[me].held[who].has = 0; w[me].held[who].below[0] = 0; w[me].held[who].below[1] = 0;
    state[n_state].by = 0;
    state[n_state].open = 0;
#else
    encode_state(me, state[n_state]);
    state[n_state].by = me;
    state[n_state].open = 1;
    txn[me].state = 1;
#endif
    printf("worker %d writes state of contact %d: %d, applied below %d %d\n", me, who, state[n_state].has, state[n_state].below[0], state[n_state].below[1]);
    n_state++;
    w[me].todo = w[me].todo & ~(1 << who);
    state_fold();
    who = 0
}

inline round(me)
{
    if
    :: w[me].drain ->
        w[me].low[0] = w[me].next[0]; w[me].low[1] = w[me].next[1];
        w[me].cut[0] = w[me].next[0]; w[me].cut[1] = w[me].next[1]
    :: !w[me].drain && w[me].c[0].dirty != CURRENT && w[me].c[1].dirty != CURRENT ->
#ifdef BAD_LOW_IS_NEXT
        w[me].low[0] = w[me].next[0]; w[me].low[1] = w[me].next[1];
#else
        w[me].low[0] = w[me].cut[0]; w[me].low[1] = w[me].cut[1];
#endif
        w[me].cut[0] = w[me].next[0]; w[me].cut[1] = w[me].next[1];
        for (k : 0 .. 1) {
            if
            :: w[me].c[k].dirty == NEXT -> w[me].c[k].dirty = CURRENT
            :: else
            fi
        }
        k = 0
    :: else
    fi
}

#ifdef LOW_LATENCY
/* A commit of what is there now begins: its records are made, and wait for the transitions before them. */
inline take_off(me)
{
    for (who : 0 .. 1) {
        if
        :: w[me].todo & (1 << who) -> encode_state(me, w[me].held[who])
        :: else
        fi
    }
    who = 0;
    round(me);
    w[me].to_next[0] = w[me].next[0]; w[me].to_next[1] = w[me].next[1];
    w[me].to_low[0] = w[me].low[0]; w[me].to_low[1] = w[me].low[1];
    w[me].ahead = w[me].queued;
    w[me].flying = 1;
    w[me].since = 0
}
#endif

/* What a commit writes: who moved, and `share` of the round. */
inline plan(me, share)
{
    for (k : 0 .. 1) {
        if
#ifndef BAD_MOVED_NOT_WRITTEN
        :: w[me].c[k].moved || (w[me].c[k].dirty == CURRENT && (share & (1 << k))) || (w[me].c[k].dirty != CLEAN && w[me].drain) ->
#else
        :: (w[me].c[k].dirty == CURRENT && (share & (1 << k))) || (w[me].c[k].dirty != CLEAN && w[me].drain) ->
#endif
            w[me].todo = w[me].todo | (1 << k)
        :: else
        fi
    }
    k = 0;
#ifdef LOW_LATENCY
    take_off(me)
#else
    w[me].phase = WRITE
#endif
}

/* Fold of the state topic from the worker's position to its last stable record, then the inputs from the low-water to the committed offset. */
inline restore(me)
{
    for (who : 0 .. 1) {
        if
        :: !w[me].warm ->
            w[me].c[who].has = base[who].has;
            w[me].c[who].below[0] = base[who].below[0];
            w[me].c[who].below[1] = base[who].below[1]
        :: else
        fi
    }
    k = w[me].position;
    do
    :: k < n_state && !state[k].open ->
        who = state[k].who;
        w[me].c[who].has = state[k].has;
        w[me].c[who].below[0] = state[k].below[0];
        w[me].c[who].below[1] = state[k].below[1];
        k++
    :: else -> break
    od;
    for (inp : 0 .. 1) {
        o = w[me].low[inp];
        do
        :: o < w[me].next[inp] ->
            e = FIRST(inp) + o;
            who = WHOSE(e);
#ifdef BAD_NO_APPLIED_CHECK
            if
            :: true ->
#else
            if
            :: o >= w[me].c[who].below[inp] ->
#endif
                PROMISE("P1: nothing counts twice\n", !(w[me].c[who].has & (1 << e)));
                PROMISE("what is replayed moved no stage\n", !IS_MOVE(e));
                w[me].c[who].has = w[me].c[who].has | (1 << e);
                w[me].c[who].dirty = NEXT
            :: else
            fi;
            o++
        :: else -> break
        od
    }
    printf("worker %d has restored contacts to %d %d\n", me, w[me].c[0].has, w[me].c[1].has);
    for (who : 0 .. 1) {
        for (inp : 0 .. 1) {
            o = MAX(w[me].next[inp], w[me].c[who].below[inp]);
            PROMISE("P1: what is restored is what was committed\n", HAS(me, who, inp) == (OF(who) & BELOW(inp, o)))
        }
    }
    w[me].cut[0] = w[me].low[0]; w[me].cut[1] = w[me].low[1];
    w[me].target = 0; w[me].position = 0; w[me].warm = 0;
    w[me].phase = LIVE;
    k = 0; inp = 0; o = 0; e = 0; who = 0
}

inline is_decided(me)
{
    k = 0;
#ifndef BAD_STOP_AT_LAST_STABLE
    do
    :: k < w[me].target && !state[k].open -> k++
    :: else -> break
    od;
#else
    k = w[me].target;
#endif
}

/* A commit went well; who drained for a hand-over gives the partition back now. */
inline commit_done(p)
{
#ifdef LOW_LATENCY
    w[p].flying = 0;
    w[p].to_next[0] = 0; w[p].to_next[1] = 0; w[p].to_low[0] = 0; w[p].to_low[1] = 0;
#else
    w[p].since = 0;
    w[p].phase = LIVE;
#endif
    if
    :: w[p].leaving ->
        if
        :: w[p].gen == gen -> owner = 1 - p; gen++
        :: else
        fi;
        forget(p);
        w[p].gen = 0;
        w[p].phase = IDLE
    :: else
    fi
}

#define UNSTABLE (txn[0].sent || txn[1].sent)

active [2] proctype worker()
{
    byte me = _pid;
end:
    do
    :: d_step { w[me].phase == DOWN -> w[me].phase = START; printf("worker %d starts\n", me) }
    :: d_step { w[me].phase != DOWN && faults > 0 -> faults--; forget(me); w[me].gen = 0; w[me].stale = 0; w[me].phase = DOWN;
#ifdef REDIS
            mirror_owns[me] = 0; mirror_marker[me] = 0;
#endif
            printf("worker %d is killed\n", me) }

    /* a new producer: aborts what an older one left open, and fences it; waits for a decided transaction */
    :: d_step { (w[me].phase == START || w[me].phase == RENEW) && txn[me].state != 2 ->
#ifndef LOW_LATENCY
            txn_abort(me);
#ifndef BAD_NO_EPOCH
            txn[me].end = 0;
#endif
#ifdef RESENT
            noticed = (me == 0 -> 0 : noticed);
#endif
            w[me].stale = 0;
#endif
            if
            :: w[me].phase == START && owner == me -> w[me].gen = gen   /* a static member that came back */
            :: else
            fi;
            w[me].phase = (w[me].gen != 0 -> FETCH : IDLE);
            printf("worker %d has a new producer\n", me)
        }
    :: d_step { w[me].phase == IDLE && owner == me -> w[me].gen = gen; w[me].phase = FETCH; printf("worker %d is assigned the partition\n", me) }

    /* it hears that it has been thrown out */
    :: d_step { EXPELLED(me) && (w[me].phase == LIVE || (w[me].phase >= FETCH && w[me].phase <= READ)) ->
            forget(me);
            w[me].gen = 0;
            printf("worker %d hears that it was thrown out\n", me);
            if
            :: FENCED(me) -> w[me].phase = RENEW
            :: else ->
                if
                :: txn[me].state == 1 -> txn_abort(me)
                :: else
                fi;
                w[me].phase = IDLE
            fi
        }

    /* recovery */
#ifdef BAD_UNSTABLE_OFFSETS
    :: d_step { w[me].phase == FETCH ->
#else
    :: d_step { w[me].phase == FETCH && !UNSTABLE ->
#endif
            w[me].next[0] = committed[0]; w[me].next[1] = committed[1];
            w[me].low[0] = low[0]; w[me].low[1] = low[1];
            fetched = MAX(fetched, w[me].gen);
            w[me].target = n_state;
            printf("worker %d reads committed offsets %d %d, low-water %d %d\n", me, w[me].next[0], w[me].next[1], w[me].low[0], w[me].low[1]);
#ifdef REDIS
            w[me].phase = TAKE
#else
            w[me].phase = READ
#endif
        }
#ifdef REDIS
    :: d_step { w[me].phase == TAKE ->
            redis[0].owner = 2 + me;
            mirror_owns[me] = 0; mirror_marker[me] = 0;
            w[me].position = redis[0].marker;
            w[me].phase = LOAD;
            printf("worker %d takes Redis over, marker %d\n", me, redis[0].marker)
        }
    :: d_step { w[me].phase == LOAD ->
            w[me].warm = 1;
            for (k : 0 .. 1) {
                w[me].c[k].has = redis[0].c[k].has;
                w[me].c[k].below[0] = redis[0].c[k].below[0];
                w[me].c[k].below[1] = redis[0].c[k].below[1]
            }
            k = 0;
#ifndef BAD_COPY_NOT_CHECKED
            if
            :: redis[0].marker != w[me].position ->               /* what was loaded is not what the marker said */
                w[me].warm = 0;
                w[me].position = 0
            :: else
            fi;
#endif
            w[me].target = n_state;
            w[me].phase = READ;
            printf("worker %d has loaded the copy, used: %d\n", me, w[me].warm)
        }
#endif
    :: d_step { w[me].phase == READ -> is_decided(me);
            if
            :: k >= w[me].target -> restore(me)
            :: else -> k = 0
            fi
        }

    /* events */
    :: d_step { w[me].phase == LIVE && w[me].next[0] < COUNT(0) && MAY_BEGIN(me) ->
            inp = 0; o = w[me].next[0];
            if
            :: FENCED(me) -> forget(me); w[me].phase = RENEW
            :: else -> apply_event(me)
            fi;
            inp = 0; o = 0
        }
    :: d_step { w[me].phase == LIVE && w[me].next[1] < COUNT(1) && MAY_BEGIN(me) ->
            inp = 1; o = w[me].next[1];
            if
            :: FENCED(me) -> forget(me); w[me].phase = RENEW
            :: else -> apply_event(me)
            fi;
            inp = 0; o = 0
        }

#ifdef RESENT
    /* it keeps what it has in memory: the transaction is decided, and nothing is open */
    :: d_step { me == 0 && noticed && w[me].phase == LIVE && txn[me].state != 2 -> txn[me].end = 0; noticed = 0;
            printf("worker %d renews its producer\n", me)
        }
#endif

    /* commit: which contacts of the round are written now, or all, before the partition is handed over */
    :: atomic { w[me].phase == LIVE && MAY_BEGIN(me) &&
#ifdef LOW_LATENCY
               !w[me].flying &&
#endif
               (w[me].since || w[me].low[0] != w[me].next[0] || w[me].low[1] != w[me].next[1]) ->
            if
            :: d_step { plan(me, 0) }
            :: d_step { w[me].c[0].dirty == CURRENT -> plan(me, 1) }
            :: d_step { w[me].c[1].dirty == CURRENT -> plan(me, 2) }
            :: d_step { w[me].c[0].dirty == CURRENT && w[me].c[1].dirty == CURRENT -> plan(me, 3) }
            :: d_step { faults > 0 && !EXPELLED(me) -> faults--; w[me].leaving = 1; w[me].drain = 1; plan(me, 0) }
            fi
        }
#ifdef LOW_LATENCY
    :: d_step { w[me].queued > 0 -> deliver(me) }
#ifdef BAD_STATE_FIRST
    :: d_step { w[me].flying && w[me].todo != 0 ->
#else
    :: d_step { w[me].flying && w[me].todo != 0 && w[me].ahead == 0 ->
#endif
            who = (w[me].todo & 1 -> 0 : 1);
            write_state(me)
        }
    :: d_step { w[me].flying && w[me].todo == 0 && w[me].ahead == 0 ->
            if
            :: w[me].gen == gen ->
#ifdef BAD_OFFSETS_OF_NOW
                committed[0] = w[me].next[0]; committed[1] = w[me].next[1];
#else
                committed[0] = w[me].to_next[0]; committed[1] = w[me].to_next[1];
#endif
                low[0] = w[me].to_low[0]; low[1] = w[me].to_low[1];
                printf("worker %d commits offsets %d %d, low-water %d %d\n", me, committed[0], committed[1], low[0], low[1]);
                check_committed();
                commit_done(me)
            :: else -> forget(me); w[me].phase = FETCH; printf("worker %d: offsets refused\n", me)
            fi
        }
#else
    :: d_step { w[me].phase == WRITE ->
            if
            :: FENCED(me) -> forget(me); w[me].phase = RENEW
            :: else ->
                do
                :: w[me].todo & 1 -> who = 0; write_state(me)
                :: !(w[me].todo & 1) && (w[me].todo & 2) -> who = 1; write_state(me)
                :: else -> break
                od;
                round(me);
                w[me].phase = OFFSETS
            fi
        }
    :: d_step { w[me].phase == OFFSETS ->
            if
            :: FENCED(me) -> forget(me); w[me].phase = RENEW
#ifndef BAD_NO_GENERATION
            :: !FENCED(me) && w[me].gen != gen -> forget(me); txn_abort(me); w[me].phase = FETCH; printf("worker %d: offsets refused\n", me)
            :: !FENCED(me) && w[me].gen == gen ->
#else
            :: !FENCED(me) ->
#endif
                txn[me].state = 1;
                txn[me].sent = 1;
                txn[me].gen = w[me].gen;
                txn[me].next[0] = w[me].next[0]; txn[me].next[1] = w[me].next[1];
#ifdef BAD_LOW_OF_OTHER
                txn[me].low[0] = w[1 - me].cut[0]; txn[me].low[1] = w[1 - me].cut[1];
#else
                txn[me].low[0] = w[me].low[0]; txn[me].low[1] = w[me].low[1];
#endif
#ifdef BAD_OFFSETS_OUTSIDE
                offsets_become(me);
                txn[me].sent = 0;
#endif
                w[me].phase = ANSWER;
                printf("worker %d sends offsets %d %d, low-water %d %d, and EndTxn\n", me, txn[me].next[0], txn[me].next[1], txn[me].low[0], txn[me].low[1]);
                txn[me].end = 1
            fi
        }
    /* the answer does not come: whatever became of it, the producer is replaced */
    :: d_step { w[me].phase == ANSWER && (faults > 0 || FENCED(me)) ->
            if
            :: FENCED(me)
            :: else -> faults--
            fi;
            forget(me); printf("worker %d: no answer\n", me);
#ifdef BAD_NO_EPOCH
            if                                                  /* it aborts and goes on with the same producer */
            :: txn[me].state == 1 -> txn_abort(me)
            :: else
            fi;
            w[me].phase = FETCH
#else
            w[me].phase = RENEW
#endif
        }
#endif
    od
}

/* An EndTxn arrives. */
inline end_txn(p)
{
    txn[p].end = 0;
    if
    :: txn[p].state == 1 ->
        if
        :: txn[p].sent ->
            PROMISE("a zombie commits nothing\n", txn[p].gen >= fetched)
        :: else
        fi;
        txn[p].state = 2;
        printf("EndTxn of worker %d decides: committed\n", p);
        txn[p].to_moves = 1; txn[p].to_state = 1;
        txn[p].to_offsets = txn[p].sent;
        if
        :: w[p].phase == ANSWER -> commit_done(p)
        :: else
        fi
    :: else ->
        printf("EndTxn of worker %d is refused or of no effect\n", p);
        if
        :: w[p].phase == ANSWER -> forget(p); w[p].phase = RENEW
        :: else
        fi
    fi
}

/* The coordinators, and what else happens to the workers from outside. */
active proctype broker()
{
end:
    do
    /* an expulsion, or a take-over from a worker that is down */
    :: d_step { w[owner].phase == DOWN && w[1 - owner].phase != DOWN && gen < 9 -> owner = 1 - owner; gen++; printf("worker %d, being down, loses the partition\n", 1 - owner) }
#if !defined(LOW_LATENCY) || defined(EXPEL)
    :: d_step { faults > 0 && w[owner].phase != DOWN && gen < 9 -> faults--; owner = 1 - owner; gen++; printf("worker %d is thrown out, and does not know\n", 1 - owner) }
#endif
#ifndef LOW_LATENCY
#define COORDINATOR(p) \
    :: d_step { txn[p].end -> end_txn(p) } \
    :: d_step { txn[p].state == 2 && txn[p].to_moves -> txn[p].to_moves = 0; \
            k = 0; \
            do \
            :: k < n_moves && moves[k].by == p -> moves[k].open = 0; moves[k].by = 0; k++ \
            :: k < n_moves && moves[k].by != p -> k++ \
            :: else -> break \
            od; \
            reader_polls(); txn_finish(p) } \
    :: d_step { txn[p].state == 2 && txn[p].to_state -> txn[p].to_state = 0; \
            k = 0; \
            do \
            :: k < n_state && state[k].by == p -> state[k].open = 0; state[k].by = 0; k++ \
            :: k < n_state && state[k].by != p -> k++ \
            :: else -> break \
            od; \
            state_fold(); txn_finish(p) } \
    :: d_step { txn[p].state == 2 && txn[p].to_offsets -> txn[p].to_offsets = 0; offsets_become(p); txn[p].sent = 0; txn_finish(p) } \
    /* the transaction times out: of one who is down or thrown out for free */ \
    :: d_step { txn[p].state == 1 && (faults > 0 || w[p].phase == DOWN || EXPELLED(p)) -> \
            if \
            :: w[p].phase == DOWN || EXPELLED(p) \
            :: else -> faults-- \
            fi; \
            printf("transaction of worker %d times out\n", p); txn_abort(p); txn[p].end = 0; w[p].stale = (w[p].phase != DOWN) }
    COORDINATOR(0)
    COORDINATOR(1)
#ifdef RESENT
    /* the client gave up waiting, sent EndTxn again in silence, and was answered: the first one is still on its way */
    :: d_step { txn[0].end && faults > 0 && !resent && w[0].phase == ANSWER -> faults--; resent = 1;
#ifndef BAD_RESENT_UNNOTICED
            noticed = 1;
#endif
            printf("EndTxn of worker 0 is sent twice\n");
            end_txn(0); txn[0].end = 1 }
#endif
#endif
    od
}

#ifdef REDIS
inline check_copy()
{
    for (who : 0 .. 1) {
        e = 0;
        k = 0;
        do
        :: k < redis[0].marker ->
            e = (state[k].who == who -> state[k].has : e);
            k++
        :: else -> break
        od;
        PROMISE("the copy is a prefix of the state topic\n", redis[0].c[who].has == e)
    }
    e = 0; k = 0; who = 0
}

inline write_copy(me)
{
    k = mirror_marker[me];
    who = state[k].who;
    redis[0].c[who].has = state[k].has;
    redis[0].c[who].below[0] = state[k].below[0];
    redis[0].c[who].below[1] = state[k].below[1];
    redis[0].marker = k + 1;
    printf("mirror %d writes record %d\n", me, k);
    mirror_marker[me] = redis[0].marker;
    check_copy()
}

inline copy_of(to, from)
{
    redis[to].owner = redis[from].owner;
    redis[to].marker = redis[from].marker;
    for (k : 0 .. 1) {
        redis[to].c[k].has = redis[from].c[k].has;
        redis[to].c[k].below[0] = redis[from].c[k].below[0];
        redis[to].c[k].below[1] = redis[from].c[k].below[1]
    }
}

/* One mirror a worker: it tails what is decided of the state topic. A write is one script: token, marker, records, marker. */
#define MIRRORED(p) (w[p].phase >= LIVE && w[p].phase <= ANSWER)
active [2] proctype mirror()
{
    byte me = _pid - 3;
end:
    do
    :: d_step { MIRRORED(me) && !mirror_owns[me] ->
            redis[0].owner = me;
            printf("mirror %d owns Redis, marker %d\n", me, redis[0].marker);
            mirror_owns[me] = 1;
            mirror_marker[me] = redis[0].marker
        }
    :: d_step { mirror_owns[me] && mirror_marker[me] < n_state && !state[mirror_marker[me]].open ->
            if
#ifdef BAD_NO_MARKER_CHECK
            :: redis[0].owner == me ->
#else
            :: redis[0].owner == me && redis[0].marker == mirror_marker[me] ->
#endif
                write_copy(me)
            :: else -> mirror_owns[me] = 0; mirror_marker[me] = 0                      /* fenced, or the server went back: owner and marker are read again */
            fi
        }
    od
}

/* A replica lags; a fail-over, or a restart from an old file, makes it the server. It may be as old as empty. */
active proctype redis_server()
{
end:
    do
    :: d_step { faults > 0 && redis[1].marker != redis[0].marker -> copy_of(1, 0); k = 0 }
    :: d_step { faults > 0 && redis[1].marker != redis[0].marker -> faults--; copy_of(0, 1);
            printf("Redis goes back to marker %d\n", redis[0].marker);
            check_copy() }
    od
}
#endif

/* All comes out in the end: a deadlock before that is an error, since nothing but this process may then stand where no end is. */
active proctype watch()
{
    committed[0] == COUNT(0) && committed[1] == COUNT(1) && seen == MOVES
}
