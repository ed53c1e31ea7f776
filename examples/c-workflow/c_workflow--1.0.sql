-- An order: confirmed by a signal, paid, delivered by a child workflow.

CREATE TABLE stock (item text PRIMARY KEY, quantity integer NOT NULL CHECK (quantity >= 0));
CREATE TABLE payment (order_id text PRIMARY KEY, amount integer NOT NULL);
SELECT pg_catalog.pg_extension_config_dump('stock', '');
SELECT pg_catalog.pg_extension_config_dump('payment', '');

-- activities
CREATE FUNCTION reserve(item text, quantity integer) RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shop_reserve';
CREATE FUNCTION release(item text, quantity integer) RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shop_release';
CREATE FUNCTION charge(order_id text, amount integer) RETURNS integer LANGUAGE c AS 'MODULE_PATHNAME', 'shop_charge';

-- workflows
CREATE FUNCTION order_workflow(item text, quantity integer DEFAULT 1) RETURNS jsonb LANGUAGE c AS 'MODULE_PATHNAME', 'shop_order';
CREATE FUNCTION delivery(item text, milliseconds integer DEFAULT 100) RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'shop_delivery';

-- handlers of the order
CREATE FUNCTION confirm(customer text) RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shop_confirm';
CREATE FUNCTION progress() RETURNS jsonb LANGUAGE c AS 'MODULE_PATHNAME', 'shop_progress';
CREATE FUNCTION set_quantity(quantity integer) RETURNS integer LANGUAGE c AS 'MODULE_PATHNAME', 'shop_set_quantity';
CREATE FUNCTION check_quantity(quantity integer) RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shop_check_quantity';

-- a client
CREATE FUNCTION place_order(item text, quantity integer) RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'shop_place_order';

-- Once in a database, by whoever is to own the workflows. Not by this script:
-- registrations are data, which a dump restores beside the extension.
CREATE FUNCTION register() RETURNS void LANGUAGE sql SET search_path = @extschema@, pg_temp AS $$
	SELECT temporal.register_activity('reserve', 'shop.reserve'),
		temporal.register_activity('release', 'shop.release'),
		temporal.register_activity('charge', 'shop.charge'),
		temporal.register_workflow('delivery', 'shop.delivery'),
		temporal.register_workflow('order', 'shop.order_workflow',
			signals => '{"confirm": "shop.confirm"}',
			queries => '{"progress": "shop.progress"}',
			updates => '{"set_quantity": ["shop.set_quantity", "shop.check_quantity"]}');
$$;
