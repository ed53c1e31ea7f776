-- Activities of type http where no request is made: grants, secrets, mocks, what is built in. Requests: test/tap/340_http.pl.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(74);

CREATE SCHEMA net;
SET LOCAL search_path = net, public;
CREATE ROLE tpg_net LOGIN;
CREATE ROLE tpg_stranger LOGIN;
CREATE FUNCTION ask(request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('http', request);
END $$;
CREATE FUNCTION ask_locally(request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_local_activity('http', request);
END $$;
CREATE FUNCTION own(request jsonb) RETURNS text LANGUAGE sql AS $$SELECT 'own'$$;
CREATE FUNCTION any_type(name text, input jsonb) RETURNS text LANGUAGE sql AS $$SELECT 'any ' || name$$;
SELECT temporal.register_workflow('ask'), temporal.register_workflow('ask_locally');

-- ---------- grants ----------

SELECT lives_ok($$SELECT temporal.grant_http('tpg_net', url) FROM unnest(ARRAY['https://API.example.com', 'HTTPS://*.example.org/v1/', 'http://[::1]:8080/a', 'http://localhost:*/', 'https://*/'])  url$$, 'beginnings of URLs');
SELECT results_eq($$SELECT namespace, role, url FROM temporal.http_access ORDER BY url COLLATE "C"$$,
	$$VALUES ('default', 'tpg_net', 'http://[::1]:8080/a'), ('default', 'tpg_net', 'http://localhost:*/'), ('default', 'tpg_net', 'https://*.example.org/v1/'), ('default', 'tpg_net', 'https://*/'), ('default', 'tpg_net', 'https://api.example.com/')$$,
	'scheme and host in lower case, a path at least');
SELECT lives_ok($$SELECT temporal.grant_http('tpg_net', 'https://api.example.com/')$$, 'twice is once');
SELECT is(count(*), 5::bigint, 'really') FROM temporal.http_access;
SELECT throws_ok(format('SELECT temporal.grant_http(%L, %L)', 'tpg_net', url), '22023', NULL, 'no beginning of a URL: ' || url)
FROM unnest(ARRAY['api.example.com', 'ftp://api.example.com/', 'https://', 'https:///x', 'https://u@h/', 'https://h/?q', 'https://h/#f', 'https://h:x/', 'https://h:99999/', 'https://*x/', 'https://h/../x', 'https://h /', 'https://h/' || chr(228), 'https://a*b/']) url;
-- as requests have it, or not at all
CREATE FUNCTION pg_temp.kept(url text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	form text;
	hint text;
BEGIN
	PERFORM temporal.grant_http('public', url);
	form := (SELECT string_agg(a.url, ' and ') FROM temporal.http_access a WHERE role = 'public');
	PERFORM temporal.revoke_http('public', url);
	RETURN form || CASE WHEN EXISTS (SELECT FROM temporal.http_access WHERE role = 'public') THEN ' is left' ELSE '' END;
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN 'refused' || coalesce(': ' || substring(hint FROM '^Requests match "(.*)"\.$'), '');
END $$;
SELECT is(pg_temp.kept(url), form, 'granted: ' || url)
FROM (VALUES ('http://127.1/', 'http://127.0.0.1/'), ('http://0x7f000001/x', 'http://127.0.0.1/x'), ('http://2130706433:8080/', 'http://127.0.0.1:8080/'), ('http://h:080', 'http://h/'), ('https://H:443/A', 'https://h/A'),
	('https://h:80/', 'https://h:80/'), ('http://[0:0:0:0:0:0:0:1]:80/x', 'http://[::1]/x'), ('http://[FE80::1]/', 'http://[fe80::1]/'), ('http://h.', 'http://h./'), ('https://*.Example.ORG:*/', 'https://*.example.org:*/'),
	('http://*:80/', 'http://*/'), ('http://h//x;y/~%7E', 'http://h//x;y/~%7E'), ('https://xn--bcher-kva.example/', 'https://xn--bcher-kva.example/'),
	('http://a/%2e', 'refused: http://a/'), ('http://a/b%2Fc', 'refused: http://a/'), ('http://a/..;/c', 'refused: http://a/'), ('http://a/b/%25', 'refused: http://a/b/'), ('https://h/a/../x', 'refused: https://h/x'),
	('https://h/a/./b/', 'refused: https://h/a/b/'), ('https://h/a/..', 'refused: https://h/'), ('https://h/?a=b', 'refused: https://h/'), ('https://H:443?a=b', 'refused: https://h/'), ('http://[fe80::1%25lo]/', 'refused: http://[fe80::1]/'), (U&'http://h/\00fc/', 'refused: http://h/%C3%BC/'),
	(U&'http://b\00fccher.example/', 'refused'), ('http://%31%32%37.1/', 'refused'), ('http://*.127.1/', 'refused'), ('http://*.[::1]/', 'refused'), ('http://h:8080:*/', 'refused'), ('http://u:p@h/', 'refused'),
	('http:///h/', 'refused')) v (url, form);
-- newer libcurl reads escaped dots as dots
SELECT matches(pg_temp.kept('http://a/b/%2E%2e/c'), '^refused: http://a/(b/|c)$', 'refused: escaped dots');
SELECT lives_ok($$SELECT temporal.revoke_http('tpg_net', 'https://API.example.com')$$, 'taken back');
SELECT is(count(*), 4::bigint, 'gone') FROM temporal.http_access;

-- ---------- secrets ----------

SELECT lives_ok($$SELECT temporal.set_secret('api.key-1', 'a value of it', 'tpg_net', 'https://api.example.com')$$, 'a secret');
SELECT lives_ok($$SELECT temporal.set_secret('api.key-1', 'another value', 'tpg_net', 'https://api.example.com')$$, 'is replaced');
SELECT results_eq($$SELECT namespace, name, role, url FROM temporal.secret$$, $$VALUES ('default', 'api.key-1', 'tpg_net', 'https://api.example.com/')$$, 'the view shows it');
SELECT hasnt_column('temporal', 'secret', 'value', 'without its value');
SELECT temporal.grant_access('default', 'tpg_net', 'author');
SET LOCAL ROLE tpg_net;
SELECT results_eq('SELECT name FROM temporal.secret', $$VALUES ('api.key-1')$$, 'authors of the namespace see its name');
SELECT throws_ok('TABLE temporal_internal.secret', '42501', NULL, 'and not its value');
SELECT throws_ok($$SELECT temporal.set_secret('mine', 'a value of mine')$$, '42501', NULL, 'only an administrator sets one');
SELECT throws_ok($$SELECT temporal.grant_http('tpg_net', 'https://example.com/')$$, '42501', NULL, 'or grants');
RESET ROLE;
SET LOCAL ROLE tpg_stranger;
SELECT is_empty('SELECT * FROM temporal.secret', 'strangers see nothing');
SELECT is_empty('SELECT * FROM temporal.http_access', 'nothing at all');
RESET ROLE;
SELECT lives_ok($$SELECT temporal.drop_secret('api.key-1')$$, 'dropped');
SELECT throws_ok($$SELECT temporal.drop_secret('api.key-1')$$, '42704', NULL, 'and gone');

-- ---------- in tests ----------

SELECT throws_like($$SELECT temporal.test_run('ask', '{"url": "https://api.example.com/"}'::jsonb)$$, '%mock the activity with temporal.mock_activity(''http''%', 'a test makes no requests, and says what to do');
SELECT temporal.test_start();
SELECT temporal.mock_activity('http', returns => '{"status": 200, "headers": {}, "body": {"n": 1}}');
SELECT is(temporal.test_run('ask', '{"url": "https://api.example.com/"}'::jsonb) -> 'body' ->> 'n', '1', 'mocked');
SELECT is((SELECT input ->> 'url' FROM temporal.mock_calls('http')), 'https://api.example.com/', 'the mock tells what was asked');
SELECT throws_ok($$SELECT temporal.test_run('ask_locally', '{"url": "https://api.example.com/"}'::jsonb)$$, '0A000', NULL, 'it cannot be local');

-- ---------- shown ----------

SELECT temporal.start_workflow('ask', '{"url": "https://u:p@api.example.com/path?token=abc#x", "method": "post"}'::jsonb, id => 'shown');
SELECT temporal.mock_activity('http', fails => '{"message": "not now"}');
SELECT temporal.test_drive('idle');
SELECT is((SELECT mode FROM temporal.pending_activity WHERE workflow_id = 'shown'), 'http', 'pending_activity tells that it is the HTTP process''s');
SELECT matches((SELECT detail FROM temporal.explain('shown')), '^HTTP POST https://api\.example\.com/path: attempt 2 is to come\. Attempt 1 failed: not now$', 'explain() shows the URL without user and query');

-- ---------- what is registered ----------

SELECT temporal.register_activity('*', 'any_type');
SELECT temporal.mock_activity('http', returns => '{"status": 201}');
SELECT is(temporal.test_run('ask', '{"url": "https://api.example.com/"}'::jsonb, id => 'any') ->> 'status', '201', '"*" is for types that there are not');
SELECT is((SELECT mode FROM temporal.pending_activity WHERE workflow_id = 'shown'), 'http', 'also for what is pending');
SELECT temporal.register_activity('http', 'own');
SELECT is((SELECT mode FROM temporal.pending_activity WHERE workflow_id = 'shown'), 'transactional', 'a type of one''s own takes its place, also for what is pending');
SELECT temporal.unregister_activity('http');
SELECT is((SELECT mode FROM temporal.pending_activity WHERE workflow_id = 'shown'), 'http', 'and gives it back');

SELECT * FROM finish();
ROLLBACK;
