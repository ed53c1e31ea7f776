# shellcheck shell=bash
# What the workloads share: databases, the baseline, WAL and CPU figures, result
# lines. Figures are computed by the server, which has better arithmetic.

export PSQLRC=/dev/null PAGER=cat

say() { printf '%s\n' "$*" >&2; }
die() { say "bench: $*"; exit 1; }
sql() { psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 "$@"; }
value() { sql -c "$1"; }

# calc EXPRESSION: numeric arithmetic
calc() { PGDATABASE=baseline value "SELECT $1"; }

# fresh NAME: a new database with setup.sql, its dispatcher at work; PGDATABASE is it
fresh() {
	export PGDATABASE=postgres
	drop_fresh
	value "CREATE DATABASE $1" >&2
	export PGDATABASE=$1
	sql -f setup.sql >&2
	# the processes have started, plans are made, pages are in memory
	warm 300
}

drop_fresh() {
	local name
	for name in $(PGDATABASE=postgres value "SELECT datname FROM pg_database WHERE datname LIKE 'bench\\_%'"); do
		PGDATABASE=postgres value "DROP DATABASE $name WITH (FORCE)" >&2
	done
	export PGDATABASE=postgres
}

warm() {
	value "SELECT count(temporal.start_workflow('hello', to_jsonb(i))) FROM generate_series(1, $1) AS i" >/dev/null
	wait_closed >/dev/null
}

# wait_closed [SINCE]: prints "seconds polls"; dies when a workflow failed
wait_closed() {
	local seconds polls failed
	read -r seconds polls failed < <(value "CALL wait_closed('${1:-now}', NULL, NULL, NULL)")
	[ -n "$failed" ] || die "waited in vain"
	[ "$failed" = 0 ] || die "$failed workflows failed"
	echo "$seconds $polls"
}

# ---------- baseline ----------

baseline_setup() {
	PGDATABASE=postgres value "CREATE DATABASE baseline" >&2
	PGDATABASE=baseline value "CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v jsonb)" >&2
}

tps() { sed -n 's/^tps = \([0-9.]*\).*/\1/p'; }

# Single-row inserts per second from 16 clients. Keeps the server's statistics
# apart: another database.
baseline() {
	PGDATABASE=baseline value 'TRUNCATE plain' >&2
	PGDATABASE=baseline pgbench -n -M prepared -c 16 -j 2 -T "$BASELINE_SECONDS" -f insert.pgb 2>/dev/null | tps
}

# what one insert with its commit takes here, one client
single_insert() {
	calc "round(1000 / $(PGDATABASE=baseline pgbench -n -M prepared -c 1 -T 1 -f insert.pgb 2>/dev/null | tps), 3)"
}

# ---------- WAL and commits ----------

# remembers where the WAL and the commits of this database are
counters_begin() {
	value CHECKPOINT >&2
	# executors report their statistics when they have been idle for a second
	sleep 1.5
	commits_before=$(xact_commit)
	lsn_before=$(value 'SELECT pg_current_wal_lsn()')
}

# counters_end POLLS: what was done since; sets wal_bytes (without full-page
# images), fpi_bytes, commits. POLLS commits, and those of the few statements
# around, were ours.
counters_end() {
	local lsn polls=$1 stats
	lsn=$(value 'SELECT pg_current_wal_lsn()')
	sleep 1.5
	commits=$(($(xact_commit) - commits_before - polls - 6))
	stats=$(pg_waldump -p "$PGDATA/pg_wal" -s "$lsn_before" -e "$lsn" --stats 2>/dev/null | grep '^Total') || true
	read -r wal_bytes fpi_bytes < <(sed -E 's/\[[^]]*\]//g' <<<"$stats" | awk '{ print $3, $4 }')
}

xact_commit() { PGDATABASE=baseline value "SELECT xact_commit FROM pg_stat_database WHERE datname = '$PGDATABASE'"; }

# ---------- processes ----------

# pids BACKEND_TYPE
pids() { value "SELECT pid FROM pg_stat_activity WHERE backend_type = 'temporal_pg $1' AND (datname IS NULL OR datname = current_database())"; }

# cpu_us PID...: CPU time used so far
cpu_us() {
	local pid run total=0
	for pid in "$@"; do
		if read -r run _ <"/proc/$pid/schedstat" 2>/dev/null; then
			total=$((total + run / 1000))
		fi
	done
	echo "$total"
}

# rss_kb PID: without shared memory, which belongs to the server
rss_kb() { awk '/^VmRSS/ { rss = $2 } /^RssShmem/ { shm = $2 } END { print rss - shm }' "/proc/$1/status" 2>/dev/null || echo 0; }

# ---------- results ----------

# A workload is a function that sets figure and may add JSON members by
# `also KEY VALUE`.
also() {
	local v=$2
	[[ $v =~ ^-?[0-9]*\.?[0-9]+$ ]] || v="\"$v\""
	extra+=", \"$1\": $v"
}

# repeat WORKLOAD LABEL UNIT HOW TARGET FUNCTION: the median repetition's line.
# HOW: "rate" is put in relation to the baseline's transactions per second,
# "time" to the time that one of them takes, "none" has no relation to it.
repeat() {
	local name=$1 label=$2 unit=$3 how=$4 target=$5 function=$6
	local rep before after base ratio lines=() figure extra line
	say "$name $label ..."
	for rep in $(seq "$REPS"); do
		extra=
		before=$(baseline)
		"$function"
		after=$(baseline)
		read -r figure base ratio < <(calc "round($figure::numeric, 3) || ' ' || round(($before + $after) / 2::numeric, 1) || ' ' ||
			CASE '$how' WHEN 'rate' THEN round($figure * 2 / ($before + $after)::numeric, 4)::text
				WHEN 'time' THEN round($figure * ($before + $after)::numeric / 2 / CASE '$unit' WHEN 'ms' THEN 1000 ELSE 1 END, 2)::text
				ELSE 'null' END")
		line="{\"workload\": \"$name\", \"what\": \"$label\", \"figure\": $figure, \"unit\": \"$unit\", \"baseline_tps\": $base, \"ratio\": $ratio, \"target\": \"$target\"$extra"
		lines+=("$ratio $line")
		[ -z "${BENCH_VERBOSE:-}" ] || say "  $line}"
	done
	line=$(printf '%s\n' "${lines[@]}" | sort -n | sed -n "$(((REPS + 1) / 2))p")
	printf '%s, "reps": %d}\n' "${line#* }" "$REPS" | tee -a "$RESULTS"
}
