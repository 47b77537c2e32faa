package http;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What the node measures, and the JVM below it, in Prometheus' text format. All names begin with
 * {@code peqlite_}. Thread-safe.
 *
 * <p>The text is made at most a few times a second and by one thread at a time; whoever asks more
 * often gets the last one again. So a client that asks in a loop, or over thousands of connections,
 * takes no more than the sending.
 */
final class Metrics implements AutoCloseable {

  /** Shorter than anybody's interval between two looks. */
  private static final long FRESH_NANOS = 200_000_000;

  private static final String PREFIX = "peqlite.";

  private record Text(byte[] bytes, long madeNanos) {}

  private final CompositeMeterRegistry node;
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final JvmGcMetrics garbageCollection = new JvmGcMetrics();
  private final ReentrantLock making = new ReentrantLock();
  private volatile Text latest = new Text(new byte[0], 0);

  /**
   * Shows what is recorded there from now on.
   *
   * @param node gets a registry added, until this is closed
   */
  Metrics(CompositeMeterRegistry node) {
    this.node = node;
    registry
        .config()
        .meterFilter(
            new MeterFilter() {
              @Override
              public Meter.Id map(Meter.Id id) {
                String name = id.getName();
                return name.startsWith(PREFIX) ? id : id.withName(PREFIX + name);
              }
            });
    node.add(registry);
    new ClassLoaderMetrics().bindTo(registry);
    new FileDescriptorMetrics().bindTo(registry);
    garbageCollection.bindTo(registry);
    new JvmMemoryMetrics().bindTo(registry);
    new JvmThreadMetrics().bindTo(registry);
    new ProcessorMetrics().bindTo(registry);
    new UptimeMetrics().bindTo(registry);
  }

  /** The text, in UTF-8, not older than some tenths of a second. The array is shared. */
  byte[] text() {
    Text known = latest;
    if (known.bytes().length > 0 && System.nanoTime() - known.madeNanos() < FRESH_NANOS) {
      return known.bytes();
    }
    if (!making.tryLock()) {
      if (known.bytes().length > 0) {
        return known.bytes();
      }
      making.lock(); // the very first one is being made
    }
    try {
      Text meanwhile = latest;
      if (meanwhile.madeNanos() == known.madeNanos()) {
        byte[] bytes = registry.scrape().getBytes(StandardCharsets.UTF_8);
        meanwhile = new Text(bytes, System.nanoTime());
        latest = meanwhile;
      }
      return meanwhile.bytes();
    } finally {
      making.unlock();
    }
  }

  @Override
  public void close() {
    node.remove(registry);
    garbageCollection.close();
    registry.close();
  }
}
