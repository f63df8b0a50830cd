import java.io.File;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Follow lead.transitions in Java: a line for each move of a contact. In this folder:
 *
 *   mvn -q dependency:copy-dependencies -DoutputDirectory=lib
 *   java -cp 'lib/*' Transitions.java [bootstrap [topic [group [once]]]]
 *
 * Each record is a StageTransition: five bytes of Confluent framing (0 and the schema's id), then Avro. Here the schema is read from the
 * schemas folder; with a Schema Registry, io.confluent.kafka.serializers.KafkaAvroDeserializer does that for you.
 */
public class Transitions {
    static String arg(String[] args, int i, String otherwise) {
        return args.length > i ? args[i] : otherwise;
    }

    /** What your system does with it. It may be called again after a crash of yours: go by transition_id. */
    static void act(GenericRecord move) {
        Object kind = move.get("kind"), owner = move.get("owner");
        System.out.printf(Locale.ROOT, "%s\t%s\t%s\t%s\t%s\t%.1f\t%s%n", move.get("contact_id"), move.get("seq"), move.get("from"),
                move.get("to"), kind == null ? "-" : kind, (Double) move.get("score"), owner == null ? "-" : owner);
    }

    public static void main(String[] args) throws Exception {
        String folder = System.getProperty("schemas", "../../../schemas");
        boolean once = arg(args, 3, "").equals("once");
        Schema schema = new Schema.Parser().parse(new File(folder, "stage_transition.avsc"));
        var reader = new GenericDatumReader<GenericRecord>(schema);
        Map<String, Object> settings = Map.of(
                ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, arg(args, 0, "localhost:9092"),
                ConsumerConfig.GROUP_ID_CONFIG, arg(args, 2, "my-crm"),
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest",
                ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed", // what an aborted transaction wrote never happened
                ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false"); // committed when it has been acted on, not before
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(arg(args, 1, "lead.transitions")));
            for (int idle = 0; !once || idle < 3; ) {
                var records = consumer.poll(Duration.ofSeconds(1));
                idle = records.isEmpty() && !consumer.assignment().isEmpty() ? idle + 1 : 0;
                for (ConsumerRecord<String, byte[]> r : records)
                    act(reader.read(null, DecoderFactory.get().binaryDecoder(r.value(), 5, r.value().length - 5, null)));
                consumer.commitSync();
            }
        }
    }
}
