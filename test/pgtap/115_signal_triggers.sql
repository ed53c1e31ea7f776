-- Signals sent by triggers, in each way in which rows change.
BEGIN;
SELECT plan(33);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

CREATE FUNCTION parcel() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_signal('end'); END $$;
SELECT temporal.register_workflow('parcel');
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT count(temporal.start_workflow('parcel', id => 'p-' || i)) FROM generate_series(1, 3) i;
CREATE TABLE t (id int PRIMARY KEY, v text, twice text GENERATED ALWAYS AS (v || v) STORED);

-- what was sent since the last look, in order: workflow, signal, op, old v, new v; NULL: nothing
CREATE TEMP TABLE seen AS SELECT 0::bigint AS id;
CREATE FUNCTION pg_temp.sent() RETURNS text LANGUAGE sql AS $$
	WITH m AS (
		SELECT message_id, workflow_id, payload FROM temporal.pending_message WHERE kind = 'Signal' AND message_id > (SELECT max(id) FROM seen)
	), looked AS (
		INSERT INTO seen SELECT max(message_id) FROM m HAVING count(*) > 0
	)
	SELECT string_agg(concat_ws(' ', workflow_id, payload ->> 'signalName', payload #>> '{input,op}',
		coalesce(payload #>> '{input,old,v}', '-'), coalesce(payload #>> '{input,new,v}', '-')), ', ' ORDER BY message_id) FROM m
$$;

-- ---------- row triggers ----------

CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('p-%s', 'id', 's');
INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 4) i;
SELECT is(pg_temp.sent(), 'p-1 s INSERT - v1, p-2 s INSERT - v2, p-3 s INSERT - v3', 'a bulk insert: each row that has a workflow, in order');
INSERT INTO t VALUES (1, 'w1'), (9, 'w9') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT is(pg_temp.sent(), 'p-1 s UPDATE v1 w1', 'ON CONFLICT DO UPDATE is an update');
INSERT INTO t VALUES (1, 'x') ON CONFLICT DO NOTHING;
SELECT is(pg_temp.sent(), NULL, 'ON CONFLICT DO NOTHING is nothing');
MERGE INTO t USING (VALUES (1, 'm1'), (2, NULL), (5, 'm5')) AS s (id, v) ON t.id = s.id
	WHEN MATCHED AND s.v IS NULL THEN DELETE
	WHEN MATCHED THEN UPDATE SET v = s.v
	WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v);
SELECT is(pg_temp.sent(), 'p-1 s UPDATE w1 m1, p-2 s DELETE v2 -', 'MERGE: what it does to each row');
COPY t (id, v) FROM stdin;
2	c2
\.
SELECT is(pg_temp.sent(), 'p-2 s INSERT - c2', 'COPY');
WITH gone AS (DELETE FROM t WHERE id = 3 RETURNING *) INSERT INTO t (id, v) SELECT id + 100, v FROM gone;
SELECT is(pg_temp.sent(), 'p-3 s DELETE v3 -', 'a statement in WITH');
UPDATE t SET id = 3 WHERE id = 103;
SELECT is(pg_temp.sent(), 'p-3 s UPDATE v3 v3', 'the workflow is that of the new row');
SELECT is((SELECT payload #> '{input,new}' FROM temporal.pending_message ORDER BY message_id DESC LIMIT 1), '{"id": 3, "v": "v3", "twice": "v3v3"}'::jsonb, 'the whole row, with generated columns');
SAVEPOINT s;
UPDATE t SET v = 'gone' WHERE id = 1;
ROLLBACK TO s;
SELECT is(pg_temp.sent(), NULL, 'what is rolled back has sent nothing');

SET LOCAL session_replication_role = replica;
UPDATE t SET v = 'r1' WHERE id = 1;
SELECT is(pg_temp.sent(), NULL, 'session_replication_role = replica: the trigger does not fire');
ALTER TABLE t ENABLE ALWAYS TRIGGER changed;
UPDATE t SET v = 'r2' WHERE id = 1;
SELECT is(pg_temp.sent(), 'p-1 s UPDATE r1 r2', 'unless it is to fire ALWAYS');
SET LOCAL session_replication_role = origin;
DROP TRIGGER changed ON t;

CREATE TRIGGER changed AFTER UPDATE OF v ON t FOR EACH ROW WHEN (new.v <> old.v) EXECUTE FUNCTION temporal.signal_trigger('p-%s', 'id', 's');
UPDATE t SET v = v;
UPDATE t SET v = 'when' WHERE id = 1;
SELECT is(pg_temp.sent(), 'p-1 s UPDATE r2 when', 'with a condition');
DROP TRIGGER changed ON t;

CREATE TABLE parted (v text, id int) PARTITION BY LIST (id);
CREATE TABLE parted1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted2 (id int, v text);
ALTER TABLE parted ATTACH PARTITION parted2 FOR VALUES IN (2);
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON parted FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('p-%s', 'id', 's');
INSERT INTO parted VALUES ('a', 1), ('b', 2);
UPDATE parted SET id = 2 WHERE id = 1;
SELECT is(pg_temp.sent(), 'p-1 s INSERT - a, p-2 s INSERT - b, p-1 s DELETE a -, p-2 s INSERT - a', 'partitions, of columns in any order');
CREATE VIEW shown AS SELECT * FROM t;
CREATE TRIGGER changed INSTEAD OF INSERT ON shown FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('p-%s', 'id', 's');
INSERT INTO shown (id, v) VALUES (1, 'instead');
SELECT is(pg_temp.sent(), 'p-1 s INSERT - instead', 'INSTEAD OF, of a view');

-- ---------- statement triggers ----------

CREATE TRIGGER i AFTER INSERT ON t REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION temporal.signal_trigger('p-%s', 'id', 'i');
CREATE TRIGGER u AFTER UPDATE ON t REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION temporal.signal_trigger('p-%s', 'id', 'u');
CREATE TRIGGER d AFTER DELETE ON t REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION temporal.signal_trigger('p-%s', 'id', 'd');
DELETE FROM t;
SELECT is(pg_temp.sent(), 'p-2 d DELETE c2 -, p-3 d DELETE v3 -, p-1 d DELETE when -', 'statement triggers: rows of the old table');
INSERT INTO t SELECT i, 'i' || i FROM generate_series(1, 2) i;
SELECT is(pg_temp.sent(), 'p-1 i INSERT - i1, p-2 i INSERT - i2', 'rows of the new table');
UPDATE t SET v = 'u' || id;
SELECT is(pg_temp.sent(), 'p-1 u UPDATE - u1, p-2 u UPDATE - u2', 'of an update the new rows');
INSERT INTO t VALUES (1, 'c1'), (3, 'c3') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT is(pg_temp.sent(), 'p-1 u UPDATE - c1, p-3 i INSERT - c3', 'ON CONFLICT fires both, each with its rows');
COPY t (id, v) FROM stdin;
4	c4
\.
UPDATE t SET v = 'none' WHERE false;
SELECT is(pg_temp.sent(), NULL, 'rows without a workflow, and no rows: nothing');
DROP TRIGGER i ON t;
DROP TRIGGER u ON t;
DROP TRIGGER d ON t;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.signal('p-1', 'bulk', (SELECT jsonb_build_object('op', tg_op, 'new', jsonb_build_object('v', string_agg(v, '+' ORDER BY id))) FROM n));
	RETURN NULL;
END $$;
CREATE TRIGGER own AFTER INSERT ON t REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION tell();
INSERT INTO t SELECT i, 'v' || i FROM generate_series(11, 13) i;
SELECT is(pg_temp.sent(), 'p-1 bulk INSERT - v11+v12+v13', 'a trigger function of one''s own: one signal for all');
DROP TRIGGER own ON t;

CREATE TRIGGER emptied AFTER TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION temporal.signal_trigger('p-1', 'id', 'emptied');
TRUNCATE t;
SELECT is(pg_temp.sent(), 'p-1 emptied TRUNCATE - -', 'TRUNCATE, for one workflow');
SELECT is((SELECT payload -> 'input' FROM temporal.pending_message ORDER BY message_id DESC LIMIT 1), '{"op": "TRUNCATE", "old": null, "new": null}'::jsonb, 'which has no rows');
DROP TRIGGER emptied ON t;

-- ---------- deferred ----------

CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('p-%s', 'id', 'late');
INSERT INTO t VALUES (1, 'd1'), (2, 'd2');
UPDATE t SET v = 'd1 again' WHERE id = 1;
SELECT is(pg_temp.sent(), NULL, 'a deferred trigger has sent nothing yet');
SAVEPOINT s;
INSERT INTO t VALUES (3, 'd3');
ROLLBACK TO s;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is(pg_temp.sent(), 'p-1 late INSERT - d1, p-2 late INSERT - d2, p-1 late UPDATE d1 d1 again', 'and then all of it');
DROP TRIGGER late ON t;

-- ---------- what is refused ----------

-- the error of a statement that fires a signal_trigger with such arguments: SQLSTATE message | DETAIL | HINT
CREATE FUNCTION pg_temp.error_of(trigger_event text, arguments text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d text;
	h text;
BEGIN
	EXECUTE format('CREATE TRIGGER wrong %s EXECUTE FUNCTION temporal.signal_trigger(%s)', trigger_event, arguments);
	EXECUTE statement;
	EXECUTE 'DROP TRIGGER wrong ON t';
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, nullif(d, ''), nullif(h, ''));
END $$;
SELECT matches(pg_temp.error_of(event, arguments, statement), expected, 'signal_trigger: ' || what) FROM (VALUES
	('AFTER INSERT ON t FOR EACH ROW', $$'p-%s', 'nr', 's'$$, $$INSERT INTO t VALUES (20)$$, '^42703 column "nr" of relation "t" does not exist \| The second argument', 'no such column'),
	('AFTER INSERT ON t FOR EACH ROW', $$'p-%s', 'id'$$, $$INSERT INTO t VALUES (20)$$, '^39P01 signal_trigger takes three arguments \| The format', 'too few arguments'),
	('AFTER INSERT ON t FOR EACH ROW', $$'p-%s', 'id', ''$$, $$INSERT INTO t VALUES (20)$$, '^22023 signal name must not be empty', 'an empty name'),
	('AFTER INSERT ON t FOR EACH ROW', format($$'p-%%s', 'id', %L$$, repeat('n', 1001)), $$INSERT INTO t VALUES (20)$$, '^22023 signal name is too long', 'a long name'),
	('AFTER INSERT ON t FOR EACH STATEMENT', $$'p-%s', 'id', 's'$$, $$INSERT INTO t VALUES (20)$$, '^39P01 a statement trigger .* needs a transition table \| Add REFERENCING', 'a statement without rows'),
	('AFTER TRUNCATE ON t FOR EACH STATEMENT', $$'p-%s', 'id', 's'$$, $$TRUNCATE t$$, '^39P01 signal_trigger for TRUNCATE cannot make a workflow id of "p-%s" \| A TRUNCATE has no rows.* \| Name one workflow', 'a TRUNCATE without an id'),
	('AFTER UPDATE ON t FOR EACH ROW', $$'p-%s', 'id', 's'$$, $$UPDATE t SET v = repeat('x', 1100000) WHERE id = 1$$, '^TP025 signal input is too large \| .* \| .*max_payload_size', 'rows that are larger than a payload')
) AS v (event, arguments, statement, expected, what);
SELECT is((pg_temp.sent(), (SELECT count(*)::int FROM t)), (NULL::text, 2), 'none of these has sent or changed anything');
SELECT is(pg_temp.error_of('AFTER INSERT ON t FOR EACH ROW', $$'nobody', 'id', 's'$$, $$INSERT INTO t VALUES (21)$$), 'ok', 'a workflow that is not there is passed over');

SELECT * FROM finish();
ROLLBACK;
