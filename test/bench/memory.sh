# shellcheck shell=bash
# Memory of the one executor of a server that may have only one: its growth over
# many workflows, and its peak over a run with 10,000 events.

last=${N:-$([ "${BENCH_LONG:-}" = 1 ] && echo 100000 || echo 5000)}

restart_with() {
	PGDATABASE=postgres value "ALTER SYSTEM $1" >&2
	PGDATABASE=postgres value "ALTER SYSTEM ${2:-RESET temporal_pg.idle_timeout}" >&2
	pg_ctl -D "$PGDATA" -l "$PG_LOG" -w restart >/dev/null
}

hellos() {
	value "SELECT count(temporal.start_workflow('hello', to_jsonb(i))) FROM generate_series(1, $1) AS i" >/dev/null
	wait_closed >/dev/null
}

memory_growth() {
	local pid before after i
	fresh bench_memory
	hellos 700
	pid=$(pids executor)
	before=$(rss_kb "$pid")
	for ((i = 1000; i < last; i += 1000)); do
		hellos 1000
	done
	[ "$pid" = "$(pids executor)" ] || die "the executor is another one now"
	after=$(rss_kb "$pid")
	figure=$(calc "($after - $before) / 1024.0")
	also rss_mb_at_1000 "$(calc "round($before / 1024.0, 1)")"
	also rss_mb_at_end "$(calc "round($after / 1024.0, 1)")"
	also workflows "$last"
}

memory_long() {
	local pid rss peak=0 waiter
	fresh bench_memory
	pid=$(pids executor)
	also rss_mb_before "$(calc "round($(rss_kb "$pid") / 1024.0, 1)")"
	value "SELECT temporal.start_workflow('chain', '3333', id => 'long')" >/dev/null
	wait_closed >/dev/null &
	waiter=$!
	while kill -0 $waiter 2>/dev/null; do
		rss=$(rss_kb "$pid")
		peak=$((rss > peak ? rss : peak))
		sleep 0.02
	done
	wait $waiter
	figure=$(calc "$peak / 1024.0")
	also events "$(value "SELECT max(event_id) FROM temporal.history WHERE workflow_id = 'long'")"
	also rss_mb_after "$(calc "round($(rss_kb "$pid") / 1024.0, 1)")"
}

drop_fresh
restart_with 'SET temporal_pg.max_executors = 1' 'SET temporal_pg.idle_timeout = 600000'
REPS=1 repeat memory "growth of an executor, workflow 1,000 to $last" "MB" none "<= 5 (to 100,000)" memory_growth
REPS=1 repeat memory "executor's peak over a run of 10,000 events" "MB" none "< 100" memory_long
drop_fresh
restart_with 'RESET temporal_pg.max_executors'
