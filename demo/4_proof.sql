-- ann has paid once and gets her lamp, bob has all his money back, one lamp is
-- gone, no money has come from nowhere, and no step has been done twice.
CREATE VIEW proof AS
	SELECT 'balance of ' || name AS what,
		CASE name WHEN 'ann' THEN 70 WHEN 'bob' THEN 100 WHEN 'shop' THEN 30 END AS expected,
		balance AS found
	FROM account
	UNION ALL
	SELECT 'all money', 200, sum(balance)::int FROM account
	UNION ALL
	SELECT 'lamps in stock', 4, quantity FROM stock WHERE item = 'lamp'
	UNION ALL
	SELECT 'times ' || order_id || ': ' || step, expected,
		(SELECT count(*)::int FROM journal AS j WHERE (j.order_id, j.step) = (plan.order_id, plan.step))
	FROM (VALUES ('order-ann', 'charge', 1), ('order-ann', 'reserve', 1), ('order-ann', 'ship', 1),
			('order-ann', 'release', 0), ('order-ann', 'refund', 0),
			('order-bob', 'charge', 1), ('order-bob', 'reserve', 1), ('order-bob', 'ship', 0),
			('order-bob', 'release', 1), ('order-bob', 'refund', 1)) AS plan (order_id, step, expected)
	UNION ALL
	SELECT 'steps in the journal', 7, count(*)::int FROM journal;

SELECT *, CASE WHEN expected = found THEN 'ok' ELSE 'WRONG' END AS verdict FROM proof;
