package io.hotlead.peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * The job on Flink, in one process: reads the topic to its end, exactly once, checkpoints every 10 s.
 *
 * <p>Arguments: BROKERS INPUT OUTPUT EVENTS PARALLELISM EXCHANGE CHECKPOINTS. EXCHANGE is keyBy, or forward: without keyBy's exchange between
 * threads, which is right for a parallelism of 1 only.
 */
public final class FlinkJob {
    private static final long CHECKPOINT_MS = 10_000;

    private FlinkJob() {}

    public static void main(String[] args) throws Exception {
        String brokers = args[0], input = args[1], output = args[2];
        int parallelism = Integer.parseInt(args[4]);
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(parallelism, settings(parallelism, args[6]));
        env.enableCheckpointing(CHECKPOINT_MS, CheckpointingMode.EXACTLY_ONCE);
        DataStream<Scored> events = env.fromSource(source(brokers, input, output), WatermarkStrategy.noWatermarks(), "events");
        keyed(events, args[5]).process(new Score()).returns(Types.POJO(Transition.class)).sinkTo(sink(brokers, output));
        Thread progress = Progress.report(Long.parseLong(args[3]));
        env.execute("peers");
        progress.join();
        System.exit(0);
    }

    private static Configuration settings(int parallelism, String checkpoints) {
        return Configuration.fromMap(
                Map.of(
                        "state.backend.type", "hashmap",
                        "execution.checkpointing.storage", "filesystem",
                        "execution.checkpointing.dir", "file://" + checkpoints,
                        "taskmanager.numberOfTaskSlots", String.valueOf(parallelism),
                        "taskmanager.memory.network.min", "256m",
                        "taskmanager.memory.network.max", "256m",
                        "taskmanager.memory.managed.size", "64m", // for RocksDB and batch jobs; not used here
                        "execution.buffer-timeout.interval", "100 ms",
                        "pipeline.auto-watermark-interval", "0",
                        "pipeline.object-reuse", "true"));
    }

    private static KafkaSource<Scored> source(String brokers, String topic, String name) {
        return KafkaSource.<Scored>builder()
                .setBootstrapServers(brokers)
                .setTopics(topic)
                .setGroupId(name)
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setBounded(OffsetsInitializer.latest())
                .setDeserializer(new Decode())
                .setProperty("fetch.min.bytes", "100000")
                .setProperty("fetch.max.bytes", "52428800")
                .setProperty("max.partition.fetch.bytes", "4194304")
                .setProperty("max.poll.records", "5000")
                .setProperty("receive.buffer.bytes", "1048576")
                .setProperty("check.crcs", "false") // as librdkafka's default
                .build();
    }

    private static KafkaSink<Transition> sink(String brokers, String topic) {
        return KafkaSink.<Transition>builder()
                .setBootstrapServers(brokers)
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                .setTransactionalIdPrefix(topic)
                .setProperty("transaction.timeout.ms", "600000")
                .setProperty("linger.ms", "50")
                .setProperty("batch.size", "500000")
                .setProperty("compression.type", "lz4")
                .setRecordSerializer(new Encode(topic))
                .build();
    }

    private static KeyedStream<Scored, String> keyed(DataStream<Scored> events, String exchange) {
        if (exchange.equals("forward")) return DataStreamUtils.reinterpretAsKeyedStream(events, e -> e.contact, Types.STRING);
        return events.keyBy(e -> e.contact, Types.STRING);
    }

    private static final class Decode implements KafkaRecordDeserializationSchema<Scored> {
        private transient EventReader reader;
        private transient Scored scored;

        @Override
        public void open(DeserializationSchema.InitializationContext context) {
            reader = new EventReader();
            scored = new Scored();
        }

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Scored> out) throws IOException {
            reader.read(record.value(), scored);
            out.collect(scored);
        }

        @Override
        public TypeInformation<Scored> getProducedType() {
            return new ScoredType();
        }
    }

    private static final class Score extends KeyedProcessFunction<String, Scored, Transition> {
        private transient ValueState<long[]> contacts;
        private transient Progress.Counter done;

        @Override
        public void open(OpenContext context) {
            contacts = getRuntimeContext().getState(new ValueStateDescriptor<>("contact", PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO));
            done = Progress.counter();
        }

        @Override
        public void processElement(Scored e, Context context, Collector<Transition> out) throws IOException {
            long[] c = contacts.value();
            if (c == null) c = Contact.create();
            int stage = Contact.stage(c);
            if (Contact.apply(c, e)) contacts.update(c);
            while (stage < Contact.stage(c)) out.collect(Contact.transition(c, e, ++stage));
            done.add();
        }
    }

    private static final class Encode implements KafkaRecordSerializationSchema<Transition> {
        private final String topic;
        private transient TransitionWriter writer;

        Encode(String topic) {
            this.topic = topic;
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(Transition t, KafkaSinkContext context, Long timestamp) {
            if (writer == null) writer = new TransitionWriter();
            return new ProducerRecord<>(topic, t.contact.getBytes(StandardCharsets.UTF_8), writer.write(t));
        }
    }
}
