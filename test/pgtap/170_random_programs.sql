-- Random programs: workflows with waiting handlers, spawned functions, locks, conditions, timers, activities and local
-- activities that fail, get random signals and updates at random times, in a process that crashes and forgets at
-- random points. Whatever happens, the live run and every replay issue the same commands and come to the same state.
--
-- Program i is made by seed and i alone. A failure prints both and what was done; that one again, as it was:
--   TEMPORAL_PG_SEED=seed TEMPORAL_PG_PROGRAM=i make pgtap TESTS=170_random_programs
BEGIN;
SELECT plan(3);
\ir ../lib/random_programs.sql

SELECT coalesce(nullif(current_setting('temporal_pg_test.seed', true), '')::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint % 1000000000) AS seed,
	coalesce(nullif(current_setting('temporal_pg_test.first', true), '')::int, 1) AS first,
	coalesce(nullif(current_setting('temporal_pg_test.count', true), '')::int, 10000) AS count \gset
SELECT diag('seed ' || :'seed');
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT clock_timestamp() AS began \gset
SELECT pg_temp.try_all(:seed, :first, :count) AS programs \gset
SELECT diag(:'programs' || ' programs in ' || round(extract(epoch FROM clock_timestamp() - :'began'), 1) || ' s: ' || string_agg(kind || ' ' || n, ', ' ORDER BY kind))
FROM pg_temp.happened;

SELECT is_empty('SELECT * FROM wrong', 'live runs and replays agree, seed ' || :'seed');
SELECT is(:programs, :count, 'all programs were run');
-- a test whose programs all end at once would prove nothing
SELECT is_empty(format('SELECT kind, n FROM unnest(%L::text[]) AS k (kind) LEFT JOIN pg_temp.happened USING (kind) WHERE coalesce(n, 0) < %s',
	'{crash in the middle,crash before commit,lost cache,replay of an open run,replay of a beginning,update,update TF008,update TP023,update TP024,cancel,other 1,other 2,status 2,status 3,status 4,status 5,status 7,continued,reset all,reset none,reset to status 2}',
	:count / 1000), 'everything has happened often enough');

SELECT * FROM finish();
ROLLBACK;
