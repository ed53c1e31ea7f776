# temporal_pg: built by PGXS.
#
#   make, make install          the library and the install script
#   make check                  every test: installs what is missing, needs no root once it is there
#   make regress isolation pgtap tap lint    one suite (TESTS=... picks single tests)
#   make demo                   a saga, a crash, a restart, and the proof that nothing was lost
#   make mutants bench          mutation tests, benchmark
#   make server                 a throw-away server with the extension, and a psql in it

# the newest server that is installed, or: make PG_CONFIG=/path/to/pg_config ...
PG_CONFIG ?= $(or $(lastword $(sort $(wildcard /usr/lib/postgresql/1[5-8]/bin/pg_config))),pg_config)
export PG_CONFIG

# These targets have to work before PostgreSQL is there, and PGXS has a `check`
# of its own, so they are kept apart from the part that includes PGXS.
RUN_TARGETS := check regress isolation pgtap tap lint mutants bench demo server bootstrap

ifneq ($(filter $(RUN_TARGETS),$(MAKECMDGOALS)),)

SUITES ?= lint regress isolation pgtap tap
TESTS ?=

check:
	@TESTS='$(TESTS)' test/bin/run $(SUITES)

# `make regress tap` is one run of two suites
SUITE_GOALS := $(filter lint regress isolation pgtap tap,$(MAKECMDGOALS))
ifneq ($(SUITE_GOALS),)
$(firstword $(SUITE_GOALS)):
	@TESTS='$(TESTS)' test/bin/run $(SUITE_GOALS)
$(wordlist 2,9,$(SUITE_GOALS)):
	@:
endif

mutants:
	@test/mutants/run $(TESTS)

demo:
	@demo/run

bench:
	@$(if $(BASE),test/bench/compare $(BASE) $(WORKLOADS),test/bin/with_server --conf test/conf/bench.conf test/bench/run $(TESTS))

server:
	@test/bin/with_server --extension psql

bootstrap:
	@test/bin/bootstrap

# `make clean check`: anything else on the command line goes to PGXS
OTHER_GOALS := $(filter-out $(RUN_TARGETS),$(MAKECMDGOALS))
ifneq ($(OTHER_GOALS),)
$(OTHER_GOALS):
	+@$(MAKE) --no-print-directory $@
endif
.NOTPARALLEL:

.PHONY: $(RUN_TARGETS) $(OTHER_GOALS)

else

EXTENSION = temporal_pg
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" temporal_pg.control)
MODULE_big = temporal_pg

include src/objects.mk
include sql/manifest.mk

INSTALL_SCRIPT_SQL = sql/temporal_pg--$(EXTVERSION).sql
DATA_built = $(INSTALL_SCRIPT_SQL)

# the C interface, for extensions built against it (docs/c_api.md)
HEADERS = include/temporal_pg.h

PG_CPPFLAGS = -I$(srcdir)/src -I$(srcdir)/include
PG_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -Wmissing-prototypes \
	-Wno-unused-parameter -Wno-sign-compare -MMD -MP

# Only what the server looks up by name leaves the library. Hidden visibility
# would also hide the SQL-callable functions on PostgreSQL 15, whose
# PG_FUNCTION_INFO_V1 does not mark them, so the list is made from the objects.
EXPORTS_MAP = src/exports.map
ifeq ($(shell uname -s),Linux)
SHLIB_LINK += -Wl,--version-script=$(EXPORTS_MAP)
endif

# Activities of type http need libcurl 7.80 or later (libcurl4-openssl-dev); without it: make WITH_HTTP=no
WITH_HTTP ?= yes
CURL_CONFIG ?= curl-config
ifeq ($(WITH_HTTP),yes)
MODULES = temporal_pg_http
ifeq ($(filter clean distclean maintainer-clean,$(MAKECMDGOALS)),)
ifeq ($(shell $(CURL_CONFIG) --version 2>/dev/null),)
$(error $(CURL_CONFIG) is missing: install libcurl's development files (libcurl4-openssl-dev), run `make bootstrap`, or leave activities of type http out with WITH_HTTP=no)
endif
ifneq ($(shell $(CURL_CONFIG) --checkfor 7.80.0 >/dev/null 2>&1 && echo yes),yes)
$(error $(shell $(CURL_CONFIG) --version) is too old: activities of type http need libcurl 7.80.0 or later. Install one (CURL_CONFIG=/path/to/curl-config), or leave them out with WITH_HTTP=no)
endif
endif
endif

# Bitcode is for inlining SQL functions written in C into queries, of which
# there is nothing to gain here, and it needs clang.
override with_llvm = no

# make installcheck: against a running server that has the library preloaded
REGRESS = $(basename $(notdir $(sort $(wildcard test/sql/*.sql))))
REGRESS_OPTS = --inputdir=test --load-extension=temporal_pg
ISOLATION = $(basename $(notdir $(sort $(wildcard test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=temporal_pg

EXTRA_CLEAN = $(OBJS:.o=.d) $(HTTP_OBJS) $(HTTP_OBJS:.o=.d) $(EXPORTS_MAP) $(BUILT_FOR) $(wildcard sql/temporal_pg--*.sql) \
	test/output output_iso results regression.diffs regression.out tmp_check

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(wildcard $(PGXS)),)
$(error PostgreSQL's build files are missing ($(PG_CONFIG) --pgxs): run `make bootstrap`, or set PG_CONFIG)
endif
include $(PGXS)

# Objects made for another server are made again, whatever their time says.
BUILT_FOR = src/built_for
$(BUILT_FOR): force
	@echo '$(shell $(PG_CONFIG) --version) $(shell $(PG_CONFIG) --includedir-server)' | cmp -s - $@ || \
		echo '$(shell $(PG_CONFIG) --version) $(shell $(PG_CONFIG) --includedir-server)' > $@
.PHONY: force

$(OBJS) $(HTTP_OBJS): Makefile $(BUILT_FOR)

$(HTTP_OBJS): CPPFLAGS += $(shell $(CURL_CONFIG) --cflags 2>/dev/null)

temporal_pg_http$(DLSUFFIX): $(HTTP_OBJS)
	$(CC) $(CFLAGS) $(HTTP_OBJS) $(LDFLAGS) $(LDFLAGS_SL) -shared -o $@ $(shell $(CURL_CONFIG) --libs) -lpthread

$(EXPORTS_MAP): $(OBJS)
	{ echo '{ global: _PG_init; Pg_magic_func; tpg_*_main;'; \
	  nm -g --defined-only $(OBJS) | sed -n 's/.* T pg_finfo_\(.*\)$$/  pg_finfo_\1; \1;/p'; \
	  echo 'local: *; };'; } > $@

$(MODULE_big)$(DLSUFFIX): $(EXPORTS_MAP)

$(INSTALL_SCRIPT_SQL): sql/header.sql sql/manifest.mk $(SQL_FRAGMENTS)
	{ cat sql/header.sql; \
	  for f in $(SQL_FRAGMENTS); do printf '\n-- %s\n' "$$f"; cat "$$f"; done; } > $@.tmp
	mv $@.tmp $@

-include $(wildcard $(OBJS:.o=.d) $(HTTP_OBJS:.o=.d))

endif
