# shellcheck shell=bash
# W7: latency of messages when nothing else is going on, to runs of 20 events.

W7_CALLS=300

# desks NAME: as many runs as there are calls, all of them waiting
desks() {
	fresh "$1"
	value "SELECT count(temporal.start_workflow('desk', id => 'desk-' || i)) FROM generate_series(1, $W7_CALLS) AS i" >/dev/null
	value "DO \$\$ BEGIN
		WHILE (SELECT count(*) FROM temporal.timer) < $W7_CALLS LOOP COMMIT; PERFORM pg_sleep(0.05); END LOOP;
	END \$\$"
}

# calls SCRIPT: one after the other, at random moments 10 ms apart on average; sets
# figure to the p50, and what a call was late by is not its own
calls() {
	local log p50 p90 p99
	log=$(mktemp -d)
	(cd "$log" && pgbench -n -M prepared -c 1 -t "$W7_CALLS" -R 100 -l -D 'i=0' -f "$OLDPWD/$1" >/dev/null)
	read -r p50 p90 p99 < <(cat "$log"/pgbench_log.* | awk 'NR > 20 { print ($3 - $7) / 1000 }' | sort -n |
		awk '{ v[NR] = $1 } END { print v[int(NR * 0.5 + 0.5)], v[int(NR * 0.9 + 0.5)], v[int(NR * 0.99 + 0.5)] }')
	rm -r "$log"
	figure=$p50
	also p90_ms "$p90"
	also p99_ms "$p99"
}

# each of another run, which this session has not seen before
w7_update() {
	desks bench_w7
	calls update.pgb
	also insert_ms "$(single_insert)"
}

w7_query() {
	desks bench_w7
	calls query.pgb
}

# all of one run
w7_query_again() {
	desks bench_w7
	calls query_again.pgb
}

# from the call of signal(), its COMMIT included, to the code that takes it
w7_signal() {
	local p99
	fresh bench_w7
	value "SELECT count(temporal.start_workflow('bell', '10', id => 'bell-' || i)) FROM generate_series(1, $((W7_CALLS / 10))) AS i" >/dev/null
	pgbench -n -M prepared -c 1 -t "$W7_CALLS" -R 100 -D 'i=0' -f signal.pgb >/dev/null
	wait_closed >/dev/null
	read -r figure p99 < <(value "
		SELECT round(percentile_disc(0.5) WITHIN GROUP (ORDER BY took)::numeric, 3),
			round(percentile_disc(0.99) WITHIN GROUP (ORDER BY took)::numeric, 3)
		FROM (
			SELECT extract(epoch FROM (m.attributes #>> '{details,data}')::timestamptz - s.event_time) * 1000 AS took
			FROM temporal.history s
			JOIN temporal.history m USING (namespace, workflow_id, run_id, task_id)
			WHERE s.event_type = 'WorkflowExecutionSignaled' AND m.event_type = 'MarkerRecorded') t")
	also p99_ms "$p99"
}

repeat w7 "update of a 20-event run, p50 at idle" "ms" time "< 1" w7_update
repeat w7 "first query of a 20-event run, p50 at idle" "ms" time "< 0.5" w7_query
repeat w7 "another query of it, p50 at idle" "ms" time "" w7_query_again
repeat w7 "signal to reaction, p50 at idle" "ms" time "< 3" w7_signal
