# shellcheck shell=bash
# W4: latency when nothing else is going on.

# 300 calls one after the other, at random moments, 10 ms apart on average; what
# a call was late by is not its own
w4_latency() {
	local log p50 p90 p99
	fresh bench_w4
	log=$(mktemp -d)
	(cd "$log" && pgbench -n -M prepared -c 1 -t 320 -R 100 -l -f "$OLDPWD/execute.pgb" >/dev/null 2>&1)
	read -r p50 p90 p99 < <(cat "$log"/pgbench_log.* | awk 'NR > 20 { print ($3 - $7) / 1000 }' | sort -n |
		awk '{ v[NR] = $1 } END { print v[int(NR * 0.5 + 0.5)], v[int(NR * 0.9 + 0.5)], v[int(NR * 0.99 + 0.5)] }')
	rm -r "$log"
	figure=$p50
	also p90_ms "$p90"
	also p99_ms "$p99"
	also insert_ms "$(single_insert)"
}

w4_timer() {
	local p99
	fresh bench_w4
	value "SELECT temporal.start_workflow('nap', '50', id => 'nap')" >/dev/null
	wait_closed >/dev/null
	read -r figure p99 < <(value "
		SELECT round(percentile_disc(0.5) WITHIN GROUP (ORDER BY over)::numeric, 3),
			round(percentile_disc(0.99) WITHIN GROUP (ORDER BY over)::numeric, 3)
		FROM (
			SELECT extract(epoch FROM f.event_time - s.event_time) * 1000 - 100 AS over
			FROM temporal.history s
			JOIN temporal.history f USING (namespace, workflow_id, run_id)
			WHERE s.event_type = 'TimerStarted' AND f.event_type = 'TimerFired'
			  AND (f.attributes ->> 'startedEventId')::integer = s.event_id) t")
	also p99_ms "$p99"
}

repeat w4 "start to result, p50 at idle" "ms" time "< 3" w4_latency
repeat w4 "overshoot of a 100 ms timer, p50" "ms" time "" w4_timer
