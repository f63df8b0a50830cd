package io.hotlead.peers;

import java.io.IOException;
import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

/** Scored between threads, written by hand: cheaper than what Flink makes for a class by reflection. */
final class ScoredType extends TypeInformation<Scored> {
    @Override
    public boolean isBasicType() {
        return false;
    }

    @Override
    public boolean isTupleType() {
        return false;
    }

    @Override
    public int getArity() {
        return 1;
    }

    @Override
    public int getTotalFields() {
        return 1;
    }

    @Override
    public Class<Scored> getTypeClass() {
        return Scored.class;
    }

    @Override
    public boolean isKeyType() {
        return false;
    }

    @Override
    public TypeSerializer<Scored> createSerializer(SerializerConfig config) {
        return new Serializer();
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof ScoredType;
    }

    @Override
    public boolean equals(Object other) {
        return canEqual(other);
    }

    @Override
    public int hashCode() {
        return ScoredType.class.hashCode();
    }

    @Override
    public String toString() {
        return "Scored";
    }

    static final class Serializer extends TypeSerializerSingleton<Scored> {
        private static final int SUBSCRIBES = 1, MACHINE = 2;

        @Override
        public boolean isImmutableType() {
            return false;
        }

        @Override
        public Scored createInstance() {
            return new Scored();
        }

        @Override
        public Scored copy(Scored from) {
            return copy(from, new Scored());
        }

        @Override
        public Scored copy(Scored from, Scored to) {
            to.contact = from.contact;
            to.event = from.event;
            to.eventHash = from.eventHash;
            to.occurredAt = from.occurredAt;
            to.points = from.points;
            to.subscribes = from.subscribes;
            to.machine = from.machine;
            return to;
        }

        @Override
        public int getLength() {
            return -1;
        }

        @Override
        public void serialize(Scored e, DataOutputView out) throws IOException {
            StringValue.writeString(e.contact, out);
            StringValue.writeString(e.event, out);
            out.writeLong(e.eventHash);
            out.writeLong(e.occurredAt);
            out.writeInt(e.points);
            out.writeByte((e.subscribes ? SUBSCRIBES : 0) | (e.machine ? MACHINE : 0));
        }

        @Override
        public Scored deserialize(DataInputView in) throws IOException {
            return deserialize(new Scored(), in);
        }

        @Override
        public Scored deserialize(Scored e, DataInputView in) throws IOException {
            e.contact = StringValue.readString(in);
            e.event = StringValue.readString(in);
            e.eventHash = in.readLong();
            e.occurredAt = in.readLong();
            e.points = in.readInt();
            int flags = in.readByte();
            e.subscribes = (flags & SUBSCRIBES) != 0;
            e.machine = (flags & MACHINE) != 0;
            return e;
        }

        @Override
        public void copy(DataInputView in, DataOutputView out) throws IOException {
            serialize(deserialize(in), out);
        }

        @Override
        public TypeSerializerSnapshot<Scored> snapshotConfiguration() {
            return new Snapshot();
        }
    }

    /** Named by Flink, in checkpoints. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<Scored> {
        public Snapshot() {
            super(Serializer::new);
        }
    }
}
