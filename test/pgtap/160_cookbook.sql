-- The examples of the cookbook: approval, shopping cart, a lock around an awaited activity, dynamic
-- handlers, a 24-hour timeout, waiting for all handlers, order status, init.
BEGIN;
SELECT plan(28);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- ---------- ApprovalWorkflow ----------

CREATE FUNCTION approval(order_id text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	-- wait until we receive the approval signal
	PERFORM temporal.wait_condition('state ? ''approved''');
	IF temporal.state('approved', false) THEN
		RETURN format('Order %s approved by %s', order_id, temporal.state('approver', ''::text));
	ELSE
		RETURN format('Order %s rejected by %s', order_id, temporal.state('approver', ''::text));
	END IF;
END $$;
CREATE FUNCTION approve(approver text, approved boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('approved', approved), temporal.set_state('approver', approver);
END $$;
SELECT temporal.register_workflow('ApprovalWorkflow', 'approval', signals => '{"approve": "approve"}');

SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.start_workflow('ApprovalWorkflow', '{"order_id": "o1"}', id => 'approval-1');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('approval-1'), 'Running', 'ApprovalWorkflow waits');
SELECT temporal.signal('approval-1', 'approve', '{"approver": "ann", "approved": true}');
SELECT temporal.test_drive();
SELECT is(temporal.result('approval-1'), '"Order o1 approved by ann"', 'and is approved');
SELECT temporal.start_workflow('ApprovalWorkflow', '{"order_id": "o2"}', id => 'approval-2');
SELECT temporal.signal('approval-2', 'approve', '{"approver": "bob", "approved": false}');
SELECT temporal.test_drive();
SELECT is(temporal.result('approval-2'), '"Order o2 rejected by bob"', 'or rejected');

-- ---------- OrderWorkflow with queries ----------

CREATE FUNCTION pack(item int) RETURNS void LANGUAGE sql AS $$SELECT$$;
CREATE FUNCTION order_run(items int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('status', 'processing'::text);
	FOR i IN 1 .. items LOOP
		PERFORM temporal.execute_activity('pack', i);
		PERFORM temporal.set_state('items_processed', i);
		PERFORM temporal.sleep('1 min');
	END LOOP;
	PERFORM temporal.set_state('status', 'completed'::text);
	RETURN 'done';
END $$;
CREATE FUNCTION order_init(items int) RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('status', 'pending'::text), temporal.set_state('items_processed', 0)$$;
CREATE FUNCTION get_status() RETURNS text LANGUAGE sql AS $$SELECT temporal.state('status', ''::text)$$;
CREATE FUNCTION get_progress() RETURNS int LANGUAGE sql AS $$SELECT temporal.state('items_processed', 0)$$;
SELECT temporal.register_activity('pack');
SELECT temporal.register_workflow('OrderWorkflow', 'order_run', init => 'order_init', queries => '{"get_status": "get_status", "get_progress": "get_progress"}');
SELECT temporal.start_workflow('OrderWorkflow', '2', id => 'order-1');
SELECT temporal.test_drive();
SELECT is(temporal.query('order-1', 'get_status'), '"processing"', 'OrderWorkflow: status');
SELECT is(temporal.query('order-1', 'get_progress'), '1', 'progress');
SELECT temporal.test_drive('closed');
SELECT is((temporal.query('order-1', 'get_status'), temporal.query('order-1', 'get_progress')), ('"completed"'::jsonb, '2'::jsonb), 'and after its end');

-- ---------- ShoppingCartWorkflow ----------

CREATE FUNCTION cart() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('state ? ''checked_out''');
	-- until it is sent, the validator says that it is too late
	PERFORM temporal.sleep('1 min');
	RETURN temporal.state('items');
END $$;
CREATE FUNCTION add_item(item_id text, quantity int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	items jsonb := coalesce(temporal.state('items'), '{}');
BEGIN
	items := items || jsonb_build_object(item_id, coalesce((items ->> item_id)::int, 0) + quantity);
	PERFORM temporal.set_state('items', items);
	RETURN items;
END $$;
CREATE FUNCTION validate_add_item(item_id text, quantity int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF temporal.state() ? 'checked_out' THEN
		PERFORM temporal.raise_application_error('Cannot add items after checkout');
	END IF;
	IF quantity <= 0 THEN
		PERFORM temporal.raise_application_error('Quantity must be positive');
	END IF;
END $$;
CREATE FUNCTION checkout() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('checked_out', true);
	RETURN temporal.state('items');
END $$;
SELECT temporal.register_workflow('ShoppingCartWorkflow', 'cart', updates => '{"add_item": ["add_item", "validate_add_item"], "checkout": "checkout"}');
SELECT temporal.start_workflow('ShoppingCartWorkflow', id => 'cart-1');
SELECT is(temporal.update('cart-1', 'add_item', '{"item_id": "apple", "quantity": 2}'), '{"apple": 2}', 'ShoppingCart: an item');
SELECT is(temporal.update('cart-1', 'add_item', '["pear", 1]'), '{"apple": 2, "pear": 1}', 'another');
SELECT is(temporal.update('cart-1', 'add_item', '["apple", 3]'), '{"apple": 5, "pear": 1}', 'more of the first');
SELECT matches(pg_temp.message_of($$SELECT temporal.update('cart-1', 'add_item', '["plum", 0]')$$), 'Quantity must be positive', 'the validator rejects');
SELECT is(temporal.update('cart-1', 'checkout'), '{"apple": 5, "pear": 1}', 'checkout');
SELECT matches(pg_temp.message_of($$SELECT temporal.update('cart-1', 'add_item', '["plum", 1]')$$), 'Cannot add items after checkout|come to its end', 'no items after it');
SELECT temporal.test_drive('closed', 'cart-1');
SELECT is(temporal.result('cart-1'), '{"apple": 5, "pear": 1}', 'the cart is the result');
SELECT pg_temp.replays('cart-1');

-- ---------- SafeWorkflow: a lock around an awaited activity ----------

CREATE TABLE transfer (amount numeric CHECK (amount <> 13));
CREATE FUNCTION record_transfer(amount numeric) RETURNS void LANGUAGE sql AS $$INSERT INTO shop.transfer VALUES (amount)$$;
CREATE FUNCTION safe(balance numeric) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('balance', balance);
	PERFORM temporal.wait_condition('(state->>''balance'')::numeric = 0');
	PERFORM temporal.wait_condition('temporal.all_handlers_finished()');
	RETURN temporal.state('balance', 0.0);
END $$;
CREATE FUNCTION safe_init(balance numeric) RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('balance', balance)$$;
CREATE FUNCTION transfer(amount numeric) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.lock('balance');
	-- check balance
	IF temporal.state('balance', 0.0) < amount THEN
		PERFORM temporal.raise_application_error('Insufficient funds');
	END IF;
	-- this wait yields control, but the lock prevents interleaving
	PERFORM temporal.execute_activity('record_transfer', amount, start_to_close_timeout => '10 s', retry_policy => temporal.retry_policy(maximum_attempts => 1));
	PERFORM temporal.set_state('balance', temporal.state('balance', 0.0) - amount);
	PERFORM temporal.unlock('balance');
	RETURN temporal.state('balance', 0.0);
END $$;
SELECT temporal.register_activity('record_transfer');
SELECT temporal.register_workflow('SafeWorkflow', 'safe', init => 'safe_init', updates => '{"transfer": "transfer"}');
SELECT temporal.start_workflow('SafeWorkflow', '100', id => 'safe-1');
SELECT temporal.start_update('safe-1', 'transfer', '60', 't1'), temporal.start_update('safe-1', 'transfer', '13', 't2'),
	temporal.start_update('safe-1', 'transfer', '50', 't3'), temporal.start_update('safe-1', 'transfer', '40', 't4');
SELECT temporal.test_drive();
SELECT is(temporal.update_result('safe-1', 't1'), '40', 'SafeWorkflow: the first transfer');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update_result('safe-1', 't2')$$), 'TF008', 'one whose activity fails frees the lock');
SELECT matches(pg_temp.message_of($$SELECT temporal.update_result('safe-1', 't3')$$), 'Insufficient funds', 'one that finds too little, because it waited for its turn');
SELECT is(temporal.update_result('safe-1', 't4'), '0', 'and the last one');
SELECT is((SELECT array_agg(amount) FROM transfer), '{60,40}', 'what was recorded is what was taken');
SELECT is(temporal.result('safe-1'), '0', 'the run ends when all is gone');
SELECT pg_temp.replays('safe-1');

-- ---------- a timeout of 24 hours ----------

CREATE FUNCTION approval_in_time(order_id text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	-- wait up to 24 hours for approval
	IF NOT temporal.wait_condition('state ? ''approved''', timeout => '24 hours') THEN
		RETURN 'timed_out';
	END IF;
	RETURN CASE WHEN temporal.state('approved', false) THEN 'approved' ELSE 'rejected' END;
END $$;
SELECT temporal.register_workflow('ApprovalInTime', 'approval_in_time', signals => '{"approve": "approve"}');
SELECT is(temporal.test_run('ApprovalInTime', '"o3"', id => 'in-time-1'), '"timed_out"', '24 hours without approval');
SELECT is((SELECT close_time - start_time FROM temporal.workflow WHERE workflow_id = 'in-time-1'), '24 hours'::interval, 'not less');
SELECT temporal.start_workflow('ApprovalInTime', '"o4"', id => 'in-time-2');
SELECT temporal.test_advance('23:59:59');
SELECT temporal.signal('in-time-2', 'approve', '["ann", true]');
SELECT temporal.test_drive('closed', 'in-time-2');
SELECT is(temporal.result('in-time-2'), '"approved"', 'approved in the last second');

-- ---------- all_handlers_finished ----------

CREATE FUNCTION upload(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 hour');
	PERFORM temporal.set_state('uploaded', coalesce(temporal.state('uploaded'), '[]') || to_jsonb(name));
END $$;
CREATE FUNCTION uploads() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_signal('close');
	-- wait for any signal and update handlers in progress to complete
	PERFORM temporal.wait_condition('temporal.all_handlers_finished()');
	RETURN temporal.state('uploaded');
END $$;
SELECT temporal.register_workflow('uploads', signals => '{"upload": "upload"}');
SELECT temporal.start_workflow('uploads', id => 'uploads-1');
SELECT temporal.signal('uploads-1', 'upload', '"a"'), temporal.signal('uploads-1', 'upload', '"b"'), temporal.signal('uploads-1', 'close');
SELECT temporal.test_drive('closed', 'uploads-1');
SELECT is(temporal.result('uploads-1'), '["a", "b"]', 'no handler is left behind');

-- ---------- dynamic handlers and workflows ----------

CREATE FUNCTION flexible() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('state ? ''done''');
	RETURN temporal.state('received');
END $$;
CREATE FUNCTION dynamic_signal(name text, input jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.log('info', format('Received dynamic signal %L: %s', name, input));
	PERFORM temporal.set_state('received', coalesce(temporal.state('received'), '{}') || jsonb_build_object(name, input));
	IF name = 'done' THEN
		PERFORM temporal.set_state('done', true);
	END IF;
END $$;
CREATE FUNCTION dynamic_query(name text, input jsonb) RETURNS text LANGUAGE sql AS $$SELECT format('Dynamic query %L handled', name)$$;
CREATE FUNCTION dynamic_workflow(name text, input jsonb) RETURNS text LANGUAGE sql AS $$SELECT format('%s: Hello, %s!', name, input #>> '{}')$$;
SELECT temporal.register_workflow('FlexibleWorkflow', 'flexible', signals => '{"*": "dynamic_signal"}', queries => '{"*": "dynamic_query"}');
SELECT temporal.register_workflow('*', 'dynamic_workflow');
SELECT temporal.start_workflow('FlexibleWorkflow', id => 'flexible-1');
SELECT temporal.test_drive();
SELECT is(temporal.query('flexible-1', 'anything'), '"Dynamic query ''anything'' handled"', 'a dynamic query');
SELECT temporal.signal('flexible-1', 'color', '"red"'), temporal.signal('flexible-1', 'done');
SELECT temporal.test_drive();
SELECT is(temporal.result('flexible-1') ->> 'color', 'red', 'a dynamic signal');
SELECT is(temporal.test_run('Whatever', '"World"'), '"Whatever: Hello, World!"', 'a dynamic workflow');

SELECT * FROM finish();
ROLLBACK;
