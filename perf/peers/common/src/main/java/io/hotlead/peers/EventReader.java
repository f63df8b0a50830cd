package io.hotlead.peers;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.util.Utf8;

/**
 * Decodes an event (schemas/event.avsc, Confluent framing, id 1) and applies the rules. Field by field in the order of the schema, without a
 * generic record and without Avro's resolution of schemas, skipping what no rule looks at: the fastest way there is. Not for more than one thread.
 */
public final class EventReader {
    private static final int SCHEMA_ID = 1;
    private static final int FRAME_BYTES = 5;
    private static final int OPTIONAL_BEHIND_URL = 6; // asset, form, campaign, source, actor, reason
    private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private BinaryDecoder decoder;
    private final Utf8 id = new Utf8();
    private final Utf8 type = new Utf8();
    private final Utf8 url = new Utf8();

    public void read(byte[] record, Scored out) throws IOException {
        if (record.length < FRAME_BYTES || record[0] != 0 || (int) INTS.get(record, 1) != SCHEMA_ID)
            throw new IOException("not the framing of an Avro event with schema id " + SCHEMA_ID);
        decoder = DecoderFactory.get().binaryDecoder(record, FRAME_BYTES, record.length - FRAME_BYTES, decoder);
        decoder.readString(id);
        out.event = id.toString();
        out.eventHash = hash(id.getBytes(), id.getByteLength());
        out.contact = decoder.readString();
        out.occurredAt = decoder.readLong();
        decoder.readString(type);
        Model.Type known = Model.type(type);
        boolean hasUrl = decoder.readIndex() == 1;
        if (hasUrl) decoder.readString(url);
        for (int i = 0; i < OPTIONAL_BEHIND_URL; i++) {
            if (decoder.readIndex() == 1) decoder.skipString();
        }
        out.machine = decoder.readBoolean();
        out.points = known.points() + (known.page() && hasUrl ? Model.pagePoints(url) : 0);
        out.subscribes = known.subscribes();
    }

    /** 64 bits of a text, never 0: eight bytes at a time. */
    private static long hash(byte[] text, int length) {
        long h = length;
        int i = 0;
        for (; i + 8 <= length; i += 8) h = mix(h ^ (long) LONGS.get(text, i));
        for (; i < length; i++) h = mix(h ^ text[i]);
        return h == 0 ? 1 : h;
    }

    private static long mix(long x) {
        x *= 0x9e3779b97f4a7c15L;
        return x ^ x >>> 32;
    }
}
