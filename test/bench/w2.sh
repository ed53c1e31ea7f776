# shellcheck shell=bash
# W2: steps one after the other, in 200 workflows of 50, and in one of 1,000.

w2_chains() {
	local seconds polls since n=10000
	fresh bench_w2
	value "SELECT count(temporal.start_workflow('chain', '50')) FROM generate_series(1, 8)" >/dev/null
	wait_closed >/dev/null
	counters_begin
	since=$(value 'SELECT clock_timestamp()')
	value "SELECT count(temporal.start_workflow('chain', '50')) FROM generate_series(1, 200)" >/dev/null
	read -r seconds polls < <(wait_closed "$since")
	counters_end "$polls"
	figure=$(calc "$n / $seconds")
	also seconds "$seconds"
	also wal_bytes_per_step "$(calc "round($wal_bytes / $n::numeric)")"
	also commits_per_step "$(calc "round($commits / $n::numeric, 3)")"
}

# cost of a step: the times between the completions of the first and the last 50
w2_long() {
	local polls since first last
	fresh bench_w2
	since=$(value 'SELECT clock_timestamp()')
	value "SELECT temporal.start_workflow('chain', '$STEPS', id => 'long')" >/dev/null
	read -r figure polls < <(wait_closed "$since")
	read -r first last < <(value "
		WITH step AS (
			SELECT event_time, row_number() OVER (ORDER BY event_id) AS n
			FROM temporal.history WHERE workflow_id = 'long' AND event_type = 'ActivityTaskCompleted')
		SELECT round(extract(epoch FROM max(event_time) FILTER (WHERE n = 50) - min(event_time) FILTER (WHERE n = 1)) * 1000 / 49, 3),
			round(extract(epoch FROM max(event_time) - max(event_time) FILTER (WHERE n = $STEPS - 50)) * 1000 / 50, 3)
		FROM step")
	also ms_per_step_first_50 "$first"
	also ms_per_step_last_50 "$last"
}

STEPS=1000
repeat w2 "200 workflows of 50 steps" "steps/s" rate ">= 5000" w2_chains
repeat w2 "one workflow of 1,000 steps" "s" time "last steps < 1 ms" w2_long
if [ "${BENCH_LONG:-}" = 1 ]; then
	STEPS=10000
	repeat w2 "one workflow of 10,000 steps" "s" time "" w2_long
fi
