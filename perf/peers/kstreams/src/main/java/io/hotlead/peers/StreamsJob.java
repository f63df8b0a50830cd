package io.hotlead.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The job on Kafka Streams, exactly_once_v2, with its store in memory and the store's changelog in Kafka.
 *
 * <p>Arguments: BROKERS INPUT OUTPUT EVENTS THREADS STATE_DIR [NAME=VALUE...], the last being properties on top of those below. Ends when so
 * many events are done and committed.
 */
public final class StreamsJob {
    private static final String STORE = "contact";

    private StreamsJob() {}

    public static void main(String[] args) throws InterruptedException {
        KafkaStreams streams = new KafkaStreams(topology(args[1], args[2]), settings(args));
        CountDownLatch stopped = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(
                e -> {
                    e.printStackTrace();
                    stopped.countDown();
                    return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
                });
        Thread progress = Progress.report(Long.parseLong(args[3]));
        streams.start();
        while (progress.isAlive() && stopped.getCount() > 0) progress.join(50);
        boolean closed = streams.close(Duration.ofSeconds(30)); // commits
        System.exit(closed && stopped.getCount() > 0 ? 0 : 1);
    }

    private static Properties settings(String[] args) {
        Properties p = new Properties();
        p.putAll(
                Map.of(
                        "bootstrap.servers", args[0],
                        "application.id", args[2],
                        "processing.guarantee", "exactly_once_v2",
                        "num.stream.threads", args[4],
                        "state.dir", args[5],
                        "auto.offset.reset", "earliest",
                        "replication.factor", "1",
                        "statestore.cache.max.bytes", "268435456"));
        p.putAll(
                Map.of(
                        "max.poll.records", "5000",
                        "consumer.fetch.min.bytes", "100000",
                        "consumer.max.partition.fetch.bytes", "4194304",
                        "consumer.receive.buffer.bytes", "1048576",
                        "consumer.check.crcs", "false", // as librdkafka's default
                        "producer.linger.ms", "50",
                        "producer.batch.size", "500000",
                        "producer.buffer.memory", "134217728",
                        "producer.compression.type", "lz4"));
        for (int i = 6; i < args.length; i++) p.put(args[i].split("=", 2)[0], args[i].split("=", 2)[1]);
        return p;
    }

    private static Topology topology(String input, String output) {
        StoreBuilder<KeyValueStore<byte[], byte[]>> store =
                Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(STORE), Serdes.ByteArray(), Serdes.ByteArray()).withCachingEnabled();
        ByteArrayDeserializer in = new ByteArrayDeserializer();
        ByteArraySerializer out = new ByteArraySerializer();
        return new Topology()
                .addSource("events", in, in, input)
                .addProcessor("score", Score::new, "events")
                .addStateStore(store, "score")
                .addSink("transitions", output, out, out, "score");
    }

    private static final class Score implements Processor<byte[], byte[], byte[], byte[]> {
        private final EventReader reader = new EventReader();
        private final TransitionWriter writer = new TransitionWriter();
        private final Scored scored = new Scored();
        private final long[] contact = Contact.create();
        private final Progress.Counter done = Progress.counter();
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<byte[], byte[]> contacts;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            contacts = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            try {
                reader.read(record.value(), scored);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            byte[] key = scored.contact.getBytes(StandardCharsets.UTF_8);
            get(key);
            int stage = Contact.stage(contact);
            if (Contact.apply(contact, scored)) put(key);
            while (stage < Contact.stage(contact)) {
                byte[] transition = writer.write(Contact.transition(contact, scored, ++stage));
                context.forward(new Record<>(key, transition, record.timestamp()));
            }
            done.add();
        }

        private void get(byte[] key) {
            byte[] bytes = contacts.get(key);
            if (bytes == null) Arrays.fill(contact, 0);
            else ByteBuffer.wrap(bytes).asLongBuffer().get(contact);
        }

        private void put(byte[] key) {
            ByteBuffer bytes = ByteBuffer.allocate(Contact.SIZE * Long.BYTES);
            bytes.asLongBuffer().put(contact);
            contacts.put(key, bytes.array());
        }
    }
}
