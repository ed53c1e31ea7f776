CREATE FUNCTION place_order(order_id text, customer text, item text, price int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	reserved boolean := false;
	parcel text;
BEGIN
	PERFORM temporal.execute_activity('charge', jsonb_build_array(order_id, customer, price));
	BEGIN
		PERFORM temporal.execute_activity('reserve', jsonb_build_array(order_id, item));
		reserved := true;
		PERFORM temporal.sleep('8 seconds');      -- the courier comes then; '3 days' would do as well
		parcel := temporal.from_jsonb(
			temporal.execute_activity('ship', jsonb_build_array(order_id, customer)), NULL::text);
	EXCEPTION WHEN SQLSTATE 'TF002' THEN              -- a step has failed for good: undo the others
		IF reserved THEN
			PERFORM temporal.execute_activity('release', jsonb_build_array(order_id, item));
		END IF;
		PERFORM temporal.execute_activity('refund', jsonb_build_array(order_id, customer, price));
		RETURN 'refunded: ' || temporal.failure_type();
	END;
	RETURN 'shipped: ' || parcel;
END
$$;

SELECT temporal.register_activity(step) FROM unnest(ARRAY['charge', 'refund', 'reserve', 'release', 'ship']) AS step
\g /dev/null
SELECT temporal.register_workflow('place_order')
\g /dev/null
