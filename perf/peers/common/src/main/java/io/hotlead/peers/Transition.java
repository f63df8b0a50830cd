package io.hotlead.peers;

/** A stage that a contact has entered. */
public final class Transition {
    public String contact;
    public String event;
    public int stage;
    public long occurredAt;
    public long points;
}
