# shellcheck shell=bash
# W5: 100,000 workflows asleep: how fast they get there, what they take, and
# what they cost while they sleep.

w5_n=${N:-100000}

store_bytes() {
	value "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c
		WHERE c.relnamespace = 'temporal_internal'::regnamespace AND c.relkind = 'r'"
}

# CPU of our processes over the idle window, percent of one core
idle_percent() {
	local before=$1 after
	shift
	after=$(cpu_us "$@")
	calc "round(($after - $before) / 1000000.0 / $IDLE_SECONDS * 100, 3)"
}

w5_sleepers() {
	local seconds since before i started d l dc lc
	local batch=$((w5_n < 10000 ? w5_n : 10000))
	fresh bench_w5
	before=$(store_bytes)
	counters_begin
	since=$(value 'SELECT clock_timestamp()')
	for ((i = 0; i < w5_n; i += batch)); do
		value "SELECT count(temporal.start_workflow('sleeper')) FROM generate_series(1, $batch)" >/dev/null
	done
	started=$(value "SELECT extract(epoch FROM clock_timestamp() - '$since')")
	until [ "$(value 'SELECT count(*) FROM temporal_internal.message WHERE deliver_at > clock_timestamp()')" -ge "$w5_n" ]; do
		sleep 0.2
	done
	seconds=$(value "SELECT extract(epoch FROM clock_timestamp() - '$since')")
	counters_end 0
	figure=$(calc "$w5_n / $seconds")
	also starts_per_second "$(calc "round($w5_n / $started)")"
	also wal_bytes_per_workflow "$(calc "round($wal_bytes / $w5_n::numeric)")"
	also bytes_per_workflow "$(calc "round(($(store_bytes) - $before) / $w5_n::numeric)")"
	value 'VACUUM (ANALYZE)' >&2
	also bytes_per_workflow_after_vacuum "$(calc "round(($(store_bytes) - $before) / $w5_n::numeric)")"
	value CHECKPOINT >&2
	sleep 4
	d=$(pids dispatcher)
	l=$(pids launcher)
	dc=$(cpu_us "$d")
	lc=$(cpu_us "$l")
	sleep "$IDLE_SECONDS"
	also idle_dispatcher_percent "$(idle_percent "$dc" "$d")"
	also idle_launcher_percent "$(idle_percent "$lc" "$l")"
}

IDLE_SECONDS=20
REPS=1 repeat w5 "$w5_n workflows fall asleep" "workflows/s" rate "idle < 0.1 %" w5_sleepers
