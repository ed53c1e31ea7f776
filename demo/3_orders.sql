SELECT temporal.start_workflow('place_order',
	jsonb_build_object('order_id', 'order-' || customer, 'customer', customer, 'item', 'lamp', 'price', 30),
	id => 'order-' || customer) AS started
FROM unnest(ARRAY['ann', 'bob']) AS customer;
