/* What can be configured. The loader, the hints, the environment and config/CONFIGURATION.md all come from these tables. */
#include "config_read.h"

#define AT(field) offsetof(struct hl_config, field)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)

static const char *const deliveries[] = {"exactly_once", "low_latency", NULL};
static const char *const gaps[] = {"stop", "accept", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};

const char *const hl_config_formats[] = {
    [HL_FORMAT_AVRO] = "avro",
    [HL_FORMAT_AVRO_SINGLE_OBJECT] = "avro-single-object",
    [HL_FORMAT_JSON] = "json",
    [HL_FORMAT_JSON_SEGMENT] = "segment",
    NULL,
};

const struct hl_config_key hl_config_keys[] = {
    {"kafka", "group.id", HL_CONFIG_TEXT, AT(group_id), "hotlead", 1, 200, NULL,
     "Consumer group. Also the first part of transactional ids and of the keys in Redis."},
    {"kafka", "instance", HL_CONFIG_TEXT, AT(instance), "", 0, 200, NULL,
     "Name of this process among those of the group, part of transactional.id and group.instance.id, so it must be unique. Empty: the host name."},
    {"kafka", "create_topics", HL_CONFIG_BOOL, AT(create_topics), "true", 0, 0, NULL,
     "Create missing output topics, with the partition count of the inputs."},
    {"kafka", "replication_factor", HL_CONFIG_COUNT, AT(replication_factor), "-1", -1, 32767, NULL,
     "Of topics that are created. -1: the broker's default."},
    {"kafka", "static_membership", HL_CONFIG_BOOL, AT(static_membership), "true", 0, 0, NULL,
     "Keep the partitions over a restart that is shorter than session.timeout.ms."},
    {"kafka", "startup_timeout", HL_CONFIG_DURATION, AT(startup_timeout_ms), "30s", SECOND, HOUR, NULL,
     "How long to wait for a broker at start before giving up with exit code 69."},
    {"outputs", "transitions", HL_CONFIG_TOPIC, AT(transitions), "lead.transitions", 0, 0, NULL, "Topic of StageTransition records."},
    {"outputs", "state", HL_CONFIG_TOPIC, AT(state), "lead.state", 0, 0, NULL, "Compacted topic of ContactState records: where state lives."},
    {"outputs", "alerts", HL_CONFIG_TOPIC, AT(alerts), "lead.alerts", 0, 0, NULL, "Topic of Alert records."},
    {"outputs", "dead_letter", HL_CONFIG_TOPIC, AT(dead_letter), "lead.dead-letter", 0, 0, NULL,
     "Topic of input records that could not be used, bytes untouched."},
    {"", "delivery", HL_CONFIG_CHOICE, AT(delivery), "exactly_once", 0, 0, deliveries,
     "exactly_once: one Kafka transaction holds output, state and offsets. low_latency: no transactions; a crash can repeat a transition, with the "
     "same id."},
    {"commit", "max_interval", HL_CONFIG_DURATION, AT(commit_max_interval_ms), "100ms", 1, 10 * SECOND, NULL,
     "Longest time between two commits while events come in."},
    {"checkpoint", "interval", HL_CONFIG_DURATION, AT(checkpoint_interval_ms), "10s", 100, HOUR, NULL,
     "How often the contacts that changed are written to the state topic."},
    {"checkpoint", "max_share", HL_CONFIG_SHARE, AT(checkpoint_max_share), "0.2", 0, 0, NULL,
     "Largest share of the work that checkpoints may take; above it the interval stretches."},
    {"checkpoint", "max_replay", HL_CONFIG_DURATION, AT(checkpoint_max_replay_ms), "60s", SECOND, 24 * HOUR, NULL,
     "Upper limit to that stretching: how much input a restart may have to read again."},
    {"schemas", "registry", HL_CONFIG_TEXT, AT(schemas_registry), "", 0, 1000, NULL,
     "URL of a Schema Registry. Empty: schema ids are looked up in ids.yaml of the schemas folder."},
    {"schemas", "dir", HL_CONFIG_PATH, AT(schemas_dir), "../schemas", 0, 0, NULL, "Folder of the schemas."},
    {"schemas", "user_file", HL_CONFIG_FILE, AT(schemas_user_file), "", 0, 0, NULL, "File with user:password for the registry."},
    {"schemas", "token_file", HL_CONFIG_FILE, AT(schemas_token_file), "", 0, 0, NULL, "File with a bearer token for the registry."},
    {"schemas", "ca_file", HL_CONFIG_FILE, AT(schemas_ca_file), "", 0, 0, NULL, "Certificates to trust for the registry. Empty: the system's."},
    {"redis", "url", HL_CONFIG_TEXT, AT(redis_url), "redis://localhost:6379/0", 0, 1000, NULL,
     "redis://HOST:PORT/DB or unix:///PATH. Empty: no Redis, recovery reads the whole state topic."},
    {"redis", "user", HL_CONFIG_TEXT, AT(redis_user), "", 0, 200, NULL, "ACL user. Empty: the default user."},
    {"redis", "password_file", HL_CONFIG_FILE, AT(redis_password_file), "", 0, 0, NULL, "File with the password."},
    {"redis", "cluster", HL_CONFIG_BOOL, AT(redis_cluster), "false", 0, 0, NULL, "The url names a node of a Redis Cluster."},
    {"", "threads", HL_CONFIG_THREADS, AT(threads), "auto", 1, 256, NULL, "Worker threads. auto: one for each CPU that this process may use."},
    {"", "model", HL_CONFIG_PATH, AT(model), "model.yaml", 0, 0, NULL, "The scoring model."},
    {"http", "listen", HL_CONFIG_TEXT, AT(http_listen), "127.0.0.1:8080", 0, 200, NULL,
     "ADDRESS:PORT of health, metrics and API. Empty: no HTTP. Beyond loopback token_file is needed."},
    {"http", "token_file", HL_CONFIG_FILE, AT(http_token_file), "", 0, 0, NULL, "File with the bearer token that /v1 asks for."},
    {"", "max_clock_skew", HL_CONFIG_DURATION, AT(max_clock_skew_ms), "5m", 0, 24 * HOUR, NULL,
     "An event further in the future than this is a dead letter of class clock."},
    {"", "max_record_bytes", HL_CONFIG_SIZE, AT(max_record_bytes), "1MiB", 1024, INT64_C(100) << 20, NULL,
     "A larger record is a dead letter of class too-large."},
    {"", "on_gap", HL_CONFIG_CHOICE, AT(on_gap), "stop", 0, 0, gaps,
     "When Kafka no longer holds input that state still needs: stop, or accept the loss, say so and go on."},
    {"", "log_level", HL_CONFIG_WORD, AT(log_level), "info", 0, 0, log_levels, "Least level that is logged."},
};
const size_t hl_config_n_keys = HL_ARRAY_LEN(hl_config_keys);

#define OFFSETS "hotlead commits offsets together with what it wrote, never by a timer"
#define WRITES "hotlead writes with an idempotent producer and acks=all, so that nothing acknowledged is lost, doubled or reordered"
#define ASSIGNS "partitions of equal number must meet in one worker, which the range assignor gives"
const struct hl_config_owned hl_config_owned[] = {
    {"enable.auto.commit", OFFSETS},
    {"auto.commit.enable", OFFSETS},
    {"auto.commit.interval.ms", OFFSETS},
    {"enable.auto.offset.store", OFFSETS},
    {"offset.store.method", OFFSETS},
    {"auto.offset.reset", "a silent reset would skip or repeat events; a group without state starts at the beginning, and on_gap says what follows a gap"},
    {"isolation.level", "uncommitted records must never be scored, and recovery relies on it"},
    {"enable.idempotence", WRITES},
    {"acks", WRITES},
    {"request.required.acks", WRITES},
    {"max.in.flight", WRITES},
    {"max.in.flight.requests.per.connection", WRITES},
    {"retries", WRITES},
    {"message.send.max.retries", WRITES},
    {"transactional.id", "it is made from group.id, kafka.instance and the thread, so that a restart fences its own past"},
    {"transaction.timeout.ms", "it bounds how long a crash can hold up the next owner, and is kept at 15 s"},
    {"group.instance.id", "it is made from kafka.instance and the thread; see kafka.static_membership"},
    {"group.protocol", ASSIGNS},
    {"group.remote.assignor", ASSIGNS},
    {"partition.assignment.strategy", ASSIGNS},
    {"partitioner", "an output record goes to the partition of its input, so that a contact stays in one place"},
    {"enable.partition.eof", "recovery and stream time switch it on where they need it"},
    {"delivery.report.only.error", "a commit waits for the report of every record"},
    {"allow.auto.create.topics", "topics made by accident have the wrong partition count; see kafka.create_topics"},
    {NULL, NULL},
};

const char *const hl_config_secrets[] = {"sasl.password", "ssl.key.password", "ssl.keystore.password", "sasl.oauthbearer.client.secret", NULL};

/* Names from librdkafka's CONFIGURATION.md, without callbacks and pointers. */
const char *const hl_config_properties[] = {
    "acks", "allow.auto.create.topics", "api.version.fallback.ms", "api.version.request", "api.version.request.timeout.ms",
    "auto.commit.enable", "auto.commit.interval.ms", "auto.offset.reset", "batch.num.messages", "batch.size",
    "bootstrap.servers", "broker.address.family", "broker.address.ttl", "broker.version.fallback", "check.crcs",
    "client.dns.lookup", "client.id", "client.rack", "compression.codec", "compression.level", "compression.type",
    "connections.max.idle.ms", "consume.callback.max.messages", "coordinator.query.interval.ms", "debug",
    "delivery.report.only.error", "delivery.timeout.ms", "enable.auto.commit", "enable.auto.offset.store",
    "enable.gapless.guarantee", "enable.idempotence", "enable.metrics.push", "enable.partition.eof", "enable.random.seed",
    "enable.sasl.oauthbearer.unsecure.jwt", "enable.ssl.certificate.verification", "fetch.error.backoff.ms", "fetch.max.bytes",
    "fetch.message.max.bytes", "fetch.min.bytes", "fetch.queue.backoff.ms", "fetch.wait.max.ms", "group.id",
    "group.instance.id", "group.protocol", "group.protocol.type", "group.remote.assignor", "heartbeat.interval.ms",
    "https.ca.location", "https.ca.pem", "internal.termination.signal", "isolation.level", "linger.ms", "log.connection.close",
    "log.queue", "log.thread.name", "log_level", "max.in.flight", "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes", "max.poll.interval.ms", "max.poll.records", "message.copy.max.bytes", "message.max.bytes",
    "message.send.max.retries", "message.timeout.ms", "metadata.broker.list", "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms", "metadata.recovery.strategy", "offset.store.method", "offset.store.path",
    "offset.store.sync.interval.ms", "partition.assignment.strategy", "partitioner", "plugin.library.paths",
    "produce.offset.report", "queue.buffering.backpressure.threshold", "queue.buffering.max.kbytes",
    "queue.buffering.max.messages", "queue.buffering.max.ms", "queued.max.messages.kbytes", "queued.min.messages",
    "queuing.strategy", "receive.message.max.bytes", "reconnect.backoff.jitter.ms", "reconnect.backoff.max.ms",
    "reconnect.backoff.ms", "request.required.acks", "request.timeout.ms", "retries", "retry.backoff.max.ms",
    "retry.backoff.ms", "sasl.kerberos.keytab", "sasl.kerberos.kinit.cmd", "sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.principal", "sasl.kerberos.service.name", "sasl.mechanism", "sasl.mechanisms",
    "sasl.oauthbearer.assertion.algorithm", "sasl.oauthbearer.assertion.claim.aud",
    "sasl.oauthbearer.assertion.claim.exp.seconds", "sasl.oauthbearer.assertion.claim.iss",
    "sasl.oauthbearer.assertion.claim.jti.include", "sasl.oauthbearer.assertion.claim.nbf.seconds",
    "sasl.oauthbearer.assertion.claim.sub", "sasl.oauthbearer.assertion.file", "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.file", "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem", "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config", "sasl.oauthbearer.extensions", "sasl.oauthbearer.grant.type",
    "sasl.oauthbearer.metadata.authentication.type", "sasl.oauthbearer.method", "sasl.oauthbearer.scope",
    "sasl.oauthbearer.sub.claim.name", "sasl.oauthbearer.token.endpoint.url", "sasl.password", "sasl.username",
    "security.protocol", "session.timeout.ms", "share.acknowledgement.mode", "socket.blocking.max.ms",
    "socket.connection.setup.timeout.ms", "socket.keepalive.enable", "socket.max.fails", "socket.nagle.disable",
    "socket.receive.buffer.bytes", "socket.send.buffer.bytes", "socket.timeout.ms", "ssl.ca.certificate.stores",
    "ssl.ca.location", "ssl.ca.pem", "ssl.certificate.location", "ssl.certificate.pem", "ssl.cipher.suites", "ssl.crl.location",
    "ssl.curves.list", "ssl.endpoint.identification.algorithm", "ssl.engine.id", "ssl.engine.location", "ssl.key.location",
    "ssl.key.password", "ssl.key.pem", "ssl.keystore.location", "ssl.keystore.password", "ssl.providers", "ssl.sigalgs.list",
    "statistics.interval.ms", "sticky.partitioning.linger.ms", "topic.blacklist", "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.cnt", "topic.metadata.refresh.fast.interval.ms", "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse", "transaction.timeout.ms", "transactional.id", NULL,
};
