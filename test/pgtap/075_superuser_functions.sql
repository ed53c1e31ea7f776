-- A registration stands for a name. If the function under it goes and a superuser makes
-- another, the registration of an ordinary role must not run that.

BEGIN;
SELECT plan(3);

CREATE ROLE tpg_author LOGIN;
CREATE SCHEMA shared;
GRANT USAGE, CREATE ON SCHEMA shared TO tpg_author;
SELECT temporal.create_namespace('tpg_super');
SET temporal_pg.namespace = 'tpg_super';
SELECT temporal.grant_access('tpg_super', 'tpg_author', 'author');

SET ROLE tpg_author;
CREATE FUNCTION shared.whoami() RETURNS text LANGUAGE sql AS $$ SELECT current_user::text $$;
CREATE FUNCTION shared.asks() RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN RETURN temporal.execute_activity('shared.whoami', retry_policy => temporal.retry_policy(maximum_attempts => 1)); END $$;
SELECT temporal.register_activity('shared.whoami'), temporal.register_workflow('shared.asks');
SELECT temporal.test_start();
SELECT is(temporal.test_run('shared.asks'), '"tpg_author"', 'an author''s own function runs as the author');

DROP FUNCTION shared.whoami();
RESET ROLE;
CREATE FUNCTION shared.whoami() RETURNS text LANGUAGE sql AS $$ SELECT current_user::text $$;
SET ROLE tpg_author;
SELECT throws_like($$SELECT temporal.test_run('shared.asks')$$, '%has no function%', 'a superuser''s function of the same name does not run');

RESET ROLE;
SELECT temporal.register_activity('shared.whoami');
SET ROLE tpg_author;
SELECT is(temporal.test_run('shared.asks'), to_jsonb(session_user::text), 'it does when a superuser has registered it');

SELECT * FROM finish();
ROLLBACK;
