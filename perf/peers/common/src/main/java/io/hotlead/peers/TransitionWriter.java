package io.hotlead.peers;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;

/** Transitions as hotlead writes them (schemas/stage_transition.avsc, Confluent framing, id 2), but without the reasons. Not for more than one thread. */
public final class TransitionWriter {
    private static final byte[] FRAME = {0, 0, 0, 0, 2};
    private static final String[] CAUSES = {null, "opt_in", "fit", "score"};
    private static final int MQL = 3;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
    private BinaryEncoder out;

    public byte[] write(Transition t) {
        try {
            bytes.reset();
            bytes.write(FRAME);
            out = EncoderFactory.get().directBinaryEncoder(bytes, out);
            put(t);
            out.flush();
            return bytes.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void put(Transition t) throws IOException {
        double score = Math.max(0, t.points);
        out.writeString(t.contact + ":" + t.stage);
        out.writeString(t.contact);
        out.writeInt(t.stage); // seq
        out.writeString(Contact.STAGES[t.stage - 1]);
        out.writeString(Contact.STAGES[t.stage]);
        putOptional(t.stage == MQL ? "passive" : null);
        out.writeString("advance");
        out.writeString(CAUSES[t.stage]);
        putOptional(null); // rule
        out.writeInt(1); // visit
        putOptional(t.event);
        out.writeLong(t.occurredAt);
        out.writeLong(System.currentTimeMillis());
        out.writeDouble(score);
        out.writeDouble(0); // fit
        out.writeDouble(t.points); // behavior
        putOptional(null); // grade
        out.writeLong(0); // no reasons
        putOptional(null); // time_in_from_ms
        putOptional(null); // owner
        putOptional(null); // sla_due
        out.writeBoolean(false); // suspect
        out.writeString(Model.NAME);
        out.writeString(Model.VERSION);
        putOptional(null); // source
    }

    private void putOptional(String text) throws IOException {
        out.writeIndex(text == null ? 0 : 1);
        if (text != null) out.writeString(text);
    }
}
