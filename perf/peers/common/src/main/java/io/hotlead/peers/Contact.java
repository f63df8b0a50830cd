package io.hotlead.peers;

/**
 * The state of a contact as an array of longs, which Flink and Kafka Streams keep cheaply: score, clock, stage, hashes of the last 8 event ids.
 * Each stage is entered from the one before it, so the number of the stage is also the number of transitions.
 */
public final class Contact {
    public static final int SIZE = 12;
    static final String[] STAGES = {"anonymous", "subscriber", "lead", "mql"};
    private static final int SCORE = 0, CLOCK = 1, STAGE = 2, NEXT_ID = 3, IDS = 4, N_IDS = 8;
    private static final int ANONYMOUS = 0, SUBSCRIBER = 1, LEAD = 2, MQL = 3;

    private Contact() {}

    public static long[] create() {
        return new long[SIZE];
    }

    public static int stage(long[] c) {
        return (int) c[STAGE];
    }

    /** That the contact entered this stage with this event; apply may take it through several, one after the other. */
    public static Transition transition(long[] c, Scored e, int stage) {
        Transition t = new Transition();
        t.contact = e.contact;
        t.event = e.event;
        t.stage = stage;
        t.occurredAt = c[CLOCK];
        t.points = c[SCORE];
        return t;
    }

    /** One event, in the order of hotlead. False when it was a duplicate. */
    public static boolean apply(long[] c, Scored e) {
        if (!remember(c, e.eventHash)) return false;
        if (e.machine) return true;
        c[CLOCK] = Math.max(c[CLOCK], e.occurredAt);
        c[SCORE] += e.points;
        if (c[STAGE] == ANONYMOUS && e.subscribes) c[STAGE] = SUBSCRIBER;
        if (c[STAGE] == SUBSCRIBER) c[STAGE] = LEAD; // no must-haves
        if (c[STAGE] == LEAD && Math.max(0, c[SCORE]) >= Model.MQL_ENTER) c[STAGE] = MQL;
        return true;
    }

    private static boolean remember(long[] c, long hash) {
        for (int i = 0; i < N_IDS; i++) {
            if (c[IDS + i] == hash) return false;
        }
        c[IDS + (int) c[NEXT_ID]] = hash;
        c[NEXT_ID] = (c[NEXT_ID] + 1) % N_IDS;
        return true;
    }
}
