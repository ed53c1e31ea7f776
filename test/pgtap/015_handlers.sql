-- Registering handlers of workflow types: all in one go, separately, what is refused, what goes with what.
BEGIN;
SELECT plan(107);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- what a workflow type has: 'kind name=function', sorted
CREATE FUNCTION pg_temp.handlers_of(type text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(kind || coalesce(' ' || name, '') || '=' || regexp_replace(function, '^shop\.|\(.*$', '', 'g')
		ORDER BY kind COLLATE "C", name COLLATE "C")
	FROM temporal.definition
	WHERE workflow_type = type
$$;

CREATE FUNCTION cart(owner text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION start_cart(owner text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION add_item(item text, amount int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT amount';
CREATE FUNCTION check_item(item text, amount int DEFAULT 1) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION check_out() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION total() RETURNS numeric LANGUAGE sql AS 'SELECT 0.0';
CREATE FUNCTION other() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION any_message(name text, input jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT input';
CREATE FUNCTION any_check(name text, input jsonb) RETURNS void LANGUAGE sql AS '';

-- ---------- all in one go ----------

SELECT lives_ok($$SELECT temporal.register_workflow('cart', init => 'start_cart', signals => '{"check_out": "check_out", "other": "shop.other()"}',
	queries => '{"total": "total"}', updates => '{"add": ["add_item", "check_item"], "put": "add_item"}')$$, 'a workflow is registered with its handlers');
SELECT is(pg_temp.handlers_of('cart'), '{init=start_cart,query total=total,signal check_out=check_out,signal other=other,update add=add_item,update put=add_item,validator add=check_item}',
	'the view shows them');
SELECT is((SELECT function FROM temporal.definition WHERE kind = 'update' AND name = 'add'), 'shop.add_item(pg_catalog.text, integer)',
	'with their functions by signature');
SELECT is((SELECT workflow_type FROM temporal.definition WHERE kind = 'workflow' AND name = 'cart'), NULL, 'a workflow belongs to no other');
SELECT is((SELECT count(*)::int FROM temporal.task_queue WHERE task_queue = 'default'), 1, 'handlers have no task queue of their own');

SELECT temporal.register_workflow('cart', signals => '{"check_out": "other"}');
SELECT is(pg_temp.handlers_of('cart'), '{signal check_out=other}', 'registering the workflow again replaces the handlers that it was given');
SELECT temporal.register_workflow('cart', signals => '{}', queries => '{}', updates => '{}');
SELECT is(pg_temp.handlers_of('cart'), NULL, 'also by none');

SELECT temporal.register_signal_handler('cart', 'check_out', 'check_out');
SELECT temporal.register_query_handler('cart', 'total', 'total()');
SELECT temporal.register_update_handler('cart', 'add', 'add_item', 'check_item');
SELECT temporal.register_update_handler('cart', 'put', handler => 'shop.add_item(text, int)');
SELECT is(pg_temp.handlers_of('cart'), '{query total=total,signal check_out=check_out,update add=add_item,update put=add_item,validator add=check_item}',
	'handlers are registered separately');
SELECT temporal.register_workflow('cart', init => 'start_cart', queries => '{"count": "total"}');
SELECT is(pg_temp.handlers_of('cart'), '{init=start_cart,query count=total,query total=total,signal check_out=check_out,update add=add_item,update put=add_item,validator add=check_item}',
	'and stay when the workflow is registered again');
SELECT temporal.register_workflow('cart', signals => '{"check_out": "other"}', updates => '{"add": "add_item"}');
SELECT is(pg_temp.handlers_of('cart'), '{query total=total,signal check_out=other,update add=add_item,update put=add_item}',
	'unless they are named, an update with its validator');
SELECT temporal.register_workflow('cart');
SELECT is(pg_temp.handlers_of('cart'), '{query total=total,update put=add_item}', 'those that were named are then the workflow''s');

SELECT temporal.register_update_handler('cart', 'put', 'add_item', 'check_item');
SELECT temporal.register_update_handler('cart', 'put', 'add_item');
SELECT is(pg_temp.handlers_of('cart'), '{query total=total,update put=add_item}', 'an update registered without a validator has none');
SELECT temporal.register_signal_handler('cart', 'total', 'other');
SELECT temporal.register_update_handler('cart', 'total', 'other');
SELECT is(pg_temp.handlers_of('cart'), '{query total=total,signal total=other,update put=add_item,update total=other}', 'kinds have names of their own');

-- ---------- unregister ----------

SELECT temporal.register_workflow('basket', 'cart', init => 'start_cart', signals => '{"total": "other"}', updates => '{"add": ["add_item", "check_item"], "*": ["any_message", "any_check"]}');
SELECT temporal.unregister_handler('basket', 'validator', 'add');
SELECT is(pg_temp.handlers_of('basket'), '{init=start_cart,signal total=other,update *=any_message,update add=add_item,validator *=any_check}', 'a validator is unregistered alone');
SELECT temporal.unregister_handler('basket', 'update', '*');
SELECT is(pg_temp.handlers_of('basket'), '{init=start_cart,signal total=other,update add=add_item}', 'and goes with its update');
SELECT temporal.unregister_handler('basket', 'init');
SELECT temporal.unregister_handler('basket', 'signal', 'total');
SELECT is(pg_temp.handlers_of('basket'), '{update add=add_item}', 'an init and a signal');
SELECT is(cardinality(pg_temp.handlers_of('cart')), 4, 'another workflow type keeps its own');

SELECT is(pg_temp.sqlstate_of(command), expected, 'unregister_handler: ' || what) FROM (VALUES
	($$SELECT temporal.unregister_handler('basket', 'signal', 'total')$$, 'TP014', 'no such signal'),
	($$SELECT temporal.unregister_handler('basket', 'validator', 'add')$$, 'TP014', 'no such validator'),
	($$SELECT temporal.unregister_handler('basket', 'init')$$, 'TP014', 'no init'),
	($$SELECT temporal.unregister_handler('basket', 'init', '')$$, 'TP014', 'no init, by its empty name'),
	($$SELECT temporal.unregister_handler('basket', 'init', 'x')$$, '22023', 'an init has no name'),
	($$SELECT temporal.unregister_handler('baskets', 'signal', 'total')$$, 'TP014', 'no such type'),
	($$SELECT temporal.unregister_handler('basket', 'handler', 'total')$$, '22023', 'no such kind'),
	($$SELECT temporal.unregister_handler('basket', 'workflow', 'basket')$$, '22023', 'a workflow is no handler'),
	($$SELECT temporal.unregister_handler('basket', NULL, 'total')$$, '22004', 'kind null'),
	($$SELECT temporal.unregister_handler('basket', 'signal')$$, '22004', 'no name'),
	($$SELECT temporal.unregister_handler('basket', 'signal', '')$$, '22023', 'an empty name'),
	($$SELECT temporal.unregister_handler(NULL, 'signal', 'total')$$, '22004', 'type null'),
	($$SELECT temporal.unregister_handler('', 'signal', 'total')$$, '22023', 'type empty')
) AS v (command, expected, what);
SELECT matches(pg_temp.hint_of($$SELECT temporal.unregister_handler('baskets', 'signal', 'total')$$), '"basket"', 'the hint has types with near names');
SELECT matches(pg_temp.hint_of($$SELECT temporal.unregister_handler('basket', 'update', 'ad')$$), '"add"', 'and handlers with near names');
SELECT matches(pg_temp.message_of($$SELECT temporal.unregister_handler('basket', 'update', 'ad')$$), 'basket.*update.*ad', 'the message names them');

SAVEPOINT s;
SELECT temporal.unregister_workflow('cart');
SELECT is(pg_temp.handlers_of('cart'), NULL, 'handlers go with their workflow');
SELECT is(pg_temp.handlers_of('basket'), '{update add=add_item}', 'and those of others stay');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_signal_handler('cart', 'x', 'other')$$), 'TP014', 'a workflow that is gone gets no handler');
SELECT temporal.register_workflow('cart');
SELECT is(pg_temp.handlers_of('cart'), NULL, 'registered again, it begins without');
ROLLBACK TO s;
SELECT is(cardinality(pg_temp.handlers_of('cart')), 4, 'which ROLLBACK undoes');

-- ---------- the dynamic ones ----------

SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_signal_handler('*', 'x', 'other')$$), 'TP014', 'workflow type * is one that has to be registered');
SELECT temporal.register_workflow('*', 'any_message', init => 'any_check', signals => '{"stop": "other", "*": "any_check"}');
SELECT temporal.register_query_handler('*', 'total', 'total');
SELECT temporal.register_update_handler('*', '*', 'any_message', 'any_check');
SELECT is(pg_temp.handlers_of('*'), '{init=any_check,query total=total,signal *=any_check,signal stop=other,update *=any_message,validator *=any_check}',
	'dynamic handlers, and handlers of the dynamic workflow');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_signal_handler('anything', 'x', 'other')$$), 'TP014', 'a type that * runs is not registered');
SELECT is(pg_temp.sqlstate_of(command), '42P13', 'f(name text, input jsonb): ' || what) FROM (VALUES
	($$SELECT temporal.register_signal_handler('cart', '*', 'other')$$, 'signal *'),
	($$SELECT temporal.register_query_handler('cart', '*', 'total')$$, 'query *'),
	($$SELECT temporal.register_update_handler('cart', '*', 'add_item')$$, 'update *'),
	($$SELECT temporal.register_update_handler('cart', '*', 'any_message', 'check_item')$$, 'validator of update *'),
	($$SELECT temporal.register_workflow('*', 'any_message', init => 'start_cart')$$, 'init of workflow *'),
	($$SELECT temporal.register_workflow('cart', signals => '{"*": "other"}')$$, 'signal * in one go')
) AS v (command, what);
SELECT temporal.unregister_workflow('*');

-- ---------- what is refused ----------

CREATE PROCEDURE proc() LANGUAGE sql AS '';
CREATE FUNCTION many() RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION poly(a anyelement) RETURNS text LANGUAGE sql AS 'SELECT a::text';
CREATE FUNCTION twice(a int) RETURNS int LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION twice(a text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION check_name(thing text, amount int DEFAULT 1) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION check_default(item text, amount int) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION check_type(item text, amount numeric DEFAULT 1) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION check_fewer(item text) RETURNS void LANGUAGE sql AS '';

SELECT is(pg_temp.sqlstate_of(command), expected, 'refused: ' || what) FROM (VALUES
	($$SELECT temporal.register_signal_handler('crt', 'x', 'other')$$, 'TP014', 'no such workflow type'),
	($$SELECT temporal.register_signal_handler(NULL, 'x', 'other')$$, '22004', 'type null'),
	($$SELECT temporal.register_query_handler('', 'x', 'other')$$, '22023', 'type empty'),
	($$SELECT temporal.register_signal_handler('cart', NULL, 'other')$$, '22004', 'name null'),
	($$SELECT temporal.register_query_handler('cart', '', 'other')$$, '22023', 'name empty'),
	($$SELECT temporal.register_update_handler('cart', repeat('x', 1001), 'other')$$, '22023', 'name too long'),
	($$SELECT temporal.register_query_handler('cart', '__temporal_workflow_metadata', 'other')$$, '22023', 'a reserved name'),
	($$SELECT temporal.register_query_handler('cart', '__stack_trace', 'other')$$, '22023', 'another reserved name'),
	($$SELECT temporal.register_workflow('cart', signals => '{"__temporal_x": "other"}')$$, '22023', 'a reserved name in one go'),
	($$SELECT temporal.register_signal_handler('cart', 'x', NULL)$$, '22004', 'handler null'),
	($$SELECT temporal.register_signal_handler('cart', 'x', '')$$, '22023', 'handler empty'),
	($$SELECT temporal.register_update_handler('cart', 'x', 'other', '')$$, '22023', 'validator empty'),
	($$SELECT temporal.register_signal_handler('cart', 'x', 'nothing')$$, '42883', 'no such function'),
	($$SELECT temporal.register_update_handler('cart', 'x', 'other', 'nothing')$$, '42883', 'no such validator'),
	($$SELECT temporal.register_workflow('cart', init => 'nothing')$$, '42883', 'no such init'),
	($$SELECT temporal.register_query_handler('cart', 'x', 'twice')$$, '42725', 'a name that is not unique'),
	($$SELECT temporal.register_signal_handler('cart', 'x', 'proc')$$, '42809', 'a procedure'),
	($$SELECT temporal.register_query_handler('cart', 'x', 'many')$$, '42809', 'a set'),
	($$SELECT temporal.register_query_handler('cart', 'x', 'count("any")')$$, '42809', 'an aggregate'),
	($$SELECT temporal.register_signal_handler('cart', 'x', 'poly')$$, '0A000', 'JSON cannot carry the argument'),
	($$SELECT temporal.register_update_handler('cart', 'x', 'add_item', 'check_name')$$, '42P13', 'a validator with other argument names'),
	($$SELECT temporal.register_update_handler('cart', 'x', 'add_item', 'check_default')$$, '42P13', 'a validator without a default'),
	($$SELECT temporal.register_update_handler('cart', 'x', 'add_item', 'check_type')$$, '42P13', 'a validator with other types'),
	($$SELECT temporal.register_update_handler('cart', 'x', 'add_item', 'check_fewer')$$, '42P13', 'a validator with fewer arguments'),
	($$SELECT temporal.register_workflow('cart', updates => '{"x": ["add_item", "check_fewer"]}')$$, '42P13', 'a validator in one go'),
	($$SELECT temporal.register_workflow('cart', signals => '[]')$$, '22023', 'signals that are no object'),
	($$SELECT temporal.register_workflow('cart', queries => '"total"')$$, '22023', 'queries that are no object'),
	($$SELECT temporal.register_workflow('cart', updates => 'null')$$, '22023', 'updates that are JSON null'),
	($$SELECT temporal.register_workflow('cart', signals => '{"x": 1}')$$, '22023', 'a number for a function'),
	($$SELECT temporal.register_workflow('cart', signals => '{"x": null}')$$, '22023', 'null for a function'),
	($$SELECT temporal.register_workflow('cart', signals => '{"x": ["other", "other"]}')$$, '22023', 'a signal with a validator'),
	($$SELECT temporal.register_workflow('cart', updates => '{"x": []}')$$, '22023', 'an update without a handler'),
	($$SELECT temporal.register_workflow('cart', updates => '{"x": ["other", null]}')$$, '22023', 'null for a validator'),
	($$SELECT temporal.register_workflow('cart', updates => '{"x": ["other", "other", "other"]}')$$, '22023', 'an update of three'),
	($$SELECT temporal.register_workflow('cart', updates => '{"x": {"handler": "other"}}')$$, '22023', 'an object for a function'),
	($$SELECT temporal.register_workflow('cart', signals => '{"": "other"}')$$, '22023', 'an empty name in one go')
) AS v (command, expected, what);
SELECT matches(pg_temp.hint_of($$SELECT temporal.register_signal_handler('crt', 'x', 'other')$$), '"cart"', 'the hint has types with near names');
SELECT matches(pg_temp.hint_of($$SELECT temporal.register_workflow('cart', updates => '{"x": []}')$$), 'validator', 'and how updates are written');
SELECT is(pg_temp.handlers_of('cart'), '{query total=total,signal total=other,update put=add_item,update total=other}', 'none of these has changed anything');

SAVEPOINT s;
DROP FUNCTION cart(text);
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_signal_handler('cart', 'x', 'other')$$), '42883',
	'the workflow''s function has to be there, for its owner to be known');
ROLLBACK TO s;

-- ---------- settings ----------

SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT temporal.register_workflow('cart', signals => '{"x": "other"}');
SET LOCAL TimeZone = 'UTC';
SELECT temporal.register_signal_handler('cart', 'y', 'other');
SELECT is((SELECT array_agg(DISTINCT settings ->> 'TimeZone') FROM temporal.definition WHERE workflow_type = 'cart'), '{Asia/Tokyo}',
	'handlers run under the settings of their workflow');
SELECT temporal.register_workflow('cart');
SELECT is((SELECT array_agg(DISTINCT settings ->> 'TimeZone') FROM temporal.definition WHERE workflow_type = 'cart'), '{UTC}',
	'also when that is registered again');

-- ---------- rights ----------

CREATE ROLE tpg_author LOGIN;
CREATE ROLE tpg_other LOGIN;
GRANT ALL ON SCHEMA shop TO PUBLIC;
SET LOCAL ROLE tpg_author;
CREATE FUNCTION own_wf() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION own() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION own_two() RETURNS void LANGUAGE sql AS '';
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_signal_handler('cart', 'x', 'own')$$), '42501', 'registering needs the level author');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.unregister_handler('cart', 'signal', 'y')$$), '42501', 'unregistering, too');
SELECT matches(pg_temp.hint_of($$SELECT temporal.register_signal_handler('cart', 'x', 'own')$$), 'grant_access', 'the hint has the statement that grants it');
RESET ROLE;
SELECT temporal.grant_access('default', 'tpg_author', 'author');
SELECT temporal.grant_access('default', 'tpg_other', 'author');
SET LOCAL ROLE tpg_author;
SELECT lives_ok($$SELECT temporal.register_workflow('own_wf', signals => '{"a": "own"}')$$, 'with it, one registers one''s own functions');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_signal_handler('own_wf', 'b', 'other')$$), '42501', 'but none of a superuser''s');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_signal_handler('cart', 'b', 'own')$$), '42501', 'nor one''s own for another role''s workflow');
SELECT matches(pg_temp.hint_of($$SELECT temporal.register_signal_handler('cart', 'b', 'own')$$), 'OWNER TO', 'as the hint says');
SELECT matches(pg_temp.detail_of($$SELECT temporal.register_signal_handler('cart', 'b', 'own')$$), 'a process never runs the code of two roles', 'and why');
SET LOCAL ROLE tpg_other;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_signal_handler('own_wf', 'b', 'own')$$), '42501', 'another role cannot register them');
CREATE FUNCTION foreign_own() RETURNS void LANGUAGE sql AS '';
RESET ROLE;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_signal_handler('own_wf', 'b', 'foreign_own')$$), '42501', 'not even a superuser mixes two roles');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_update_handler('own_wf', 'b', 'own', 'foreign_own')$$), '42501', 'also in a validator');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_workflow('own_wf', init => 'foreign_own')$$), '42501', 'in an init');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_workflow('own_wf', queries => '{"b": "foreign_own"}')$$), '42501', 'and in one go');
GRANT tpg_author TO tpg_other;
SET LOCAL ROLE tpg_other;
SELECT lives_ok($$SELECT temporal.register_signal_handler('own_wf', 'b', 'own')$$, 'members of the owner may register');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_workflow('own_wf', 'foreign_own')$$), '42501', 'a workflow cannot go to a role that does not own the handlers that stay');
SELECT matches(pg_temp.hint_of($$SELECT temporal.register_workflow('own_wf', 'foreign_own')$$), 'unregister_handler', 'as the hint says');
SELECT is(pg_temp.handlers_of('own_wf'), '{signal a=own,signal b=own}', 'and all stays as it was');
SELECT temporal.unregister_handler('own_wf', 'signal', 'b');
SELECT lives_ok($$SELECT temporal.register_workflow('own_wf', 'foreign_own')$$, 'without them, it can');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
