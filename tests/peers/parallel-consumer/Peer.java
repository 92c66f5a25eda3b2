import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.CommitMode;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A consumer on the Java client, with Confluent's Parallel Consumer or alone. Writes "first" and "last" with these records. */
public final class Peer {
    private static final Duration TICK = Duration.ofMillis(100);

    private final String topic;
    private final String row;
    private final long records;
    private final int calls;
    private final AtomicLong count = new AtomicLong();
    private final CountDownLatch done = new CountDownLatch(1);

    private Peer(String topic, String row, long records, int calls) {
        this.topic = topic;
        this.row = row;
        this.records = records;
        this.calls = calls;
    }

    /** Arguments: name, servers, topic, group, row, records, calls at once. */
    public static void main(String[] arguments) throws Exception {
        var consumer = new KafkaConsumer<byte[], byte[]>(properties(arguments[1], arguments[3]));
        var peer = new Peer(arguments[2], arguments[4], Long.parseLong(arguments[5]), Integer.parseInt(arguments[6]));
        if (arguments[0].equals("java-client")) {
            peer.alone(consumer);
        } else {
            peer.parallel(consumer);
        }
        // The measurement reads the memory of the process, and ends it.
        Thread.sleep(Long.MAX_VALUE);
    }

    private static Properties properties(String servers, String group) {
        var properties = new Properties();
        properties.put("bootstrap.servers", servers);
        properties.put("group.id", group);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("isolation.level", "read_committed");
        properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
        properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return properties;
    }

    private void parallel(KafkaConsumer<byte[], byte[]> consumer) throws InterruptedException {
        var options = ParallelConsumerOptions.<byte[], byte[]>builder()
                .consumer(consumer)
                .ordering(order())
                .maxConcurrency(calls)
                .commitMode(CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS)
                .commitInterval(TICK)
                .build();
        var processor = ParallelStreamProcessor.createEosStreamProcessor(options);
        processor.subscribe(List.of(topic));
        processor.poll(context -> handle(context.getSingleConsumerRecord()));
        done.await();
    }

    private ProcessingOrder order() {
        return switch (row) {
            case "keys" -> ProcessingOrder.KEY;
            case "slow" -> ProcessingOrder.PARTITION;
            // A function that does nothing: the order that is the fastest.
            default -> ProcessingOrder.UNORDERED;
        };
    }

    private void alone(KafkaConsumer<byte[], byte[]> consumer) {
        consumer.subscribe(List.of(topic));
        var lastCommit = System.nanoTime();
        while (count.get() < records) {
            long position = -1;
            for (var record : consumer.poll(TICK)) {
                handle(record);
                position = record.offset() + 1;
            }
            var now = System.nanoTime();
            if (position >= 0 && now - lastCommit >= TICK.toNanos()) {
                lastCommit = now;
                consumer.commitAsync(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(position)), null);
            }
        }
    }

    private void handle(ConsumerRecord<byte[], byte[]> record) {
        if (count.get() == 0) {
            first();
        }
        pause(record.offset());
        if (count.incrementAndGet() == records) {
            System.out.println("last");
            done.countDown();
        }
    }

    private boolean isBegun;

    private synchronized void first() {
        if (!isBegun) {
            isBegun = true;
            System.out.println("first");
        }
    }

    private void pause(long offset) {
        var millis = switch (row) {
            case "keys" -> offset % 6;
            case "slow" -> 1;
            default -> 0;
        };
        if (millis > 0) {
            try {
                Thread.sleep(millis);
            } catch (InterruptedException error) {
                throw new IllegalStateException(error);
            }
        }
    }
}
