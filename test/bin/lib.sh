# shellcheck shell=bash
# What test/bin/run, test/bin/with_server and test/mutants/run share: a work
# directory, a private copy of the PostgreSQL installation with the extension in
# it, and throw-away servers.
#
# Nothing is installed into the system. PostgreSQL finds its library and share
# directories relative to its own binary, so a tree of copied binaries and
# symbolic links, in which only our files are real, is an installation of its
# own; any user may make one, and two runs never meet.
#
# As root everything from initdb on runs as an ordinary user (nobody, or
# TEMPORAL_PG_TEST_USER), on copies that this user can read, since the checkout
# may be where it can't look.

set -euo pipefail
umask 022

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
unset PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGPASSFILE PGDATABASE PGSERVICE PGSERVICEFILE \
	PGOPTIONS PGDATA PGAPPNAME PGCLIENTENCODING PGTZ PGDATESTYLE PGSSLMODE PGCONNECT_TIMEOUT
export LC_ALL=C.UTF-8 LC_MESSAGES=C
unset LANGUAGE MAKEFLAGS MAKELEVEL MFLAGS

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

WORK=
TEST_USER=

# run a command as the user that owns the servers
as_user() {
	if [ -n "$TEST_USER" ]; then
		runuser -u "$TEST_USER" -- "$@"
	else
		"$@"
	fi
}

# stop every server whose data directory is below the work directory, whatever
# state it is in, then remove the directory
cleanup() {
	local status=$? pidfile pid dir
	trap - EXIT INT TERM HUP
	set +e
	if [ -n "$WORK" ] && [ -d "$WORK" ]; then
		for _ in $(seq 100); do
			local alive=0
			while IFS= read -r pidfile; do
				dir=$(dirname "$pidfile")
				pid=$(head -n 1 "$pidfile" 2>/dev/null)
				# the pid may long belong to someone else
				[ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$dir" ] || continue
				alive=1
				kill -QUIT "$pid" 2>/dev/null
			done < <(find "$WORK" -name postmaster.pid 2>/dev/null)
			[ $alive = 0 ] && break
			sleep 0.1
		done
		# what a suite that ran into its time limit left behind: everything that
		# was started here carries our TMPDIR
		cd /
		local left
		left=$(grep -lz "^TMPDIR=$WORK/tmp\$" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | grep -vx "$$")
		if [ -n "$left" ]; then
			# shellcheck disable=SC2086
			kill -KILL $left 2>/dev/null
		fi
		if [ -n "${KEEP_WORK:-}" ]; then
			say "kept: $WORK"
		else
			rm -rf "$WORK" || { sleep 1; rm -rf "$WORK"; }
		fi
	fi
	exit $status
}

# make WORK, and choose who owns the servers
make_work() {
	local base=${TMPDIR:-/tmp}
	if [ "$(id -u)" -eq 0 ]; then
		TEST_USER=${TEMPORAL_PG_TEST_USER:-nobody}
		id "$TEST_USER" >/dev/null 2>&1 || die "there is no user $TEST_USER: set TEMPORAL_PG_TEST_USER"
		[ "$(id -u "$TEST_USER")" -ne 0 ] || die "servers don't run as root: set TEMPORAL_PG_TEST_USER"
		as_user test -x "$base" || base=/tmp
	fi
	# a socket's path may have about 100 bytes
	[ ${#base} -le 40 ] || base=/tmp
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	WORK=$(mktemp -d "$base/temporal_pg.XXXXXX")
	WORK=$(cd "$WORK" && pwd -P)
	mkdir "$WORK/home" "$WORK/tmp" "$WORK/sock" "$WORK/out"
	chmod 755 "$WORK"
	if [ -n "$TEST_USER" ]; then
		chown -R "$TEST_USER" "$WORK"
	fi
	export HOME=$WORK/home TMPDIR=$WORK/tmp
	cd "$WORK"
}

# find_postgres [examples]: what for, see bootstrap
find_postgres() {
	"$ROOT/test/bin/bootstrap" "$@" || die "cannot go on without these packages"
	# the same choice as bootstrap's, now that there is one to choose
	case ${PG_CONFIG:-pg_config} in
		pg_config) PG_CONFIG=$(ls /usr/lib/postgresql/1[5-8]/bin/pg_config 2>/dev/null | tail -n 1 || true) ;;
	esac
	PG_CONFIG=$(command -v "${PG_CONFIG:-pg_config}") || die "there is no ${PG_CONFIG:-pg_config}"
	export PG_CONFIG
	PGXS_TEST=$(cd "$(dirname "$("$PG_CONFIG" --pgxs)")/../test" && pwd)
}

# Build the checkout (or, where it is not ours to write, a copy) and install it
# into a private tree; copy the tests to where the servers' user can read them.
build() {
	local src=$ROOT log=$WORK/build.log bin lib share include dest jobs
	if [ ! -w "$ROOT" ] || [ ! -w "$ROOT/src" ] || [ ! -w "$ROOT/sql" ] ||
		[ -n "$(find "$ROOT/src" "$ROOT/sql" ! -writable -print -quit)" ]; then
		mkdir "$WORK/source"
		cp -a "$ROOT"/{Makefile,temporal_pg.control,include,src,sql,test} "$WORK/source/"
		chmod -R u+w "$WORK/source"
		find "$WORK/source/src" -name '*.o' -delete
		src=$WORK/source
	fi

	bin=$("$PG_CONFIG" --bindir)
	lib=$("$PG_CONFIG" --pkglibdir)
	share=$("$PG_CONFIG" --sharedir)
	include=$("$PG_CONFIG" --includedir-server)
	dest=$WORK/pg
	mkdir -p "$dest$bin" "$dest$lib" "$dest$share/extension"
	cp "$bin"/* "$dest$bin/"
	# headers, so that extensions can be built against this installation
	mkdir -p "$dest$include/extension"
	find "$include" -mindepth 1 -maxdepth 1 ! -name extension -exec ln -s -t "$dest$include" {} +
	find "$lib" -mindepth 1 -maxdepth 1 ! -name 'temporal_pg*' -exec ln -s -t "$dest$lib" {} +
	find "$share" -mindepth 1 -maxdepth 1 ! -name extension -exec ln -s -t "$dest$share" {} +
	find "$share/extension" -mindepth 1 -maxdepth 1 ! -name 'temporal_pg*' -exec ln -s -t "$dest$share/extension" {} +

	jobs=$(nproc 2>/dev/null || echo 1)
	[ "$jobs" -le 4 ] || jobs=4
	say "building"
	if ! (
		if [ "$src" = "$ROOT" ]; then
			# two runs in one checkout must not build it at the same time
			exec 9<"$ROOT/src"
			flock 9
		fi
		cd "$src" && make -j"$jobs" all && make install DESTDIR="$dest"
	) >"$log" 2>&1; then
		grep -nE '(error|warning): |\*\*\*' "$log" | head -40 || true
		say "(last lines of the build)"
		tail -15 "$log"
		return 1
	fi

	mkdir "$WORK/tree"
	local part
	for part in test demo examples expected sql temporal_pg.control; do
		[ ! -e "$ROOT/$part" ] || cp -a "$ROOT/$part" "$WORK/tree/"
	done
	rm -rf "$WORK/tree/test/output"
	if [ -n "$TEST_USER" ]; then
		chown -R "$TEST_USER" "$WORK/tree"
		# a test may install an extension of its own
		chown "$TEST_USER" "$dest$lib" "$dest$share/extension"
	fi
	chmod -R u+rwX,go+rX "$WORK/tree" "$WORK/pg"
	export PATH=$dest$bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
	PG_BIN=$dest$bin
}

# new_cluster NAME CONF...: a data directory in $WORK/NAME, not started. It is
# reached through $WORK/sock only; the port is just part of the socket's name.
cluster_port=5500
new_cluster() {
	local name=$1 conf
	shift
	cluster_port=$((cluster_port + 1))
	if [ ! -d "$WORK/template" ]; then
		as_user initdb -D "$WORK/template" -U postgres -A trust -E UTF8 --locale=C -N >"$WORK/initdb.log" 2>&1 ||
			{ cat "$WORK/initdb.log"; return 1; }
	fi
	as_user cp -a "$WORK/template" "$WORK/$name"
	{
		echo "unix_socket_directories = '$WORK/sock'"
		echo "listen_addresses = ''"
		echo "port = $cluster_port"
		for conf in "$@"; do
			echo "# $conf"
			cat "$conf"
		done
	} | as_user tee -a "$WORK/$name/postgresql.conf" >/dev/null
	export PGHOST=$WORK/sock PGPORT=$cluster_port PGUSER=postgres PGDATABASE=postgres
}

start_cluster() {
	if ! as_user pg_ctl -D "$WORK/$1" -l "$WORK/out/$1.log" -w -t 60 start >"$WORK/pg_ctl.log" 2>&1; then
		say "the server did not start:"
		tail -20 "$WORK/out/$1.log" 2>/dev/null || cat "$WORK/pg_ctl.log"
		return 1
	fi
}

stop_cluster() {
	# fast first: a worker that does not stop when asked is a defect to be seen
	if ! as_user pg_ctl -D "$WORK/$1" -m fast -w -t 30 stop >"$WORK/pg_ctl.log" 2>&1; then
		as_user pg_ctl -D "$WORK/$1" -m immediate -w -t 30 stop >/dev/null 2>&1 || true
		return 1
	fi
}
