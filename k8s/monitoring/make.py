#!/usr/bin/env python3
"""Write what follows from hotlead.rules.yaml and the panels below: prometheusrule.yaml and grafana-hotlead.json, or say with --check that they are not current.

    make.py [--check]
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent

RULE_HEAD = """\
# Made from hotlead.rules.yaml by make.py: change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: hotlead
  labels:
    app.kubernetes.io/name: hotlead
spec:
"""


def prometheus_rule():
    lines = (HERE / "hotlead.rules.yaml").read_text().splitlines()
    body = [line for line in lines if not line.startswith("#")]
    return RULE_HEAD + "".join(f"  {line}\n" if line else "\n" for line in body)


# ---------------------------------------------------------------- the dashboard

BY = '{job=~"$job", instance=~"$instance"}'
RATE = "[$__rate_interval]"


DUE = BY[:-1] + ', event="due"}'


def quantile(q, name):
    return f"histogram_quantile({q}, sum by (le) (rate({name}_bucket{BY}{RATE})))"


def quantiles(name):
    return [(quantile(q, name), f"p{q * 100:g}") for q in (0.5, 0.99, 0.999)]


# title, kind, unit of Grafana, [(query, legend)], what it says; a row's title alone begins a row. Exemplars where the second letter is "x".
PANELS = [
    "What it does",
    ("Events", "stat", "ops", [(f"sum(rate(hotlead_consumed_total{BY}{RATE}))", "")], "Input records taken from Kafka, in all."),
    ("Transitions", "stat", "ops", [(f"sum(rate(hotlead_transitions_total{BY}{RATE}))", "")], "Contacts that change their stage."),
    ("Latency p99", "stat", "s", [(quantile(0.99, "hotlead_event_latency_seconds"), "")], "From when an event was written to Kafka to the commit of what it led to."),
    ("Behind by", "stat", "short", [(f"sum(hotlead_consumer_lag_records{BY})", "")], "Input records that are in Kafka and not yet consumed."),
    ("Contacts", "stat", "short", [(f"sum(hotlead_contacts{BY})", "")], "Contacts in the tables of these processes."),
    ("Model", "table", "none", [(f"count by (model, version) (hotlead_model_info{BY})", "")], "Which model each process scores with. More than one line: a roll-out is under way, or stuck."),
    ("Events by topic", "timeseries", "ops", [(f"sum by (topic) (rate(hotlead_consumed_total{BY}{RATE}))", "{{topic}}")], "Input records taken from Kafka, by topic."),
    ("Events by result", "timeseries", "ops", [(f"sum by (result) (rate(hotlead_events_total{BY}{RATE}))", "{{result}}")],
     "What became of the records. scored + ignored + duplicate + dead_letter = consumed."),
    ("Moves into a stage", "timeseries", "ops", [(f"sum by (to) (rate(hotlead_transitions_total{BY}{RATE}))", "{{to}}")],
     "Transitions by the stage that contacts come to. Points are traces of causes, where events carry a traceparent.", "exemplars"),
    ("Moves in the last hour", "table", "short", [(f"sum by (from, to) (increase(hotlead_transitions_total{BY}[1h]))", "")], "Transitions by pair of stages."),
    ("Deadlines of sales", "timeseries", "ops", [(f"sum by (event) (rate(hotlead_alerts_total{BY}{RATE}))", "{{event}}")], "Deadlines that start (due), pass (breached) and are met."),
    ("Deadlines missed", "stat", "percentunit",
     [(f"sum(increase(hotlead_sla_breaches_total{BY}[6h])) / sum(increase(hotlead_alerts_total{DUE}[6h]))", "")],
     "Of the deadlines that started in the last six hours, how many passed without an answer."),
    "How fast",
    ("Latency", "timeseries", "s", quantiles("hotlead_event_latency_seconds"),
     "From when an event was written to Kafka to the commit of what it led to. While a backlog is read, it is the age of the backlog. Points are traces of causes.", "exemplars"),
    ("Lag by topic", "timeseries", "short", [(f"sum by (topic) (hotlead_consumer_lag_records{BY})", "{{topic}}")], "Input records that are in Kafka and not yet consumed."),
    ("Seconds of backlog", "timeseries", "s",
     [(f"sum by (topic) (hotlead_consumer_lag_records{BY}) / clamp_min(sum by (topic) (rate(hotlead_consumed_total{BY}{RATE})), 1)", "{{topic}}")],
     "How long the backlog would take at the present rate, if nothing came in."),
    ("Batch", "timeseries", "s", quantiles("hotlead_batch_duration_seconds"), "Time to score one batch of records."),
    ("Transaction", "timeseries", "s", quantiles("hotlead_txn_duration_seconds"), "Time of a commit: state records, offsets, and the end of the transaction."),
    ("Transactions by outcome", "timeseries", "ops", [(f"sum by (outcome) (rate(hotlead_txn_total{BY}{RATE}))", "{{outcome}}")],
     "aborted, fenced and in_doubt are handled by starting the partitions over; they cost time, not events."),
    "What is kept",
    ("Checkpoint age", "timeseries", "s", [(f"max by (instance) (hotlead_checkpoint_age_seconds{BY})", "{{instance}}")],
     "How much input a restart would have to read again. Above checkpoint.max_replay something holds the checkpoint up."),
    ("Redis", "state-timeline", "bool_on_off", [(f"min by (instance) (hotlead_redis_up{BY})", "{{instance}}")], "1: the last call to Redis succeeded. Scoring needs no Redis, a quick recovery does."),
    ("Redis flush", "timeseries", "s", quantiles("hotlead_redis_flush_duration_seconds"), "Time to write one batch of the copy to Redis."),
    ("Partitions being restored", "timeseries", "short", [(f"sum by (instance) (hotlead_restoring_partitions{BY})", "{{instance}}")], "Assigned, and not scored yet."),
    ("Left to restore", "timeseries", "short", [(f"sum by (instance) (hotlead_restore_left_offsets{BY})", "{{instance}}")], "Offsets of the state topic and the inputs that are still to be read."),
    ("Records restored", "timeseries", "ops", [(f"sum by (source) (rate(hotlead_restore_records_total{BY}{RATE}))", "{{source}}")],
     "Read to bring partitions to life: from the copy in Redis, the state topic, and the input since the checkpoint."),
    ("Time of restores", "timeseries", "s", [(f"sum by (source) (hotlead_restore_seconds_sum{BY}) / sum by (source) (hotlead_restore_seconds_count{BY})", "{{source}}")],
     "What a worker took on average since its process began, by where it read from."),
    ("Rebalances", "timeseries", "short", [(f"sum by (instance) (increase(hotlead_rebalances_total{BY}[10m]))", "{{instance}}")], "Assignments taken or given up, in ten minutes; two for each worker and rebalance."),
    "What goes wrong",
    ("Dead letters", "timeseries", "ops", [(f"sum by (class) (rate(hotlead_dead_letters_total{BY}{RATE}))", "{{class}}")], "Records that could not be used, by class of error. Their bytes are in lead.dead-letter."),
    ("Unknown event types", "timeseries", "ops", [(f"sum(rate(hotlead_unknown_types_total{BY}{RATE}))", "unknown")], "Ignored, because their type is neither known nor an alias."),
    ("Alerts that fire", "table", "none", [('count by (alertname, severity) (ALERTS{alertname=~"Hotlead.*", alertstate="firing"})', "")], "See RUNBOOK.md."),
    ("Models read again", "timeseries", "short", [(f"sum by (result) (increase(hotlead_model_reloads_total{BY}[10m]))", "{{result}}"),
                                                  (f"sum(1 - hotlead_model_last_reload_successful{BY})", "processes that refused the last")],
     "SIGHUP: applied, unchanged or refused, in ten minutes; and where a refused model waits to be mended."),
    ("Shadow: who differs", "timeseries", "short",
     [(f"sum by (live, shadow) (hotlead_shadow_contacts{BY})", "{{live}}, {{shadow}}")],
     "Contacts by stage under the model in use and under the one that is tried beside it."),
    ("Shadow: moves", "timeseries", "ops", [(f"sum by (under) (rate(hotlead_shadow_transitions_total{BY}{RATE}))", "{{under}}")],
     "Moves at the same event under both models, or under one of them only."),
    ("Shadow model", "table", "none", [(f"count by (model, version) (hotlead_shadow_model_info{BY})", ""), (f"max(hotlead_shadow_since_timestamp_seconds{BY}) * 1000", "")],
     "Which model is tried beside the one in use, and since when (ms)."),
    ("Model since", "table", "dateTimeFromNow", [(f"max by (instance) (hotlead_model_since_timestamp_seconds{BY}) * 1000", "")], "Since when each process scores with its model."),
    "The process",
    ("CPU", "timeseries", "percentunit", [(f"sum by (instance) (rate(process_cpu_seconds_total{BY}{RATE}))", "{{instance}}")], "1 is one core, fully used."),
    ("Memory", "timeseries", "bytes", [(f"sum by (instance) (process_resident_memory_bytes{BY})", "{{instance}} resident"),
                                       (f"sum by (instance) (process_virtual_memory_bytes{BY})", "{{instance}} virtual")], "Resident and virtual memory."),
    ("Memory of the table", "timeseries", "bytes", [(f"sum by (instance) (hotlead_table_bytes{BY})", "{{instance}}"),
                                                    (f"sum by (instance) (hotlead_evicted_index_bytes{BY})", "{{instance}} who left"),
                                                    (f"max by (instance) (hotlead_table_max_bytes{BY})", "{{instance}} bound")],
     "Contacts and indexes, what is kept of contacts that left for Redis, and memory.max_bytes."),
    ("Contacts in Redis only", "timeseries", "short", [(f"sum by (instance) (hotlead_evicted_contacts{BY})", "{{instance}}"),
                                                       (f"sum by (instance) (hotlead_paused_workers{BY})", "{{instance}} workers paused")],
     "Who left memory at its bound, and workers that read no further because of it."),
    ("Leaving and coming back", "timeseries", "ops", [(f"sum(rate(hotlead_evictions_total{BY}{RATE}))", "left"),
                                                      (f"sum(rate(hotlead_fetches_total{BY}{RATE}))", "fetched")], "Contacts, at the bound on memory."),
    ("Fetching from Redis", "timeseries", "s", [(f"histogram_quantile(0.99, sum by (le) (rate(hotlead_redis_fetch_duration_seconds_bucket{BY}{RATE})))", "99 %")],
     "How long a batch waits for its contacts that had left."),
    ("Contention", "timeseries", "ops", [(f"sum by (instance) (rate(hotlead_stripe_contention_total{BY}{RATE}))", "{{instance}}")], "Stripe locks of the table that had to be waited for."),
    ("Open files", "timeseries", "percentunit", [(f"max by (instance) (process_open_fds{BY} / process_max_fds{BY})", "{{instance}}")], "Of those that the process may open."),
    ("Up since", "table", "dateTimeFromNow", [(f"max by (instance) (process_start_time_seconds{BY}) * 1000", "")], "When each process began."),
    ("Versions", "table", "none", [(f"count by (version, librdkafka) (hotlead_build_info{BY})", "")], "Of the program and of its client of Kafka."),
]
WIDTH = {"stat": 4, "table": 8, "timeseries": 8, "state-timeline": 8}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def target(query, legend, i, kind, exemplars):
    t = {"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": query, "legendFormat": legend or "__auto"}
    if kind in ("table", "stat"):
        t["instant"] = True
        t["range"] = False
    if kind == "table":
        t["format"] = "table"
    if exemplars:
        t["exemplar"] = True
    return t


def panel(spec, number, x, y, w, h):
    title, kind, unit, queries, what, *more = spec
    p = {"id": number, "type": kind, "title": title, "description": what, "datasource": SOURCE,
         "gridPos": {"x": x, "y": y, "w": w, "h": h},
         "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
         "targets": [target(q, legend, i, kind, "exemplars" in more) for i, (q, legend) in enumerate(queries)]}
    if kind == "table":
        del p["fieldConfig"]["defaults"]["min"]
        p["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True}}}]
    if kind == "timeseries":
        p["options"] = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return p


def panels():
    out, x, y, h = [], 0, 0, 0
    for spec in PANELS:
        if isinstance(spec, str):
            y, x = y + h, 0
            out.append({"id": len(out) + 1, "type": "row", "title": spec, "collapsed": False, "panels": [], "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
            y, h = y + 1, 0
            continue
        w, tall = WIDTH[spec[1]], 4 if spec[1] == "stat" else 8
        if x + w > 24 or (h and tall != h):
            x, y = 0, y + h
        h = tall
        out.append(panel(spec, len(out) + 1, x, y, w, h))
        x += w
    return out


def variable(name, label, query):
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE, "query": {"query": query, "refId": name}, "definition": query,
            "refresh": 2, "includeAll": True, "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "sort": 1}


def dashboard():
    return {
        "uid": "hotlead", "title": "hotlead", "description": "Lead scoring on event streams. Made by k8s/monitoring/make.py.", "tags": ["hotlead"],
        "schemaVersion": 39, "version": 1, "editable": True, "graphTooltip": 1, "timezone": "browser", "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "annotations": {"list": [{"name": "Restarts", "enable": True, "iconColor": "orange", "datasource": SOURCE, "titleFormat": "restart",
                                  "expr": 'changes(process_start_time_seconds{job=~"$job", instance=~"$instance"}[1m]) > 0'}]},
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1, "current": {}},
            variable("job", "Job", "label_values(hotlead_build_info, job)"),
            variable("instance", "Instance", 'label_values(hotlead_build_info{job=~"$job"}, instance)')]},
        "panels": panels(),
    }


def main():
    made = {"prometheusrule.yaml": prometheus_rule(), "grafana-hotlead.json": json.dumps(dashboard(), indent=1) + "\n"}
    stale = [name for name, text in made.items() if not (HERE / name).exists() or (HERE / name).read_text() != text]
    if sys.argv[1:] == ["--check"]:
        if stale:
            sys.exit(f"not current: {', '.join(stale)}; run k8s/monitoring/make.py")
        return
    for name in stale:
        (HERE / name).write_text(made[name])
        print(f"wrote {name}")


if __name__ == "__main__":
    main()
