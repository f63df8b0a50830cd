package io.hotlead.peers;

/** What is left of an event once the rules have looked at it: all that its contact needs. Used again for the next event. */
public final class Scored {
    public String contact;
    public String event;
    public long eventHash;
    public long occurredAt;
    public int points;
    public boolean subscribes;
    public boolean machine;
}
