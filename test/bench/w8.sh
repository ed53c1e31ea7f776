# shellcheck shell=bash
# W8: external activities through poll and complete, by 4 workers, until the server has recorded all; beside it the
# same number through a plain table with SKIP LOCKED in the same run: both in two transactions, a start and an end.

W8_WORKERS=4

# outside BATCH RUNS WIDTH
outside() {
	local begun ended plain_begun plain_ended tasks=$(($2 * $3)) turns=$(($2 * $3 / $1 / W8_WORKERS))
	fresh bench_w8
	value "SELECT temporal.register_activity('outside', mode => 'external'), temporal.register_workflow('fan_outside')" >/dev/null
	value "CREATE TABLE queue (id bigint PRIMARY KEY, payload jsonb NOT NULL, started_at timestamptz)" >&2
	value "CREATE INDEX queue_waiting ON queue (id) WHERE started_at IS NULL" >&2
	value "INSERT INTO queue SELECT i, jsonb_build_object('n', i) FROM generate_series(1, $tasks) i" >&2
	value "SELECT count(temporal.start_workflow('fan_outside', to_jsonb($3))) FROM generate_series(1, $2)" >/dev/null
	value "DO \$\$ BEGIN
		WHILE (SELECT count(*) FROM temporal.pending_activity) < $tasks LOOP COMMIT; PERFORM pg_sleep(0.05); END LOOP;
	END \$\$"
	value 'VACUUM ANALYZE' >&2
	plain_begun=$(date +%s.%N)
	pgbench -n -M prepared -c "$W8_WORKERS" -j 2 -t "$turns" -D "batch=$1" -f skip_locked.pgb >/dev/null
	plain_ended=$(date +%s.%N)
	begun=$(date +%s.%N)
	pgbench -n -M prepared -c "$W8_WORKERS" -j 2 -t "$turns" -D "batch=$1" -f poll.pgb >/dev/null
	ended=$(date +%s.%N)
	figure=$(calc "round((($tasks - $(value 'SELECT count(*) FROM temporal.pending_activity WHERE state = $$Scheduled$$')) / ($ended - $begun))::numeric, 1)")
	also plain_tps "$(calc "round((($tasks - $(value 'SELECT count(*) FROM queue WHERE started_at IS NULL')) / ($plain_ended - $plain_begun))::numeric, 1)")"
	also ratio_to_plain "$(calc "round(($figure * ($plain_ended - $plain_begun) / ($tasks))::numeric, 3)")"
}

w8_1() { outside 1 4 1000; }
w8_10() { outside 10 10 1000; }
w8_100() { outside 100 20 1000; }

repeat w8 "external activities, 1 a poll" "activities/s" rate "" w8_1
repeat w8 "external activities, 10 a poll" "activities/s" rate "" w8_10
repeat w8 "external activities, 100 a poll" "activities/s" rate "" w8_100
