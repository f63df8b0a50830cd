package io.hotlead.peers;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/** Tells on standard output how many events are done, every 20 ms: "progress EVENTS NANOSECONDS CPU_NANOSECONDS", and so when all are: "end ... PEAK_KB". */
public final class Progress {
    private static final long EVERY_MS = 20;
    private static final List<Counter> COUNTERS = new CopyOnWriteArrayList<>();

    /** Of one thread. */
    public static final class Counter {
        private final AtomicLong n = new AtomicLong();

        public void add() {
            n.lazySet(n.getPlain() + 1);
        }
    }

    private Progress() {}

    public static Counter counter() {
        Counter c = new Counter();
        COUNTERS.add(c);
        return c;
    }

    /** A thread that reports until `total` events are done. */
    public static Thread report(long total) {
        Thread t = new Thread(() -> run(total), "progress");
        t.setDaemon(true);
        t.start();
        return t;
    }

    private static void run(long total) {
        OperatingSystemMXBean os = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        try {
            for (long n = 0; n < total; Thread.sleep(EVERY_MS)) {
                n = COUNTERS.stream().mapToLong(c -> c.n.get()).sum();
                String line = n + " " + System.nanoTime() + " " + os.getProcessCpuTime();
                System.out.println(n < total ? "progress " + line : "end " + line + " " + peakKb());
                System.out.flush();
            }
        } catch (InterruptedException | IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static long peakKb() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("\\D", ""));
        }
        throw new IOException("no VmHWM in /proc/self/status");
    }
}
