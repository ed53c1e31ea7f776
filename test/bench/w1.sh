# shellcheck shell=bash
# W1: hello workflows of one activity, started one by one and all at once, until
# all are complete in the database. W6: their WAL and commits.

n=$((${N:-5000} / 16 * 16))

w6_figures() {
	also wal_bytes_per_workflow "$(calc "round($wal_bytes / $n::numeric)")"
	also fpi_bytes_per_workflow "$(calc "round($fpi_bytes / $n::numeric)")"
	also commits_per_workflow "$(calc "round($commits / $n::numeric, 3)")"
}

# 16 sessions, one start a transaction
w1_single() {
	local seconds polls since
	fresh bench_w1
	counters_begin
	since=$(value 'SELECT clock_timestamp()')
	pgbench -n -M prepared -c 16 -j 2 -t $((n / 16)) -f start.pgb >/dev/null 2>&1
	read -r seconds polls < <(wait_closed)
	# without the time that pgbench needs to connect
	seconds=$(value "SELECT extract(epoch FROM clock_timestamp() - min(start_time)) FROM temporal_internal.execution WHERE start_time > '$since'")
	counters_end "$polls"
	figure=$(calc "$n / $seconds")
	also seconds "$seconds"
	w6_figures
}

# one statement
w1_bulk() {
	local seconds polls since started
	fresh bench_w1
	counters_begin
	since=$(value 'SELECT clock_timestamp()')
	value "SELECT count(temporal.start_workflow('hello', to_jsonb(i))) FROM generate_series(1, $n) AS i" >/dev/null
	started=$(value "SELECT extract(epoch FROM clock_timestamp() - '$since')")
	read -r seconds polls < <(wait_closed "$since")
	counters_end "$polls"
	figure=$(calc "$n / $seconds")
	also seconds "$seconds"
	also starts_per_second "$(calc "round($n / $started)")"
	w6_figures
}

repeat w1 "hello, single starts from 16 clients" "workflows/s" rate "" w1_single
repeat w1 "hello, bulk start" "workflows/s" rate "ratio >= 0.333; <= 2 commits, <= 2048 bytes of WAL" w1_bulk
